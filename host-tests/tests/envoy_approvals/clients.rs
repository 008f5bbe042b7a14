//! Real clients of a real server wait, and notice nothing.

use std::time::{Duration, Instant};

use rmcp::ServiceExt as _;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation, ProtocolVersion,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::json;
use toolgate_rig::upstream;

use super::rig::{ALICE, Rig, policy};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_held_for_twelve_seconds_returns_its_result() {
    let server = upstream::Upstream::start().await.unwrap();
    let tools =
        json!({"get_balance": {}, "list_issues": {"approval": {"timeout": "30m", "hold": "45s"}}});
    let wasm = toolgate_host::wasm::artifact().unwrap();
    let policy = policy(tools, json!({}));
    let rig = Rig::before(Some(server.address()), &wasm, &policy, |config| config);

    let url = format!("http://{}/mcp", rig.envoy.listener("mcp").unwrap());
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    let transport = StreamableHttpClientTransport::from_config(config.auth_header(ALICE));
    let client = ClientConfig::new(
        ClientCapabilities::default(),
        Implementation::new("patient", "1"),
    );
    let client = client.with_protocol_version(ProtocolVersion::V_2025_11_25);
    let client = client.serve(transport).await.unwrap();
    let direct = client
        .call_tool(CallToolRequestParams::new("get_balance"))
        .await
        .unwrap();
    assert_ne!(direct.is_error, Some(true));

    let began = Instant::now();
    let calls = || {
        let calls = server.records();
        calls
            .iter()
            .filter(|record| record.tool().as_deref() == Some("list_issues"))
            .count()
    };
    let (result, ()) = tokio::join!(
        client.call_tool(CallToolRequestParams::new("list_issues")),
        async {
            tokio::time::sleep(Duration::from_secs(12)).await;
            assert_eq!(calls(), 0);
            tokio::task::block_in_place(|| rig.approve(&rig.pending()));
        }
    );
    let waited = began.elapsed();
    println!("the client waited {waited:?}");
    assert!(waited >= Duration::from_secs(12));
    assert_ne!(result.unwrap().is_error, Some(true));
    assert_eq!(calls(), 1);
}
