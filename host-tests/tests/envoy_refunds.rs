//! Whose answer it is decides what a charge was for, in a real Envoy: filters behind the gate answer before anything has left,
//! and a server that has answered has run the call, however its connection ends.

use serde_json::{Value, json};
use toolgate_rig::envoy::{Config, Envoy, Options};
use toolgate_rig::identity::{Client, Reply};
use toolgate_rig::upstream::Upstream;

/// Filters behind the gate, each of which answers requests with its own header.
const BEHIND: &str = r#"          - name: fault
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
              abort: {http_status: 503, percentage: {numerator: 100, denominator: HUNDRED}}
              headers: [{name: x-fault, present_match: true}]
          - name: rbac
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
              rules:
                action: DENY
                policies:
                  marked:
                    permissions: [{header: {name: x-rbac, present_match: true}}]
                    principals: [{any: true}]
          - name: lua
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
              default_source_code:
                inline_string: |
                  function envoy_on_request(handle)
                    if handle:headers():get("x-lua") then
                      handle:respond({[":status"] = "429"}, "slow down")
                    end
                  end
          - name: limit
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: limit
              token_bucket: {max_tokens: 1000, tokens_per_fill: 1, fill_interval: 3600s}
              filter_enabled: {default_value: {numerator: 100, denominator: HUNDRED}}
              filter_enforced: {default_value: {numerator: 100, denominator: HUNDRED}}
              rate_limits: [{actions: [{request_headers: {header_name: x-limit, descriptor_key: limited}}]}]
              descriptors:
              - entries: [{key: limited, value: "yes"}]
                token_bucket: {max_tokens: 1, tokens_per_fill: 1, fill_interval: 3600s}
          - name: envoy.filters.http.router
"#;

struct Rig {
    envoy: Envoy,
    upstream: Upstream,
}

impl Rig {
    async fn start(policy: &Value) -> Self {
        let upstream = Upstream::start().await.unwrap();
        let config = Config::production()
            .unwrap()
            .wasm(&toolgate_host::wasm::artifact().unwrap())
            .unwrap()
            .upstream(upstream.address())
            .unwrap()
            .policy_json(&policy.to_string())
            .unwrap()
            .replace("          - name: envoy.filters.http.router\n", BEHIND)
            .unwrap();
        let envoy = Envoy::start(config, &Options::default()).unwrap();
        Rig { envoy, upstream }
    }

    async fn balance(&self, header: Option<&str>) -> Reply {
        let client = Client::new(&self.envoy.url("/mcp"));
        let client = match header {
            Some(name) => client.header(name, "yes"),
            None => client,
        };
        client.call("get_balance", json!({})).await.unwrap()
    }
}

fn policy(max: u32) -> Value {
    json!({
        "version": "1",
        "tools": {"get_balance": {"limits": [{"counter": "calls", "max": max, "window": "month"}]}},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_filter_behind_the_gate_answers_has_not_run() {
    let rig = Rig::start(&policy(2)).await;
    // The first of it passes: the bucket holds one token.
    assert!(rig.balance(Some("x-limit")).await.ran());
    for (header, status) in [
        ("x-fault", 503),
        ("x-rbac", 403),
        ("x-lua", 429),
        ("x-limit", 429),
    ] {
        for _ in 0..2 {
            let reply = rig.balance(Some(header)).await;
            assert_eq!(
                (reply.status, reply.rule()),
                (status, ""),
                "{header}: {reply:?}"
            );
        }
    }
    assert_eq!(rig.upstream.mark(), 1);
    assert!(rig.balance(None).await.ran());
    let rule = "/tools/get_balance/limits/calls";
    assert_eq!(rig.balance(None).await.rule(), rule);
    assert_eq!(rig.upstream.mark(), 2);
}
