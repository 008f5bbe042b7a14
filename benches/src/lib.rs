//! What benches and lanes share: one policy, one call that passes it, a counter store, and a clock that other people's
//! processes do not turn.

pub mod clock;
#[cfg(feature = "lanes")]
pub mod grants;
pub mod input;
#[cfg(feature = "lanes")]
pub mod standard;

pub use toolgate_engine::counters::Memory;

use toolgate_engine::config::Gate;
use toolgate_engine::exchange::{Context, Exchange, Step};
use toolgate_engine::time::Timestamp;

/// The tool that [`input::call`] calls.
pub const TOOL: &str = "create_issue";

/// The moment every bench plays at: 2026-01-15T10:30:00Z.
pub const NOW_NANOS: u64 = 1_768_473_000_000_000_000;

/// Reads a configuration that is known to be right.
///
/// # Panics
/// When it is not.
pub fn gate(policy: &str) -> Gate {
    Gate::from_json(policy.as_bytes(), false).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The headers a client sends with every call.
pub fn headers(body_len: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let length = body_len.to_string();
    [
        (":method", "POST"),
        (":path", "/mcp"),
        (":authority", "127.0.0.1:10000"),
        (":scheme", "http"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-session-id", "7d0c3f60-5a35-4d3c-9d3e-0a6f5a2d9f11"),
        ("user-agent", "bench"),
        ("x-request-id", "0d6bbf0e-8a39-4b26-a5ad-2a1f0a7b2f5e"),
        ("x-forwarded-proto", "http"),
        ("content-length", &length),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .to_vec()
}

/// One request from its headers to its decision, as the filter makes it: header checks, strict parse, policy,
/// counters, audit record. True when the call goes on.
pub fn exchange(
    gate: &Gate,
    store: &mut Memory,
    headers: &[(Vec<u8>, Vec<u8>)],
    body: &[u8],
) -> bool {
    let mut exchange = Exchange::new(String::new());
    let mut cx = Context {
        gate,
        store,
        now: Timestamp::from_nanos(NOW_NANOS),
        held: 0,
    };
    let step = match exchange.request_headers(&mut cx, headers, false) {
        Step::Buffer => exchange.request_end(&mut cx, body),
        refused => refused,
    };
    matches!(step, Step::Forward(..))
}
