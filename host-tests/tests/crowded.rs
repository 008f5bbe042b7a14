//! Text of unfinished requests and replies: how much one worker keeps, and who pays where it is too much.

use std::sync::LazyLock;

use serde_json::json;
use toolgate_host::{Headers, Message, Module, Request, Stream, Vm, VmOptions, wasm};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// What is kept in all, in bytes.
const MOST: usize = 2 * MIB;

fn policy() -> String {
    let policy = json!({
        "version": "1",
        "default": "allow",
        "http": {"max_kept_bytes": MOST},
        "results": {"redact": ["email"]},
        "servers": {"evil": {"path_prefix": "/evil/"}, "good": {"path_prefix": "/good/"}},
    });
    policy.to_string()
}

static MODULE: LazyLock<Module> =
    LazyLock::new(|| Module::from_file(wasm::artifact().unwrap()).unwrap());

fn vm() -> Vm {
    let options = VmOptions {
        buffer_limit: 4 * MIB,
        ..VmOptions::default()
    };
    Vm::configured(&MODULE, options, policy().as_bytes()).unwrap()
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask"}}"#;
const SHOWN: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"by ana@acme.com"}]}}"#;

/// How a server answers without ever finishing: its media type, whether it says a length, how the body begins.
const UNFINISHED: [(&str, bool, &str); 4] = [
    (
        "text/event-stream",
        false,
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"",
    ),
    (
        "application/json",
        false,
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"",
    ),
    (
        "application/json",
        true,
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"",
    ),
    ("text/plain", false, "once "),
];

/// A call to a server that has begun to answer.
fn answered(vm: &Vm, server: &str, (media, length, start): (&str, bool, &str)) -> Stream {
    let stream = vm.stream();
    stream.send(&Message::post(&format!("/{server}/mcp"), CALL));
    assert!(stream.upstream().is_some());
    let mut headers = Headers::from([(":status", "200"), ("content-type", media)]);
    if length {
        headers.set("content-length", "4000000");
    }
    stream.response_headers(headers, false);
    stream.response_data(start, false);
    stream
}

fn pour(stream: &Stream, bytes: usize) {
    for _ in 0..bytes / (64 << 10) {
        stream.response_data("x".repeat(64 << 10), false);
    }
}

fn ask(vm: &Vm, server: &str) -> String {
    let stream = vm.stream();
    stream.send(&Message::post(&format!("/{server}/mcp"), CALL));
    let headers = [(":status", "200"), ("content-type", "application/json")];
    stream.response_headers(headers, false);
    stream.response_data(SHOWN, true);
    stream.downstream().text()
}

#[test]
fn a_servers_unfinished_replies_are_its_own_to_pay() {
    for kind in UNFINISHED {
        let vm = vm();
        // An innocent stream that began before, with half an event.
        let innocent = answered(&vm, "good", UNFINISHED[0]);
        pour(&innocent, 256 * KIB);
        let flood: Vec<Stream> = (0..20).map(|_| answered(&vm, "evil", kind)).collect();
        for stream in &flood {
            pour(stream, 768 * KIB);
        }
        assert!(!vm.crashed(), "{kind:?}");
        // 15 MiB were sent, and no more than 2 kept at a time: of growing texts twice as much for a moment.
        let memory = vm.memory_bytes();
        assert!(memory < 8 * MIB, "{kind:?}: {memory}");
        assert!(ask(&vm, "good").contains("by [redacted:email]"), "{kind:?}");
        innocent.response_data("\"}}\n\n", false);
        let event = format!("data: {SHOWN}\n\n");
        innocent.response_data(&event, true);
        let shown = innocent.downstream().text();
        assert!(
            shown.contains("by [redacted:email]"),
            "{kind:?}: {}",
            shown.len()
        );
        assert!(
            shown.len() > 256 * KIB,
            "{kind:?}: what was kept of it passed: {}",
            shown.len()
        );
        let records = flood.into_iter().filter_map(|stream| {
            stream.disconnect();
            stream.done().state_text("toolgate")
        });
        let withheld = records.filter(|record| record.contains("/results/crowded"));
        let withheld = withheld.count();
        assert!(withheld >= 16, "{kind:?}: {withheld}");
    }
}

