//! Large requests, lists and results through the shipped configuration in a real Envoy: over HTTP/1.1, HTTP/2 and TLS, to
//! servers of HTTP/1.1 and HTTP/2.
//!
//! In HTTP/2 the window of a stream is also Envoy's buffer for what a filter holds of it: with 64 KiB a longer request is a
//! 413 and a longer reply a 500 after the call has run, whatever the connection's limit (seen on Envoy 1.36.4 and 1.40.0).

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use toolgate_rig::envoy::{Config, DEFAULT_VERSION, Envoy, OLDEST_VERSION, Options};
use toolgate_rig::wire::{Mark, Reply, Upstream, Upstream2};

/// It filters lists, inspects results and looks at arguments: everything is held whole.
const POLICY: &str = r#"{"version": "1", "default": "deny", "hide": ["secret"],
    "results": {"redact": ["email"]},
    "tools": {"get_balance": {"deny_if": [{"conditions": [{"path": "args.text", "op": "eq", "value": "no"}]}]}}}"#;

const SIZES: [usize; 2] = [300_000, 3_000_000];

/// How a client connects.
#[derive(Clone, Copy, Debug)]
enum Lane {
    Http1,
    Http2,
    Tls1,
    Tls2,
    /// HTTP/1.1, without a length.
    Chunked,
}

const LANES: [Lane; 4] = [Lane::Http1, Lane::Http2, Lane::Tls1, Lane::Tls2];

fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/render")
        .join(name)
}

/// The shipped configuration with this policy; on the way in with TLS or without, on the way out in HTTP/2 or 1.1.
fn start(version: &str, tls: bool, http2: bool, port: u16) -> Envoy {
    let mut config = Config::production().unwrap();
    config = config
        .wasm(&toolgate_host::wasm::artifact().unwrap())
        .unwrap()
        .upstream(([127, 0, 0, 1], port).into())
        .unwrap()
        .policy_json(POLICY)
        .unwrap();
    if tls {
        config = config
            .replace(
                "    filter_chains:\n    - filters:\n",
                &format!(
                    r#"    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_certificates:
            - {{certificate_chain: {{filename: {}}}, private_key: {{filename: {}}}}}
      filters:
"#,
                    pem("localhost.pem").display(),
                    pem("localhost-key.pem").display()
                ),
            )
            .unwrap();
    }
    if http2 {
        // As the comment beside it says.
        config = config
            .replace(
                "http_protocol_options: {enable_trailers: true}",
                "http2_protocol_options: {initial_stream_window_size: 8388608, initial_connection_window_size: 16777216}",
            )
            .unwrap();
    }
    let options = Options {
        version: version.to_owned(),
        log_level: "warning".to_owned(),
        ..Options::default()
    };
    Envoy::start(config, &options).unwrap_or_else(|error| panic!("{version}: {error:#}"))
}

/// Sends a body and returns the status, the protocol and the reply.
fn curl(envoy: &Envoy, lane: Lane, body: &str) -> (u16, String, String) {
    let file = envoy.directory().join("request.json");
    std::fs::write(&file, body).unwrap();
    let port = envoy.address().port();
    let (scheme, flag) = match lane {
        Lane::Http1 | Lane::Chunked => ("http", "--http1.1"),
        Lane::Http2 => ("http", "--http2-prior-knowledge"),
        Lane::Tls1 => ("https", "--http1.1"),
        Lane::Tls2 => ("https", "--http2"),
    };
    let output = Command::new("curl")
        .args([
            "-s",
            flag,
            "--max-time",
            "30",
            "-w",
            "\n%{http_code} %{http_version}",
        ])
        .args(["-H", "content-type: application/json", "-H", "expect:"])
        .args(["-H", "accept: application/json, text/event-stream"])
        .args(match lane {
            Lane::Chunked => &["-H", "transfer-encoding: chunked"][..],
            _ => &[],
        })
        .arg("--cacert")
        .arg(pem("localhost.pem"))
        .args(["--resolve", &format!("localhost:{port}:127.0.0.1")])
        .arg("--data-binary")
        .arg(format!("@{}", file.display()))
        .arg(format!("{scheme}://localhost:{port}/mcp"))
        .output()
        .expect("curl");
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, line) = text.rsplit_once('\n').unwrap();
    let (status, protocol) = line.split_once(' ').unwrap();
    (
        status.parse().unwrap(),
        protocol.to_owned(),
        body.to_owned(),
    )
}

fn call(text: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_balance", "arguments": {"text": text}}})
        .to_string()
}

fn list(size: usize) -> Value {
    let tool = |name: String| json!({"name": name, "description": "d".repeat(900), "inputSchema": {"type": "object"}});
    let mut tools: Vec<_> = (0..size / 1000)
        .map(|number| tool(format!("other_{number}")))
        .collect();
    tools.push(json!({"name": "get_balance", "description": "d".repeat(size), "inputSchema": {"type": "object"}}));
    json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}})
}

/// What the server is told to answer, and how often it was asked.
trait Server {
    fn script(&self, reply: Reply);
    fn bodies(&self) -> Vec<Vec<u8>>;
}

