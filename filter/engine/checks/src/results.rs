//! Results: what must not be shown is not, however the reply is cut; where nothing is taken out no byte changes.

use serde_json::Value as Json;

use super::body::answered;
use super::gate::results_gate;

const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;

/// What clients send back, and so gets as it is.
const TOKENS: [&str; 10] = [
    "jsonrpc",
    "id",
    "method",
    "nextCursor",
    "requestState",
    "taskId",
    "progressToken",
    "requestId",
    "elicitationId",
    "io.modelcontextprotocol/subscriptionId",
];

/// A reply to a call; a stream of events if it begins with `e`.
pub fn results(data: &[u8]) {
    let (events, reply) = match data.split_first() {
        Some((b'e', rest)) => (true, rest),
        _ => (false, data),
    };
    if reply.is_empty() {
        return;
    }
    let run = |size| answered(results_gate(), CALL, reply, (events, 4), size);
    let Some((out, exchange)) = run(reply.len()) else {
        panic!("a call that is allowed is not forwarded");
    };
    for size in [1, 5, 64] {
        let pieces = run(size).map(|(out, _)| out);
        assert_eq!(pieces.as_deref(), Some(&*out), "in pieces of {size}");
    }
    let mut records = exchange.records().iter();
    let untouched = records.all(|record| record.withheld.is_none() && record.redactions.is_empty());
    if untouched {
        assert_eq!(
            String::from_utf8_lossy(&out),
            String::from_utf8_lossy(reply),
            "nothing was taken out, and it is another reply"
        );
    }
    let payloads: Vec<String> = if events {
        let events = super::stream::decode(&out).into_iter();
        events.map(|(_, data)| data).collect()
    } else {
        vec![String::from_utf8_lossy(&out).into_owned()]
    };
    for payload in payloads {
        match serde_json::from_str::<Json>(&payload) {
            Ok(value) => look(&value, &payload),
            // Read by nobody as JSON; what serde alone cannot read has been looked at as JSON.
            Err(_) if payload.trim_start().starts_with(['{', '[', '"']) => {}
            Err(_) => assert!(!holds_secret(&payload), "a text: {payload:?}"),
        }
    }
}

fn look(value: &Json, payload: &str) {
    let check = |text: &str| assert!(!holds_secret(text), "{text:?} in {payload:?}");
    match value {
        Json::String(text) => check(text),
        Json::Array(items) => items.iter().for_each(|item| look(item, payload)),
        Json::Object(members) => {
            for (key, value) in members {
                check(key);
                let token = TOKENS.contains(&key.as_str()) && value.is_string();
                if !token {
                    look(value, payload);
                }
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn holds_secret(text: &str) -> bool {
    let digits = |rest: &str| {
        let start: Vec<u8> = rest.bytes().take(3).collect();
        start.len() == 3 && start.iter().all(u8::is_ascii_digit)
    };
    text.contains("forbidden") || text.split("KEY-").skip(1).any(digits)
}
