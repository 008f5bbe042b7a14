//! A header that an earlier filter sets.

use serde_json::json;
use toolgate_rig::envoy::{Config, Options};
use toolgate_rig::identity::Place;

use super::rig::{Rig, holds};

/// Envoy's own header_mutation stands for the filter that knows who calls, such as `ext_authz`.
fn config(action: &str) -> Config {
    let policy = json!({
        "version": "1",
        "identity": {"sources": [{"header": {"name": "x-user", "policy": "staff"}}]},
        "policies": {"staff": {"tools": {"get_balance": {"require": [
            {"conditions": [{"path": "identity.id", "op": "eq", "value": "ana"}]},
        ]}}}},
    });
    let trusted = format!(
        r#"          - name: who
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
              mutations:
                request_mutations:
                - append: {{header: {{key: x-user, value: "%REQ(x-verified)%"}}, append_action: {action}}}
          - name: toolgate
"#
    );
    let config = Config::ecds().unwrap();
    let config = config
        .wasm(&toolgate_host::wasm::artifact().unwrap())
        .unwrap();
    let config = config.policy_json(&policy.to_string()).unwrap();
    config
        .replace("          - name: toolgate\n", &trusted)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_filter_before_the_gate_says_who_calls_and_the_server_does_not_see_it() {
    let config = config("OVERWRITE_IF_EXISTS_OR_ADD");
    let rig = Rig::start(config, Place::new().unwrap(), &Options::default()).await;
    let client = rig.client().header("x-user", "ana");

    let eve = client.clone().header("x-verified", "eve");
    let denied = eve.call("get_balance", json!({})).await.unwrap();
    assert_eq!(denied.rule(), "/tools/get_balance/require/identity.id-eq");
    let ana = rig.client().header("x-verified", "ana");
    assert!(ana.call("get_balance", json!({})).await.unwrap().ran());
    let records = rig.upstream.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].header("x-user"), None);
    let audit = rig.audit(2);
    holds(&audit[0], &[("principal", "eve"), ("source", "header")]);
    holds(&audit[1], &[("principal", "ana"), ("policy", "staff")]);
}

/// A filter that adds where it should replace leaves the client's value in front of its own.
#[tokio::test(flavor = "multi_thread")]
async fn two_values_are_nobody() {
    let config = config("APPEND_IF_EXISTS_OR_ADD");
    let rig = Rig::start(config, Place::new().unwrap(), &Options::default()).await;
    let forged = rig
        .client()
        .header("x-user", "ana")
        .header("x-verified", "eve");
    rig.refuses(
        401,
        "/identity/unknown",
        forged.call("get_balance", json!({})),
    )
    .await;
    assert_eq!(rig.upstream.connections(), 0);
}
