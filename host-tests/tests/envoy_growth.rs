//! Replies that redaction makes longer than they came, on a real Envoy: the proxy lives, and shows what fits or says why not.

use std::time::Duration;

use serde_json::{Value, json};
use toolgate_host::wasm;
use toolgate_rig::envoy::{Config, Envoy, Options};
use toolgate_rig::identity::{Client, Reply};
use toolgate_rig::wire::{self, Framing, Upstream};

const MIB: usize = 1 << 20;

/// A reply to grow, and what becomes of it.
#[derive(Clone)]
struct Case {
    name: &'static str,
    /// `results` of the policy.
    results: Value,
    holds_headers: bool,
    /// The stream's buffer.
    limit: usize,
    status: u16,
    media: &'static str,
    body: String,
    /// Pieces of the body that come apart.
    pieces: usize,
    shown: Shown,
}

#[derive(Clone, Copy)]
enum Shown {
    /// With the masks of the policy, longer than it came.
    Redacted,
    /// With stars, exactly as long as it came.
    Starred,
    Withheld,
}

/// A tool result with this text.
fn result(text: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 7, "result": {"content": [{"type": "text", "text": text}]}})
        .to_string()
}

fn cases() -> Vec<Case> {
    let email = || json!({"redact": ["email"]});
    let long =
        || json!({"redact": [{"regex": "[0-9]{3}", "with": "[number removed by company policy]"}]});
    let addresses = || "a@b.cc ".repeat(65_000);
    let case = Case {
        name: "a result",
        results: email(),
        holds_headers: true,
        limit: MIB,
        status: 200,
        media: "application/json",
        body: result(&addresses()),
        pieces: 4,
        shown: Shown::Starred,
    };
    let like = |name| Case {
        name,
        ..case.clone()
    };
    vec![
        like("a result"),
        Case {
            holds_headers: false,
            ..like("headers that have gone")
        },
        Case {
            media: "text/plain",
            body: addresses(),
            ..like("text")
        },
        Case {
            status: 502,
            media: "text/html",
            body: format!("<p>{}</p>", addresses()),
            ..like("an error page")
        },
        Case {
            limit: 8 * MIB,
            body: result(&"a@b.cc ".repeat(585_000)),
            ..like("the shipped buffer")
        },
        Case {
            results: long(),
            body: result(&"123,".repeat(100_000)),
            ..like("a long mask of the operator's")
        },
        Case {
            // HTTP/2's smallest window unless it is set.
            limit: 65_536,
            body: result(&"a@b.cc ".repeat(3_000)),
            ..like("a small reply in a small buffer")
        },
        Case {
            limit: 65_536,
            body: result(&"a@b.cc ".repeat(1_500)),
            shown: Shown::Redacted,
            ..like("a small reply that grows")
        },
        Case {
            results: json!({"deny_if": [{"contains": "a@b", "on_deny": "no ".repeat(20_000)}]}),
            body: result("a@b.cc"),
            shown: Shown::Withheld,
            ..like("a long refusal of the operator's")
        },
    ]
}

fn start(case: &Case, upstream: &Upstream) -> Envoy {
    let policy = json!({
        "version": "1", "default": "allow", "results": case.results,
        "http": {"hold_request_headers": case.holds_headers},
    });
    let limit = format!("per_connection_buffer_limit_bytes: {}", case.limit);
    let config = Config::production()
        .and_then(|config| config.wasm(&wasm::artifact()?))
        .and_then(|config| config.upstream(([127, 0, 0, 1], upstream.port()).into()))
        .and_then(|config| config.replace("per_connection_buffer_limit_bytes: 8388608", &limit))
        .and_then(|config| config.policy_json(&policy.to_string()))
        .expect("a configuration");
    Envoy::start(config, &Options::default()).expect("Envoy")
}

fn reply(case: &Case) -> wire::Reply {
    let body = case.body.as_bytes();
    let pieces = body.chunks(body.len().div_ceil(case.pieces));
    wire::Reply {
        status: case.status,
        headers: vec![(b"content-type".to_vec(), case.media.as_bytes().to_vec())],
        framing: Framing::ContentLength,
        chunks: pieces
            .map(|piece| (Duration::from_millis(20), piece.to_vec()))
            .collect(),
        trailers: Vec::new(),
    }
}

fn judge(case: &Case, reply: &Reply) {
    let name = case.name;
    match case.shown {
        Shown::Redacted => {
            let text = reply.body["result"]["content"][0]["text"].as_str();
            let text = text.unwrap_or_else(|| panic!("{name}: {reply:?}"));
            assert!(
                text.len() > case.body.len() && !text.contains('@'),
                "{name}"
            );
        }
        Shown::Starred => {
            assert!(
                !reply.text.contains("a@b.cc") && !reply.text.contains("123,"),
                "{name}"
            );
            assert!(reply.text.contains("***"), "{name}: {reply:?}");
            assert!(reply.text.len() <= case.body.len().max(32 * 1024), "{name}");
        }
        Shown::Withheld => {
            assert!(
                !reply.text.contains("a@b.cc") && !reply.text.contains("123,"),
                "{name}"
            );
            assert_eq!(reply.rule(), "/results/room", "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_would_grow_ends_no_proxy() {
    let upstream = Upstream::start().expect("a server");
    for case in cases() {
        let mut envoy = start(&case, &upstream);
        let client = Client::new(&envoy.url("/mcp"));
        upstream.script(Some(reply(&case)));
        let grown = client.call("echo", json!({})).await;
        upstream.script(None);
        let after = client.call("echo", json!({})).await;
        assert!(
            envoy.is_running(),
            "{}: Envoy has ended:\n{}",
            case.name,
            envoy.log()
        );
        let grown = grown.unwrap_or_else(|error| panic!("{}: {error:#}", case.name));
        judge(&case, &grown);
        assert!(
            after.is_ok_and(|reply| reply.status == 200),
            "{}",
            case.name
        );
    }
}
