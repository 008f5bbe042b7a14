//! An upstream, an Envoy in front of it, and what both remember.

use std::time::{Duration, Instant};

use serde_json::Value;
use toolgate_rig::envoy::{Config, Envoy, Options};
use toolgate_rig::identity::{Client, Place, Reply};
use toolgate_rig::upstream::Upstream;

/// The hash that the shipped configurations hold: nobody's token.
pub const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

pub struct Rig {
    pub upstream: Upstream,
    pub envoy: Envoy,
    pub config: Config,
    /// Keeps the files of a shipped configuration.
    pub place: Place,
}

impl Rig {
    /// The configuration that is changed live, with this policy.
    pub async fn ecds(policy: &Value) -> Rig {
        let config = Config::ecds().unwrap();
        let config = config
            .wasm(&toolgate_host::wasm::artifact().unwrap())
            .unwrap();
        let config = config.policy_json(&policy.to_string()).unwrap();
        Rig::start(config, Place::new().unwrap(), &Options::default()).await
    }

    pub async fn start(config: Config, place: Place, options: &Options) -> Rig {
        let upstream = Upstream::start().await.unwrap();
        let config = config.upstream(upstream.address()).unwrap();
        let envoy = Envoy::start(config.clone(), options).unwrap();
        Rig {
            upstream,
            envoy,
            config,
            place,
        }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.envoy.url("/mcp"))
    }

    /// Publishes another policy of [`Rig::ecds`] and returns when Envoy has accepted it.
    pub fn publish(&self, policy: &Value) {
        let accepted = || {
            let stats = self.envoy.stats("extension_config_discovery.").unwrap();
            stats["extension_config_discovery.http_filter.toolgate.update_success"]
        };
        let before = accepted();
        let config = self.config.clone();
        let config = config.policy_json(&policy.to_string()).unwrap();
        self.envoy.publish(config.filter().unwrap()).unwrap();
        let began = Instant::now();
        while accepted() == before {
            assert!(began.elapsed() < PATIENCE, "{}", self.envoy.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The gate's record of each request, in order; null for one without.
    pub fn audit(&self, requests: usize) -> Vec<Value> {
        let lines = self.envoy.access_records(requests, PATIENCE);
        assert_eq!(lines.len(), requests, "{lines:?}");
        let record = |line: &Value| line["toolgate"].as_str().map(str::to_owned);
        let records = lines.iter().map(record);
        records
            .map(|text| text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap()))
            .collect()
    }

    /// A caller that is turned away gets this status and rule with a challenge, never a tool result; and nothing goes
    /// upstream.
    pub async fn refuses(&self, status: u16, rule: &str, reply: impl Future<Output = Sent>) {
        let mark = self.upstream.mark();
        let reply = reply.await.unwrap();
        turned_away(&reply, status, rule);
        assert_eq!(self.upstream.mark(), mark, "something went upstream");
    }
}

pub type Sent = anyhow::Result<Reply>;

pub const PATIENCE: Duration = Duration::from_secs(10);

#[track_caller]
pub fn turned_away(reply: &Reply, status: u16, rule: &str) {
    assert_eq!((reply.status, reply.rule()), (status, rule), "{reply:?}");
    assert!(!reply.is_tool_result(), "{reply:?}");
    if status == 400 {
        // Not a matter of who calls: nobody can say what the request presents.
        return;
    }
    let challenge = reply.header("www-authenticate");
    let error = match rule {
        "/identity/missing" => "",
        _ if status == 403 => "insufficient_scope",
        _ => "invalid_token",
    };
    assert!(challenge.starts_with("Bearer ") && challenge.contains(error));
}

/// Every text of `parts` in a record has this value.
#[track_caller]
pub fn holds(record: &Value, parts: &[(&str, &str)]) {
    for (name, value) in parts {
        assert_eq!(record[name], *value, "{name} of {record}");
    }
}
