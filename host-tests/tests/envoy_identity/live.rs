//! A grant that is revoked while its session is open.

use std::time::{Duration, Instant};

use rmcp::ServiceExt as _;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation, ProtocolVersion,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::json;

use super::grants::{PAYMENTS, SUPPORT, policy};
use super::rig::{Rig, turned_away};

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_grant_ends_within_a_second_and_other_sessions_go_on() {
    let rig = Rig::ecds(&policy()).await;
    let session = |token: &str| {
        let config = StreamableHttpClientTransportConfig::with_uri(rig.envoy.url("/mcp"));
        let transport = StreamableHttpClientTransport::from_config(config.auth_header(token));
        ClientConfig::new(
            ClientCapabilities::default(),
            Implementation::new("live", "1"),
        )
        .with_protocol_version(ProtocolVersion::V_2025_11_25)
        .serve(transport)
    };
    let (payments, support) = (
        session(PAYMENTS).await.unwrap(),
        session(SUPPORT).await.unwrap(),
    );
    let balance = || CallToolRequestParams::new("get_balance");
    let issues = || CallToolRequestParams::new("list_issues");
    payments.call_tool(balance()).await.unwrap();
    support.call_tool(issues()).await.unwrap();

    let mut revoked = policy();
    revoked["grants"][0]["revoked"] = json!(true);
    let config = rig
        .config
        .clone()
        .policy_json(&revoked.to_string())
        .unwrap();
    rig.envoy.publish(config.filter().unwrap()).unwrap();
    let published = Instant::now();
    let error = loop {
        match payments.call_tool(balance()).await {
            Ok(_) => assert!(
                published.elapsed() < Duration::from_secs(1),
                "{}",
                rig.envoy.log()
            ),
            Err(error) => break error,
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    println!("revoked after {:?}: {error}", published.elapsed());
    assert!(published.elapsed() < Duration::from_secs(1));
    // The SDK says that it is about authentication: no tool result, and no broken connection.
    assert!(
        format!("{error:?}").to_lowercase().contains("auth"),
        "{error:?}"
    );

    support.call_tool(issues()).await.unwrap();
    let mark = rig.upstream.mark();
    let reply = rig
        .client()
        .bearer(PAYMENTS)
        .call("get_balance", json!({}))
        .await
        .unwrap();
    turned_away(&reply, 401, "/identity/revoked");
    assert_eq!(rig.upstream.mark(), mark);
}
