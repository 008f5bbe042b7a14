//! What bounds the process in the shipped configuration, in a real Envoy: the sum of what streams hold.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use toolgate_rig::envoy::{Config, Envoy, Options};
use toolgate_rig::wire::{Outcome, Session, Upstream, ordinary_headers};

/// In place of the shipped 2 GiB, so that the test needs less of them.
const HEAP: u64 = 128 << 20;
const BODY: usize = 4_000_000;

fn pressure(envoy: &Envoy) -> u64 {
    let name = "overload.envoy.resource_monitors.fixed_heap.pressure";
    envoy
        .stats(name)
        .unwrap()
        .into_values()
        .next()
        .unwrap_or_default()
}

#[test]
fn many_large_requests_that_never_end_are_bounded_and_the_gate_recovers() {
    let server = Upstream::start().unwrap();
    let config = Config::production()
        .unwrap()
        .wasm(&toolgate_host::wasm::artifact().unwrap())
        .unwrap()
        .upstream(([127, 0, 0, 1], server.port()).into())
        .unwrap()
        .replace(
            "max_heap_size_bytes: 2147483648",
            &format!("max_heap_size_bytes: {HEAP}"),
        )
        .unwrap();
    let envoy = Envoy::start(config, &Options::default()).unwrap();
    assert_eq!(call_status(&envoy), Some(200));

    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\ncontent-length: {BODY}\r\n\r\n{{"
    );
    let filler = vec![b' '; BODY - 100_000];
    let mut open = Vec::new();
    // Three times what the heap may be.
    for _ in 0..3 * HEAP / BODY as u64 {
        let mut stream = TcpStream::connect(envoy.address()).unwrap();
        stream
            .set_write_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        // It may be turned away half way through.
        let _ = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&filler));
        open.push(stream);
        std::thread::sleep(Duration::from_millis(10));
    }
    let began = Instant::now();
    while call_status(&envoy) != Some(503) {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "pressure {}",
            pressure(&envoy)
        );
    }
    let pressed = pressure(&envoy);
    assert!((80..=130).contains(&pressed), "{pressed} % of the heap");

    drop(open);
    let began = Instant::now();
    while call_status(&envoy) != Some(200) {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "pressure {}",
            pressure(&envoy)
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Of an ordinary call; none where the connection is not taken.
fn call_status(envoy: &Envoy) -> Option<u16> {
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_balance","arguments":{}}}"#;
    let mut session = Session::open(envoy.address().port()).ok()?;
    match session.exchange("POST", "/mcp", &ordinary_headers(), body) {
        Outcome::Answered(answers) => Some(answers.first()?.status),
        // New connections are left waiting under load: as good as a 503.
        Outcome::Hung(_) => Some(503),
        _ => None,
    }
}
