//! A body over the limit is read away, and nothing that follows what was read away passes for a whole request.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod common;

use common::{Memory, at};
use toolgate_engine::config::Gate;
use toolgate_engine::exchange::{Context, Exchange, Step};

const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;

fn gate(limit: usize) -> Gate {
    let config = format!(
        r#"{{"version":"1","default":"allow","tools":{{"echo":{{}}}},"http":{{"max_body_bytes":{limit}}}}}"#
    );
    Gate::from_json(config.as_bytes(), false).expect("a configuration")
}

/// The exchange after its headers, and after so much of its body under the first configuration.
fn begun(gate: &Gate, store: &mut Memory, begin: &[u8]) -> Exchange {
    let mut exchange = Exchange::new("x".to_owned());
    let mut cx = context(gate, store);
    assert!(matches!(
        exchange.request_headers(&mut cx, &headers(), false),
        Step::Buffer
    ));
    if !begin.is_empty() {
        assert!(matches!(
            exchange.request_size(&mut cx, begin.len()),
            Step::Drain
        ));
        assert!(matches!(
            exchange.request_excess(&mut cx, begin),
            Step::Drain
        ));
    }
    exchange
}

fn context<'a>(gate: &'a Gate, store: &'a mut Memory) -> Context<'a> {
    Context {
        gate,
        store,
        now: at(0),
        held: 0,
    }
}

fn headers() -> Vec<(Vec<u8>, Vec<u8>)> {
    let pairs = [
        (":method", "POST"),
        (":path", "/mcp"),
        ("content-type", "application/json"),
    ];
    pairs
        .iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect()
}

#[test]
fn what_follows_a_drained_part_is_not_the_request() {
    let (small, large) = (gate(1024), gate(1 << 20));
    let begin = [b' '; 2000];
    for renewed in [false, true] {
        let mut store = Memory::default();
        let mut exchange = begun(&small, &mut store, &begin);
        let mut cx = context(if renewed { &large } else { &small }, &mut store);
        if renewed {
            // Another configuration has come: its limit would admit all of it, but the beginning is gone.
            let step = exchange.request_headers(&mut cx, &headers(), false);
            assert!(matches!(step, Step::Buffer), "{step:?}");
        }
        let step = exchange.request_end(&mut cx, CALL);
        let Step::Reply(reply) = step else {
            panic!("forwarded: {step:?}")
        };
        assert_eq!(reply.status, 200, "{renewed}");
        assert!(
            String::from_utf8_lossy(&reply.body).contains("/protocol/size"),
            "{renewed}"
        );
    }
}

#[test]
fn a_new_configuration_before_anything_was_read_away_counts() {
    let (small, large) = (gate(16), gate(1 << 20));
    let mut store = Memory::default();
    let mut exchange = begun(&small, &mut store, &[]);
    let mut cx = context(&large, &mut store);
    assert!(matches!(
        exchange.request_headers(&mut cx, &headers(), false),
        Step::Buffer
    ));
    assert!(matches!(
        exchange.request_end(&mut cx, CALL),
        Step::Forward(..)
    ));
}

#[test]
fn nobody_reads_without_end() {
    let small = gate(1024);
    let mut store = Memory::default();
    let piece = vec![b' '; 1 << 20];
    let mut exchange = begun(&small, &mut store, &piece);
    let mut cx = context(&small, &mut store);
    let steps = (1..).map(|_| exchange.request_excess(&mut cx, &piece));
    let drained = steps.take_while(|step| matches!(step, Step::Drain)).count();
    assert_eq!(drained, 63, "64 MiB with the first");
}