macro_rules! server {
    ($kind:ty) => {
        impl Server for $kind {
            fn script(&self, reply: Reply) {
                <$kind>::script(self, Some(reply));
            }
            fn bodies(&self) -> Vec<Vec<u8>> {
                let first = Mark::default();
                let requests = self.seen(first, None).requests;
                requests.into_iter().map(|request| request.body).collect()
            }
        }
    };
}
server!(Upstream);
server!(Upstream2);

fn passes_both_ways(envoy: &Envoy, lane: Lane, server: &dyn Server) {
    for size in SIZES {
        let at = format!("{lane:?}, {size} bytes");
        let protocol = if matches!(lane, Lane::Http2 | Lane::Tls2) {
            "2"
        } else {
            "1.1"
        };
        let ran = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "ran"}]}});

        // A request.
        server.script(Reply::json(ran.to_string()));
        let before = server.bodies().len();
        let request = call(&"x".repeat(size));
        let (status, seen, body) = curl(envoy, lane, &request);
        assert_eq!(
            (status, seen.as_str()),
            (200, protocol),
            "a request, {at}: {body}"
        );
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), ran, "{at}");
        let arrived = server.bodies();
        assert!(
            arrived.len() == before + 1 && arrived.last().unwrap() == request.as_bytes(),
            "{at}"
        );

        // A refused one.
        let refused = call(&"x".repeat(size)).replace("get_balance", "close_account");
        let (status, _, body) = curl(envoy, lane, &refused);
        assert!(
            status == 200 && body.contains("[POLICY DENIED]"),
            "{at}: {status} {body}"
        );
        assert_eq!(server.bodies().len(), before + 1, "{at}");

        // A list: what is not permitted goes.
        server.script(Reply::json(list(size / 2).to_string()));
        let (status, _, body) = curl(
            envoy,
            lane,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
        );
        assert_eq!(status, 200, "a list, {at}");
        let shown: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            shown["result"]["tools"].as_array().unwrap().len(),
            1,
            "{at}"
        );

        // A result: what is found in it is replaced.
        let text = format!("{} ana.maria@mail.example.com", "y".repeat(size));
        let result = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}]}});
        server.script(Reply::json(result.to_string()));
        let (status, _, body) = curl(envoy, lane, &call("t"));
        assert_eq!(status, 200, "a result, {at}");
        assert!(
            body.len() > size && body.contains("[redacted:email]"),
            "{at}: {} bytes",
            body.len()
        );
    }
}

fn every_lane(version: &str) {
    let (one, two) = (Upstream::start().unwrap(), Upstream2::start().unwrap());
    let servers: [(&dyn Server, u16, bool); 2] =
        [(&one, one.port(), false), (&two, two.port(), true)];
    for (server, port, http2) in servers {
        for tls in [false, true] {
            let envoy = start(version, tls, http2, port);
            for lane in LANES {
                if matches!(lane, Lane::Tls1 | Lane::Tls2) == tls {
                    passes_both_ways(&envoy, lane, server);
                }
            }
            // Every record says what the client got.
            let records = envoy.access_records(16, std::time::Duration::from_secs(5));
            assert_eq!(records.len(), 16);
            for record in &records {
                assert_eq!(record["status"], 200, "{record}");
            }
        }
    }
}

#[test]
fn large_messages_pass_in_every_protocol() {
    every_lane(DEFAULT_VERSION);
}

#[test]
fn large_messages_pass_in_every_protocol_of_the_oldest_release() {
    every_lane(OLDEST_VERSION);
}

#[test]
fn what_is_larger_is_read_to_its_end_and_refused_under_its_id() {
    let server = Upstream::start().unwrap();
    for version in [DEFAULT_VERSION, OLDEST_VERSION] {
        let envoy = start(version, false, false, server.port());
        let mut refused = 0;
        for lane in [Lane::Http1, Lane::Chunked, Lane::Http2] {
            // As Python's clients write it: the id comes last.
            for size in [4_200_000, 9_000_000, 40_000_000] {
                let request = format!(
                    r#"{{"method":"tools/call","params":{{"name":"get_balance","arguments":{{"text":"{}"}}}},"jsonrpc":"2.0","id":7}}"#,
                    "x".repeat(size)
                );
                let (status, _, body) = curl(&envoy, lane, &request);
                let at = format!("{version}, {lane:?}, {size} bytes: {status} {body}");
                assert_eq!(status, 200, "{at}");
                let body: Value =
                    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {at}"));
                assert_eq!(body["id"], 7, "{at}");
                let limit = "at most 4194304 bytes (`http.max_body_bytes`)";
                assert!(
                    body["error"]["message"].as_str().unwrap().contains(limit),
                    "{at}"
                );
                refused += 1;
            }
        }
        let records = envoy.access_records(refused, std::time::Duration::from_secs(30));
        assert_eq!(records.len(), refused);
        let sized = |record: &&Value| record.to_string().contains("/protocol/size");
        assert_eq!(records.iter().filter(sized).count(), refused, "{records:?}");
    }
    assert!(server.bodies().is_empty());
}
