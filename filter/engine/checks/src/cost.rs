//! What is looked at on behalf of an exchange, against the formula of its budget.
//!
//! Work that goes on although nothing is left to spend counts as well, so that a loop that does not end with its budget shows.
//! Whether what is counted is what it takes is measured with the filter itself, in instructions: the test `cost` of `host-tests`.

use std::sync::OnceLock;

use toolgate_engine::config::Gate;
use toolgate_engine::exchange::Exchange;
use toolgate_engine::policy::Budget;

use super::body::answered;

/// How many bytes a piece is repeated to.
const LONG: usize = 1 << 15;

/// The exchange has cost no more than its bytes, and so many patterns, allow: twice over, for the last step of each kind of work may
/// begin with nothing left.
pub(crate) fn bounded(exchange: &Exchange, bytes: usize, patterns: usize) {
    let budget = Budget::for_input(bytes, patterns);
    let allowed = budget.left() + Budget::FLOOR;
    let spent = exchange.work();
    assert!(
        spent <= 2 * allowed,
        "{spent} looks for {bytes} bytes, of which {allowed} are allowed"
    );
}

const PATHS: [&str; 5] = ["x", "x[*]", "x[*].a", "x[*][*]", "key"];

/// Conditions of every kind, on values, elements and keys.
fn conditions() -> String {
    let tests = [
        r#""op": "eq", "value": [1, {"a": 2}]"#,
        r#""op": "eq", "value": "ab""#,
        r#""op": "neq", "value": 7"#,
        r#""op": "in", "value": ["a", [1]]"#,
        r#""op": "contains", "value": "abb""#,
        r#""op": "suffix", "value": "abb""#,
        r#""op": "regex", "value": "a[ab]{20}c""#,
        r#""op": "url", "value": {"host_in": ["a.example"], "scheme_in": ["https"]}"#,
        r#""op": "gt", "value": 1"#,
    ];
    let blocks = PATHS.iter().flat_map(|path| {
        tests.map(|test| format!(r#"{{"conditions": [{{"path": "args.{path}", {test}}}]}}"#))
    });
    let blocks: Vec<String> = blocks.collect();
    // In shadow every rule is asked, whatever the one before says.
    format!(
        r#"{{"version": "1", "mode": "shadow", "tools": {{"echo": {{"deny_if": [{}]}}}}, "results": {}}}"#,
        blocks.join(","),
        r#"{"redact": ["email", "phone", "credit_card", "url", "private_key", {"regex": "a[ab]{20}c"}, {"keys": ["key", "other"]},
            {"path": "structuredContent.x[*].a"}, {"path": "structuredContent.x[*]"}, {"path": "structuredContent.key"}],
            "deny_if": [{"contains": "ababababb"}], "count": {"counter": "bytes", "window": "hour"}}"#
    )
}

/// As many as the configuration has, and more.
const PATTERNS: usize = 16;

fn gate() -> &'static Gate {
    static GATE: OnceLock<Gate> = OnceLock::new();
    GATE.get_or_init(|| Gate::from_bytes(conditions().as_bytes()).expect("a policy"))
}

/// A letter that says where it stands, and a piece of JSON that is repeated: as elements of an argument, keys of an argument,
/// elements of a result, a text of a result, or events.
pub fn cost(data: &[u8]) {
    let Some((shape, piece)) = data.split_first() else {
        return;
    };
    let Ok(piece) = std::str::from_utf8(piece) else {
        return;
    };
    if piece.is_empty() {
        return;
    }
    let times = (LONG / piece.len()).max(1);
    let elements = || vec![piece; times].join(",");
    let call = |arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{arguments}}}}}"#
        )
    };
    let plain = || call("{}");
    let result = |value: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{value}}}"#);
    let (request, reply, events) = match shape {
        b'k' => {
            let members: Vec<String> = (0..times)
                .map(|index| format!("\"{piece}{index}\":1"))
                .collect();
            (
                call(&format!("{{{}}}", members.join(","))),
                "{}".to_owned(),
                false,
            )
        }
        b'r' => {
            let value = format!(r#"{{"structuredContent":{{"x":[{}]}}}}"#, elements());
            (plain(), result(&value), false)
        }
        b't' => {
            let value = format!(
                r#"{{"content":[{{"type":"text","text":"{}"}}]}}"#,
                piece.repeat(times)
            );
            (plain(), result(&value), false)
        }
        b'e' => (plain(), piece.repeat(times), true),
        _ => {
            let arguments = format!(r#"{{"x":[{}]}}"#, elements());
            (call(&arguments), "{}".to_owned(), false)
        }
    };
    // The bound is held against what it costs in there.
    answered(
        gate(),
        request.as_bytes(),
        reply.as_bytes(),
        (events, PATTERNS),
        4096,
    );
}
