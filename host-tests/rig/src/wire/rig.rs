//! A real Envoy with the gate in it, between the raw clients and the raw upstream.
//!
//! The proxy is set up to be as permissive as a careless operator might leave it: trailers on, upgrades on, CONNECT on, no
//! path normalisation. What Envoy would let through, the gate has to stop.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::case::{RequestCase, ordinary_headers};
use super::client1::{Outcome, Session};
use super::upstream::{Mark, SENTINEL, Upstream};
use super::upstream2::Upstream2;
use crate::envoy::{Envoy, Options};

/// The policy that the corpus is written for, unless a case names another.
pub const DEFAULT_POLICY: &str = r#"{"version":"1","default":"deny","tools":{"echo":{}}}"#;

/// Larger than any reply the gate inspects.
const BUFFER_BYTES: u64 = 8 * 1024 * 1024;

/// The running parts. Dropping it stops them.
pub struct Rig {
    pub upstream: Upstream,
    pub upstream2: Upstream2,
    envoy: Envoy,
    ports: Ports,
    vms_at_start: u64,
}

struct Ports {
    plain: u16,
    trailers: u16,
    http2_upstream: u16,
}

/// Which way a case takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// No trailers on HTTP/1.1, an HTTP/1.1 upstream.
    Plain,
    /// `enable_trailers` on both sides.
    Trailers,
    /// An HTTP/2 upstream.
    Http2Upstream,
}

impl Rig {
    /// Starts Envoy with the gate and a policy; without a wasm file Envoy forwards everything.
    pub fn start(version: &str, wasm: Option<&Path>, policy: &str) -> Result<Self> {
        let upstream = Upstream::start()?;
        let upstream2 = Upstream2::start()?;
        let config = bootstrap(wasm, policy, upstream.port(), upstream2.port())?;
        let options = Options {
            version: version.to_owned(),
            log_level: "warning".to_owned(),
            ..Options::default()
        };
        let envoy = Envoy::start(config.to_string(), &options)?;
        let port = |name: &str| {
            envoy
                .listener(name)
                .map(|address| address.port())
                .with_context(|| format!("no listener `{name}`"))
        };
        let ports = Ports {
            plain: port("plain")?,
            trailers: port("trailers")?,
            http2_upstream: port("http2_upstream")?,
        };
        let mut rig = Self {
            upstream,
            upstream2,
            envoy,
            ports,
            vms_at_start: 0,
        };
        rig.vms_at_start = rig.vms()?;
        Ok(rig)
    }

    #[must_use]
    pub fn port(&self, lane: Lane) -> u16 {
        match lane {
            Lane::Plain => self.ports.plain,
            Lane::Trailers => self.ports.trailers,
            Lane::Http2Upstream => self.ports.http2_upstream,
        }
    }

    /// How many filter VMs had to be started again since the start.
    pub fn reloads(&self) -> Result<u64> {
        Ok(self.vms()?.saturating_sub(self.vms_at_start))
    }

    /// Whether the proxy process itself still runs.
    pub fn is_running(&mut self) -> bool {
        self.envoy.is_running()
    }

    /// The end of Envoy's log, for reports.
    #[must_use]
    pub fn log(&self) -> String {
        self.envoy.log()
    }

    fn vms(&self) -> Result<u64> {
        let stats = self.envoy.stats("wasm.")?;
        let created = stats.iter().filter(|(name, _)| name.ends_with(".created"));
        Ok(created.map(|(_, count)| count).sum())
    }

