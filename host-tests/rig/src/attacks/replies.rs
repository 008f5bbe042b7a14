//! Replies that are to cost much.

use serde_json::{Value, json};

use super::requests::scatter;
use super::{Attack, Reply, call, fill, numbered, results};

const DETECTORS: [&str; 15] = [
    "email",
    "phone",
    "ssn",
    "credit_card",
    "iban",
    "ipv4",
    "aws_key",
    "github_token",
    "google_api_key",
    "slack_token",
    "stripe_key",
    "jwt",
    "private_key",
    "url",
    "url",
];

/// All of them, each of about so many bytes.
pub(super) fn all(bytes: usize) -> Vec<Attack> {
    let mut all = detected(bytes);
    all.extend(patterns(bytes));
    all.extend(places(bytes));
    all.extend(streams(bytes));
    all.extend(listings(bytes));
    all
}

pub(super) fn json_reply(body: String) -> Reply {
    Reply {
        media: "application/json",
        has_length: true,
        body,
    }
}

fn event_stream(body: String) -> Reply {
    Reply {
        media: "text/event-stream",
        has_length: false,
        body,
    }
}

fn result(result: &str) -> Reply {
    json_reply(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#))
}

pub(super) fn content(text: &str) -> Reply {
    result(&format!(
        r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#
    ))
}

fn structured(value: &str) -> Reply {
    result(&format!(r#"{{"content":[],"structuredContent":{value}}}"#))
}

/// A policy with all detectors.
pub(super) fn every_detector() -> Value {
    let mut names: Vec<Value> = DETECTORS.iter().map(|name| json!(name)).collect();
    names.pop();
    results(json!({"redact": names}))
}

/// Texts that detectors look at most often. `01 ` is the worst known; the next three once took squares of time.
fn detected(bytes: usize) -> Vec<Attack> {
    const UNITS: [&str; 18] = [
        "01 ",
        "AIza-",
        "awssecretkey=",
        "http:\\\\!",
        "A\\na://A\\n",
        "a@b.",
        "@",
        "1.",
        "192.168.1.1.",
        "4111 1111 1111 1112 ",
        "GB82 WEST 1234 5698 7654 33 ",
        "+1 (415) 555-",
        "-----BEGIN PRIVATE KEY-----",
        "eyJhbGciOiJub25lIn0.eyJ.",
        "ghp_abcdefghijklmnopqrstuvwxyz012345678-",
        "xoxb-123456789012-",
        "sk_live_abc-",
        "https://a.b/",
    ];
    let mut all: Vec<Attack> = UNITS
        .iter()
        .map(|unit| {
            let name = format!("all detectors, `{unit}`");
            Attack::reply(name, every_detector(), content(&fill(unit, bytes)))
        })
        .collect();
    let numbers = numbered(bytes, |index| format!("41111111111{index:05}"));
    all.push(Attack::reply(
        "all detectors, numbers",
        every_detector(),
        structured(&format!("[{numbers}]")),
    ));
    all.push(Attack::reply(
        "all detectors, many texts",
        every_detector(),
        structured(&format!("[\"\"{}]", fill(",\"a\"", bytes))),
    ));
    all.push(Attack::reply(
        "all detectors, many addresses to mask",
        every_detector(),
        content(&fill("a@b.cc ", bytes)),
    ));
    all.push(Attack::reply(
        "all detectors, escaped addresses to mask",
        every_detector(),
        content(&fill("\\u0061@b.cc ", bytes)),
    ));
    all.push(Attack::reply(
        "all detectors, only recorded",
        json!({"version": "1", "default": "allow", "mode": "shadow",
            "results": {"redact": every_detector()["results"]["redact"]}}),
        content(&fill("01 ", bytes)),
    ));
    all
}

fn hostile_patterns(count: usize) -> Value {
    let redact: Vec<Value> = (0..count)
        .map(|index| json!({"regex": format!("a[ab]{{{}}}c", index + 20)}))
        .collect();
    results(json!({"redact": redact}))
}

/// A piece in many events.
fn in_events(pieces: impl Iterator<Item = String>) -> Reply {
    let events: Vec<String> = pieces
        .map(|text| {
            format!(
                "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"level\":\"info\",\"data\":\"{text}\"}}}}\n\n"
            )
        })
        .collect();
    event_stream(events.concat())
}

fn patterns(bytes: usize) -> Vec<Attack> {
    let near = || results(json!({"redact": [{"regex": "[a-z]{40,100}[0-9]"}]}));
    let parts = |size: usize| {
        let text = scatter("ab", bytes);
        let parts: Vec<String> = text
            .as_bytes()
            .chunks(size)
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect();
        parts.into_iter()
    };
    let lines = parts(8000).map(|text| format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"level\":\"info\",\"data\":\"{text}\"}}}}\n"));
    let forbidden: Vec<Value> = (0..50)
        .map(|index| json!({"contains": format!("aaaaaaaaaaaaaaab{index}")}))
        .collect();
    let shadow = json!({"version": "1", "default": "allow", "mode": "shadow",
        "results": hostile_patterns(5)["results"]});
    vec![
        Attack::reply(
            "a pattern that nearly matches, in one reply",
            near(),
            content(&fill("a", bytes)),
        )
        .against(1),
        Attack::reply(
            "a pattern that nearly matches, in events of 8 KB",
            near(),
            in_events((0..(bytes / 8000).max(1)).map(|_| fill("a", 8000))),
        )
        .against(1),
        Attack::reply(
            "5 patterns with ever new states, in one reply",
            hostile_patterns(5),
            content(&scatter("ab", bytes)),
        )
        .against(5),
        Attack::reply(
            "5 patterns with ever new states, in events of 8 KB",
            hostile_patterns(5),
            in_events(parts(8000)),
        )
        .against(5),
        Attack::reply(
            "5 patterns with ever new states, in events of 100 bytes",
            hostile_patterns(5),
            in_events(parts(100)),
        )
        .against(5),
        Attack::reply(
            "5 patterns with ever new states, in lines of JSON",
            hostile_patterns(5),
            Reply {
                has_length: false,
                ..json_reply(lines.collect::<Vec<_>>().concat())
            },
        )
        .against(5),
        Attack::reply(
            "5 patterns with ever new states, in comments",
            hostile_patterns(5),
            event_stream(parts(100).map(|text| format!(": {text}\n\n")).collect()),
        )
        .against(5),
        Attack::reply(
            "5 patterns with ever new states, only recorded",
            shadow,
            in_events(parts(8000)),
        )
        .against(5),
        Attack::reply(
            "50 forbidden texts",
            results(json!({"deny_if": forbidden})),
            content(&fill("a", bytes)),
        )
        .against(50),
    ]
}

/// Rules on places.
fn places(bytes: usize) -> Vec<Attack> {
    let paths = |count: usize, path: &'static str| {
        let redact: Vec<Value> = (0..count)
            .map(|index| json!({"path": path.replace('N', &format!("{index:02}"))}))
            .collect();
        results(json!({"redact": redact}))
    };
    let keys: Vec<Value> = (0..50)
        .map(|index| json!({"keys": [format!("field_{index:02}"), format!("other_{index:02}")]}))
        .collect();
    let keyed = results(json!({"redact": keys}));
    let members = |key: &dyn Fn(usize) -> String| {
        format!(
            "{{{}}}",
            numbered(bytes, |index| format!("\"{}\":1", key(index)))
        )
    };
    let not_ascii = |index: usize| format!("é{index:07}");
    let escaped = |index: usize| format!("\\u006b{index:05}");
    let in_text = members(&not_ascii).replace('"', "\\\"");
    vec![
        Attack::reply(
            "20 paths, keys that are not ASCII",
            paths(20, "structuredContent.field_N"),
            structured(&members(&not_ascii)),
        ),
        Attack::reply(
            "50 paths, keys in escapes",
            paths(50, "structuredContent.field_N"),
            structured(&members(&escaped)),
        ),
        Attack::reply(
            "50 paths through every element",
            paths(50, "structuredContent[*].field_N"),
            structured(&format!("[1{}]", fill(",1", bytes))),
        ),
        Attack::reply(
            "50 paths through every object",
            paths(50, "structuredContent[*].field_N"),
            structured(&format!("[{{}}{}]", fill(",{}", bytes))),
        ),
        Attack::reply(
            "50 paths that all lead to everything",
            paths(50, "structuredContent[*]"),
            structured(&format!("[1{}]", fill(",1", bytes))),
        ),
        Attack::reply(
            "100 keys, keys that are not ASCII",
            keyed.clone(),
            structured(&members(&not_ascii)),
        ),
        Attack::reply(
            "100 keys, keys in escapes",
            keyed.clone(),
            structured(&members(&escaped)),
        ),
        Attack::reply("100 keys, in a text that is JSON", keyed, content(&in_text)),
        Attack::reply(
            "labels and a limit of bytes",
            json!({"version": "1", "default": "allow", "server": "s", "results": {"label": true,
                "max_bytes": bytes / 2, "over": "truncate"}}),
            result(&format!(
                r#"{{"content":[{{"type":"text","text":"a"}}{}]}}"#,
                fill(r#",{"type":"text","text":"\u0061"}"#, bytes)
            )),
        ),
    ]
}

/// Replies cut into many parts.
fn streams(bytes: usize) -> Vec<Attack> {
    let redacting = || results(json!({"redact": ["email"]}));
    let charged = || json!({"version": "1", "tools": {"echo": {"limits": [{"counter": "c", "max": 1000, "window": "hour"}]}}});
    let counted = || {
        let mut policy = results(json!({"count": {"counter": "bytes", "window": "hour"}}));
        policy["tools"] = json!({"echo": {}});
        policy
    };
    let note = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"x\"}}";
    let under = |id: String, attack: Attack| Attack {
        request: call(&id, "{}"),
        ..attack
    };
    let batch = || {
        let calls = (0..100).map(|id| call(&format!("\"{}{id:03}\"", "i".repeat(900)), "{}"));
        format!("[{}]", calls.collect::<Vec<_>>().join(","))
    };
    let in_batch = |attack: Attack| Attack {
        request: batch(),
        ..attack
    };
    let events = |event: &str| event_stream(fill(event, bytes));
    let notes = || events(&format!("data: {note}\n\n"));
    let answer = r#"{"jsonrpc":"2.0","id":"no","result":{"content":[]}}"#;
    vec![
        under(
            format!("\"{}\"", fill("\\u0069", 1000)),
            Attack::reply("an id of 1,000 bytes, many events", charged(), notes()),
        ),
        under(
            format!("\"{}\"", fill("\\u0069", bytes)),
            Attack::reply(
                "an id as long as it may be, many events",
                charged(),
                notes(),
            ),
        ),
        in_batch(Attack::reply("a batch, many events", charged(), notes())),
        in_batch(Attack::reply(
            "a batch, many answers to nobody",
            charged(),
            events(&format!("data: {answer}\n\n")),
        )),
        in_batch(Attack::reply(
            "a batch, arrays of 999 answers to nobody",
            charged(),
            events(&format!("data: [{}]\n\n", vec![answer; 999].join(","))),
        )),
        in_batch(Attack::reply(
            "a batch, many events that are unreadable",
            redacting(),
            events("data: {\n\n"),
        )),
        Attack::reply(
            "an id of 1,000 bytes, many events that are unreadable",
            redacting(),
            events("data: {\n\n"),
        ),
        Attack::reply("tiny events", redacting(), events("data:1\n\n")),
        Attack::reply("tiny texts", redacting(), events("data:a\n\n")),
        Attack::reply("empty events", redacting(), events("data\n\n")),
        Attack::reply("comments", redacting(), events(":\n\n")),
        Attack::reply("blank lines", redacting(), events("\n")),
        Attack::reply("lines of one event", redacting(), events("data\n")),
        Attack::reply("named lines of one event", redacting(), events("id:1\n")),
        Attack::reply(
            "tiny values",
            redacting(),
            Reply {
                has_length: false,
                ..json_reply(fill("{}\n", bytes))
            },
        ),
        Attack::reply(
            "answers that are counted",
            counted(),
            events("data: {\"result\":1}\n\n"),
        ),
        Attack::reply(
            "an array of answers that are counted",
            counted(),
            json_reply(format!(
                "[{}]",
                vec!["{\"result\":1}"; 999.min(bytes / 13).max(1)].join(",")
            )),
        ),
        Attack::reply(
            "answers of which each is withheld",
            results(json!({"deny_if": [{"contains": "x", "on_deny": "No."}]})),
            events("data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"x\"}\n\n"),
        ),
        Attack::reply("notes that are looked at", redacting(), notes()),
    ]
}

/// Lists that are filtered.
fn listings(bytes: usize) -> Vec<Attack> {
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let listing = |name: &str, policy: Value, tool: &dyn Fn(usize) -> String| {
        let tools = numbered(bytes, tool);
        Attack {
            request: list.to_owned(),
            ..Attack::reply(
                name.to_owned(),
                policy,
                result(&format!(r#"{{"tools":[{tools}]}}"#)),
            )
        }
    };
    let patterns: Vec<Value> = (0..20)
        .map(|index| json!({"conditions": [{"path": "tool.name", "op": "regex", "value": format!("a[ab]{{{}}}c", index + 20)}]}))
        .collect();
    let by_name =
        json!({"version": "1", "default": "allow", "tools": {"*": {"deny_if": patterns}}});
    let pinned = json!({"version": "1", "default": "allow", "pins": {
        "tools": {"echo": format!("sha256:{}", "0".repeat(64))}, "unknown": "hide"}});
    let hidden = json!({"version": "1", "default": "allow", "hide": ["t1", "t2"]});
    let named = |index: usize| format!(r#"{{"name":"t{index}"}}"#);
    let long = |index: usize| format!(r#"{{"name":"{}{index:04}"}}"#, scatter("ab", 90));
    let random = |index: usize| {
        let mut random = toolgate_checks::Random::new(index as u64);
        let name: String = (0..90).map(|_| random.pick(&['a', 'b'])).collect();
        format!(r#"{{"name":"{name}"}}"#)
    };
    vec![
        listing("many tools", hidden.clone(), &named),
        listing("many tools with long names", hidden, &long),
        listing("many tools, 20 patterns on each name", by_name, &random).against(20),
        listing("many tools that are pinned", pinned.clone(), &|_| {
            r#"{"name":"echo"}"#.to_owned()
        }),
        listing("pinned tools with large definitions", pinned, &|_| {
            let keys = numbered(2000, |index| format!("\"k{index:06}\":[{index}]"));
            format!(r#"{{"name":"echo","inputSchema":{{{keys}}}}}"#)
        }),
    ]
}
