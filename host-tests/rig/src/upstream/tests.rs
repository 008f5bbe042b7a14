use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use serde_json::json;

use super::*;
use crate::demo::client;

fn arguments(value: serde_json::Value) -> rmcp::model::JsonObject {
    serde_json::from_value(value).unwrap()
}

async fn both_eras(version: ProtocolVersion, content_type: &str) {
    let upstream = Upstream::start().await.unwrap();
    let client = client::connect(&upstream.url(), version).await.unwrap();

    let mark = upstream.mark();
    let tools = client.list_all_tools().await.unwrap();
    assert_eq!(
        tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>(),
        NAMES
    );
    let records = upstream.posts_since(mark);
    let [list] = records.as_slice() else {
        panic!("one request was expected: {records:?}");
    };
    assert_eq!(list.rpc_method().as_deref(), Some("tools/list"));
    assert_eq!(list.reply.as_ref().unwrap().content_type, content_type);

    let call = CallToolRequestParams::new("create_refund")
        .with_arguments(arguments(json!({"payment": "p1", "amount": 5})));
    let result = client.call_tool(call).await.unwrap();
    assert_eq!(result.is_error, Some(false));
    assert_eq!(
        upstream.posts_since(0).last().unwrap().tool().as_deref(),
        Some("create_refund")
    );

    let call = CallToolRequestParams::new("create_refund")
        .with_arguments(arguments(json!({"payment": UNKNOWN_PAYMENT, "amount": 5})));
    let error = client.call_tool(call).await.unwrap_err();
    assert!(
        matches!(error, rmcp::ServiceError::McpError(_)),
        "{error:?}"
    );

    let headers = client
        .call_tool(CallToolRequestParams::new("whoami"))
        .await
        .unwrap();
    assert!(headers.structured_content.unwrap()["headers"]["host"].is_string());
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn sessions_are_answered_in_sse() {
    both_eras(ProtocolVersion::V_2025_11_25, "text/event-stream").await;
}

#[tokio::test]
async fn requests_of_2026_are_answered_in_json() {
    both_eras(ProtocolVersion::V_2026_07_28, "application/json").await;
}

#[tokio::test]
async fn a_request_is_on_record_before_its_body() {
    use tokio::io::AsyncWriteExt as _;

    let upstream = Upstream::start().await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(upstream.address())
        .await
        .unwrap();
    stream
        .write_all(b"POST /mcp HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n")
        .await
        .unwrap();
    while upstream.mark() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(upstream.records()[0].body, None);
}