    /// Sends an allowed request of our own through the same worker. Once it is answered, whatever the case before it made the
    /// proxy send has been sent, and the gate is known to be alive. Returns how the gate was before that.
    pub fn probe(&self, lane: Lane) -> Result<Option<String>> {
        let mut headers = ordinary_headers();
        headers.push((SENTINEL.to_owned(), "1".to_owned()));
        let mut trouble = None;
        for _ in 0..40 {
            let mut session = Session::open(self.port(lane))?;
            match session.exchange(
                "POST",
                "/mcp",
                &headers,
                br#"{"jsonrpc":"2.0","id":"probe","method":"ping"}"#,
            ) {
                // Where the policy asks for a credential, being turned away is as good a sign of life.
                Outcome::Answered(answers)
                    if answers
                        .iter()
                        .all(|answer| matches!(answer.status, 200 | 401)) =>
                {
                    return Ok(trouble);
                }
                other => {
                    trouble = Some(format!(
                        "the next request of another client got {}",
                        describe(&other)
                    ))
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!(
            "the gate does not answer an ordinary ping any more: {}",
            trouble.unwrap_or_default()
        )
    }

    /// Where the record of both upstreams stands.
    #[must_use]
    pub fn mark(&self, lane: Lane) -> Mark {
        if lane == Lane::Http2Upstream {
            self.upstream2.mark()
        } else {
            self.upstream.mark()
        }
    }
}

/// The lane that a request case needs.
#[must_use]
pub fn lane(case: &RequestCase) -> Lane {
    let trailers =
        !case.http.trailers.is_empty() || case.http.envoy.as_deref() == Some("enable_trailers");
    if trailers {
        Lane::Trailers
    } else {
        Lane::Plain
    }
}

/// An outcome in a few words.
#[must_use]
pub fn describe(outcome: &Outcome) -> String {
    use super::client1::preview;
    let answers = |all: &[super::client1::Answer]| {
        let one = |answer: &super::client1::Answer| {
            format!("{} {}", answer.status, preview(&answer.body))
        };
        all.iter().map(one).collect::<Vec<_>>().join(" + ")
    };
    match outcome {
        Outcome::Answered(all) => answers(all),
        Outcome::Cut(all, how) => format!(
            "{} then {how}",
            if all.is_empty() {
                "nothing".to_owned()
            } else {
                answers(all)
            }
        ),
        Outcome::Hung(what) => format!("a hang: {what}"),
        Outcome::Aborted => "nothing: it hung up".to_owned(),
        Outcome::NotSent(why) => format!("not sent: {why}"),
    }
}

fn bootstrap(wasm: Option<&Path>, policy: &str, upstream: u16, upstream2: u16) -> Result<Value> {
    let gate = wasm.map(|path| gate(path, policy)).transpose()?;
    let listeners = [
        ("plain", "http1", false),
        ("trailers", "http1", true),
        ("http2_upstream", "http2", true),
    ]
    .map(|(name, cluster, trailers)| listener(name, cluster, trailers, gate.as_ref()));
    Ok(json!({
        "admin": {"address": any_port(0)},
        "static_resources": {
            "listeners": listeners,
            "clusters": [
                cluster("http1", upstream, &json!({"http_protocol_options": {"enable_trailers": true}})),
                cluster("http2", upstream2, &json!({"http2_protocol_options": {}})),
            ],
        },
    }))
}

fn gate(wasm: &Path, policy: &str) -> Result<Value> {
    let wasm = wasm.to_str().context("the filter's path is not UTF-8")?;
    Ok(json!({
        "name": "toolgate",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "toolgate",
                "root_id": "toolgate",
                "failure_policy": "FAIL_RELOAD",
                "allow_on_headers_stop_iteration": true,
                "vm_config": {
                    "vm_id": "toolgate-wire",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": wasm}},
                },
                "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": policy},
            },
        },
    }))
}

fn listener(name: &str, cluster: &str, trailers: bool, gate: Option<&Value>) -> Value {
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    });
    let filters: Vec<_> = gate.into_iter().cloned().chain([router]).collect();
    json!({
        "name": name,
        "address": any_port(0),
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": name,
                "codec_type": "AUTO",
                "http_protocol_options": {"enable_trailers": trailers},
                // Envoy ends a connection at the second empty frame in a row; here the gate is to see them.
                "http2_protocol_options": {
                    "allow_connect": true,
                    "max_consecutive_inbound_frames_with_empty_payload": 10_000,
                },
                "upgrade_configs": [{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}],
                "http_filters": filters,
                "route_config": {"virtual_hosts": [{
                    "name": "all",
                    "domains": ["*"],
                    "routes": [
                        {"match": {"connect_matcher": {}}, "route": {
                            "cluster": cluster,
                            "timeout": "0s",
                            "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}],
                        }},
                        {"match": {"prefix": ""}, "route": {"cluster": cluster, "timeout": "0s"}},
                    ],
                }]},
            },
        }]}],
    })
}

fn cluster(name: &str, port: u16, protocol: &Value) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": any_port(port)}}]}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            // One request per connection: every connection in the record belongs to one case.
            "common_http_protocol_options": {"max_requests_per_connection": 1},
            "explicit_http_config": protocol,
        }},
    })
}

fn any_port(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}
