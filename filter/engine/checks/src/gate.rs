//! A gate to judge with.

use std::sync::OnceLock;

use toolgate_engine::config::Gate;
use toolgate_engine::counters::Memory;
use toolgate_engine::exchange::{Context, Exchange, Step};
use toolgate_engine::time::Timestamp;

/// Every kind of rule, and a hidden tool.
const POLICY: &str = r#"{"version": "1", "default": "deny", "hide": ["secret"], "audit": {"args": "full"}, "tools": {
    "echo": {}, "wipe_disk": {"deny": true},
    "pay": {
        "require": [{"conditions": [{"path": "args.currency", "op": "in", "value": ["GBP", "EUR"]}]}],
        "deny_if": [{"conditions": [{"path": "args.amount", "op": "gt", "value": 100}]}],
        "limits": [{"counter": "spend", "max": "1000.00", "window": "day", "increment_from": "args.amount"}]},
    "post": {"require": [{"conditions": [
        {"path": "args.items[*].url", "op": "url", "value": {"host_in": ["example.org"], "scheme_in": ["https"]}},
        {"path": "args[\"a.b\"]", "op": "regex", "value": "^[a-z]+$"}]}]}}}"#;

pub fn gate() -> &'static Gate {
    static GATE: OnceLock<Gate> = OnceLock::new();
    GATE.get_or_init(|| Gate::from_bytes(POLICY.as_bytes()).expect("a policy"))
}

/// Takes things out of results.
const RESULTS: &str = r#"{"version": "1", "default": "allow", "audit": {"results": "digest"}, "results": {
    "redact": [{"regex": "KEY-[0-9]{3}", "with": "[key]"}, {"path": "structuredContent.ssn"}],
    "deny_if": [{"contains": "forbidden"}], "max_bytes": 4096}}"#;

pub fn results_gate() -> &'static Gate {
    static GATE: OnceLock<Gate> = OnceLock::new();
    GATE.get_or_init(|| Gate::from_bytes(RESULTS.as_bytes()).expect("a policy"))
}

/// Runs one step of an exchange.
pub fn step<T>(gate: &Gate, call: impl FnOnce(&mut Context<'_>) -> T) -> T {
    let now = Timestamp::from_nanos(1_700_000_000_000_000_000);
    call(&mut Context {
        gate,
        // Everything is new, and nothing stays.
        store: &mut Memory::default(),
        now,
        held: 0,
    })
}

pub fn headers(more: &[(&str, &[u8])]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let plain: [(&str, &[u8]); 3] = [
        (":method", b"POST"),
        (":path", b"/mcp"),
        ("content-type", b"application/json"),
    ];
    let all = plain.iter().chain(more);
    all.map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
        .collect()
}

/// Judges a body that arrives in pieces of this size.
pub fn judge(gate: &Gate, more: &[(&str, &[u8])], body: &[u8], size: usize) -> (Exchange, Step) {
    let mut exchange = Exchange::new("id".to_owned());
    let mut last = step(gate, |cx| {
        exchange.request_headers(cx, &headers(more), false)
    });
    let (mut arrived, mut taken) = (0, 0);
    for piece in body.chunks(size.max(1)) {
        if !matches!(last, Step::Buffer | Step::Drain) {
            break;
        }
        arrived += piece.len();
        last = step(gate, |cx| exchange.request_size(cx, arrived - taken));
        if matches!(last, Step::Drain) {
            let piece = body.get(taken..arrived).unwrap_or_default();
            last = step(gate, |cx| exchange.request_excess(cx, piece));
            taken = arrived;
        }
    }
    if matches!(last, Step::Buffer | Step::Drain) {
        let rest = body.get(taken..).unwrap_or_default();
        last = step(gate, |cx| exchange.request_end(cx, rest));
    }
    (exchange, last)
}
