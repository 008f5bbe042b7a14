//! A host that holds headers and never delivers the body: what happens to a filter whose entry in Envoy's configuration
//! lacks `allow_on_headers_stop_iteration`. The caller is told what to do instead of waiting for minutes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use toolgate_host::wasm;
use toolgate_host::{Message, Module, Vm, VmOptions};
use toolgate_rig::envoy::{Config, Envoy, Options};

const POLICY: &str = r#"{"version": "1", "default": "allow", "http": {"body_timeout": "2s"}}"#;
const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

#[test]
fn the_caller_is_told_which_option_is_missing() {
    let module = Module::from_file(wasm::artifact().unwrap()).unwrap();
    let options = VmOptions {
        allow_on_headers_stop_iteration: false,
        ..VmOptions::default()
    };
    let clock = options.clock.clone();
    let vm = Vm::configured(&module, options, POLICY.as_bytes()).unwrap();
    let stream = vm.stream();
    stream.send(&Message::post("/mcp", PING));
    for (seconds, answered) in [(2, false), (1, true)] {
        clock.advance(Duration::from_secs(seconds));
        vm.tick();
        let received = stream.downstream();
        assert_eq!(received.status == 503, answered, "{}", received.text());
    }
    let exchange = stream.done();
    assert!(!exchange.forwarded());
    assert!(
        exchange
            .downstream
            .text()
            .contains("allow_on_headers_stop_iteration")
    );
    let record = exchange.state_text("toolgate").unwrap();
    assert!(
        record.contains(r#""rule":"/protocol/body-timeout""#),
        "{record}"
    );
}

#[test]
fn so_it_is_in_envoy() {
    let upstream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    upstream.set_nonblocking(true).unwrap();
    let config = Config::production()
        .unwrap()
        .wasm(&wasm::artifact().unwrap())
        .unwrap()
        .upstream(upstream.local_addr().unwrap())
        .unwrap()
        .policy_json(POLICY)
        .unwrap()
        .replace(
            "allow_on_headers_stop_iteration: true",
            "allow_on_headers_stop_iteration: false",
        )
        .unwrap();
    let envoy = Envoy::start(config, &Options::default()).unwrap();
    let mut client = TcpStream::connect(envoy.address()).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: gate\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{PING}",
        PING.len()
    );
    client.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    client.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 503"), "{reply}");
    assert!(reply.contains("allow_on_headers_stop_iteration"), "{reply}");
    assert!(upstream.accept().is_err(), "nothing goes upstream");
}