#[test]
fn who_is_withheld_is_told() {
    let vm = vm();
    let mut streams: Vec<Stream> = (0..4)
        .map(|_| answered(&vm, "evil", UNFINISHED[0]))
        .collect();
    for stream in &streams {
        pour(stream, MOST / 2 - 128 * KIB);
    }
    for stream in &streams {
        stream.response_data("\"}}\n\n", true);
    }
    let (mut whole, mut told, mut cut) = (0, 0, 0);
    for stream in streams.drain(..) {
        let received = stream.downstream();
        let text = received.text();
        whole += usize::from(text.len() > MOST / 4);
        told += usize::from(text.contains("/results/crowded"));
        cut += usize::from(text.is_empty() && received.reset);
        let record = stream.done().state_text("toolgate").unwrap();
        let withheld = record.contains("/results/crowded");
        assert_eq!(withheld, text.len() < MOST / 4, "{record}");
    }
    println!("{whole} passed, {told} were told, {cut} were cut");
    assert_eq!(whole + told + cut, 4);
    assert!(whole >= 1 && told >= 1);
}

/// The status of a request that does not end; 0 if it is waited for.
fn unfinished(vm: &Vm, open: &mut Vec<Stream>, from: &str, bytes: usize) -> u16 {
    let stream = vm.stream();
    stream.set_property(&["source", "address"], from);
    let head: Request = Message::post("/good/mcp", "");
    stream.request_headers(head.headers.clone(), false);
    for _ in 0..bytes / (256 << 10) {
        stream.request_data(" ".repeat(256 << 10), false);
    }
    let status = stream.downstream().status;
    open.push(stream);
    status
}

#[test]
fn a_callers_unfinished_requests_are_its_own_to_pay() {
    // The flood, and an innocent whose request is large.
    let cases = [
        ("203.0.113.9:1", "198.51.100.7:1"),
        ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1"),
        ("[2001:db8::1]:1", "198.51.100.7:1"),
    ];
    for (evil, good) in cases {
        let vm = vm();
        let mut open = Vec::new();
        for _ in 0..20 {
            unfinished(&vm, &mut open, evil, 768 * KIB);
        }
        // Who gives way to another is told with the next tick.
        vm.tick();
        let is_refused = |stream: &&Stream| stream.downstream().status == 503;
        let refused = open.iter().filter(is_refused).count();
        assert!(refused >= 16, "{evil}: {refused}");
        assert_eq!(
            unfinished(&vm, &mut open, good, 768 * KIB),
            0,
            "{good} is waited for"
        );
        assert!(ask(&vm, "good").contains("by [redacted:email]"));
        let records = open.into_iter().filter_map(|stream| {
            stream.disconnect();
            stream.done().state_text("toolgate")
        });
        let told = records.filter(|record| record.contains("/protocol/crowded"));
        assert!(told.count() >= refused, "{evil}");
    }
}

/// Envoy drops the data of the stream whose callback answers another: what was there of this request would be lost.
#[test]
fn a_request_that_makes_another_give_way_is_forwarded_whole() {
    for cut in [1, 256 * KIB, 700 * KIB] {
        let vm = vm();
        let mut open = Vec::new();
        for _ in 0..2 {
            unfinished(&vm, &mut open, "203.0.113.9:1", 768 * KIB);
        }
        let call = CALL.replace(
            r#""name":"ask""#,
            &format!(
                r#""name":"ask","arguments":{{"text":"{}"}}"#,
                "x".repeat(768 * KIB)
            ),
        );
        let stream = vm.stream();
        stream.set_property(&["source", "address"], "198.51.100.7:1");
        let head: Request = Message::post("/good/mcp", "");
        stream.request_headers(head.headers.clone(), false);
        let (first, rest) = call.split_at(cut);
        stream.request_data(first, false);
        stream.request_data(rest, false);
        stream.request_data("", true);
        let forwarded = stream.upstream().expect("it is forwarded");
        assert!(String::from_utf8_lossy(&forwarded.body) == call, "{cut}");
        vm.tick();
        let refused = open
            .iter()
            .filter(|stream| stream.downstream().status == 503);
        assert_eq!(refused.count(), 1, "{cut}");
    }
}
