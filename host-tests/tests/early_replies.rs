//! Replies that come before their request was judged, where request headers cannot be held: nothing passes unread, nothing
//! hangs, and there is a record.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use toolgate_host::{Message, Module, Stream, Vm, VmOptions, wasm};
use toolgate_rig::envoy::{Config, Envoy, Options};

const POLICY: &str = r#"{"version": "1", "default": "allow", "hide": ["delete_all"], "results": {"redact": ["email"]},
    "http": {"hold_request_headers": false}}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const DENIED: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_all"}}"#;
const LISTED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"delete_all"},{"name":"ask","description":"of ana@acme.com"}]}}"#;
const EARLY: &str = r#""rule":"/protocol/early-reply""#;

/// What comes before the request is whole, and after it.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    request: &'static str,
    status: &'static str,
    media: &'static str,
    /// In pieces: before the end of the request, and after it.
    early: &'static str,
    late: &'static str,
    /// Whether the early piece is all of it.
    ends_early: bool,
    /// The client's status; 0 where it is cut.
    client: u16,
    shows: &'static str,
    record: &'static str,
}

const CASE: Case = Case {
    name: "a list that is not asked for yet",
    request: LIST,
    status: "200",
    media: "application/json",
    early: LISTED,
    late: "",
    ends_early: true,
    client: 0,
    shows: "",
    record: EARLY,
};

const CASES: &[Case] = &[
    CASE,
    Case {
        name: "an answer to a call that is denied",
        request: DENIED,
        ..CASE
    },
    Case {
        name: "a list that ends when it was asked for",
        early: r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"delete_all"},"#,
        late: r#"{"name":"ask","description":"of ana@acme.com"}]}}"#,
        ends_early: false,
        client: 200,
        shows: r#"[{"name":"ask","description":"of [redacted:email]"}]"#,
        record: r#""decision":"allow""#,
        ..CASE
    },
    Case {
        name: "an answer that begins before a call that is denied",
        request: DENIED,
        early: r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ana@acme.com"#,
        late: r#""}]}}"#,
        ends_early: false,
        client: 200,
        shows: r#""isError":true"#,
        record: r#""decision":"deny""#,
        ..CASE
    },
    Case {
        name: "events that begin early",
        media: "text/event-stream",
        early: "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"data\":\"ana@acme.com\"}}\n\n",
        late: "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"delete_all\"}]}}\n\n",
        ends_early: false,
        client: 200,
        shows: r#"[redacted:email]"#,
        record: r#""decision":"allow""#,
        ..CASE
    },
    Case {
        name: "a refusal in words",
        status: "403",
        media: "text/plain",
        early: "ask ana@acme.com",
        client: 403,
        shows: "ask [redacted:email]",
        ..CASE
    },
    Case {
        name: "a refusal in JSON that brings a list",
        status: "401",
        client: 401,
        shows: r#"[{"name":"ask","description":"of [redacted:email]"}]"#,
        ..CASE
    },
    Case {
        name: "a refusal that means something else",
        status: "404",
        ..CASE
    },
];

fn play(stream: &Stream, vm: &Vm, case: Case) {
    let request = Message::post("/mcp", case.request);
    let (first, rest) = case.request.split_at(10);
    stream
        .request_headers(request.headers, false)
        .request_data(first, false);
    let headers = [(":status", case.status), ("content-type", case.media)];
    stream.response_headers(headers, false);
    stream.response_data(case.early, case.ends_early);
    stream.request_data(rest, true);
    if !case.late.is_empty() {
        stream.response_data(case.late, true);
    }
    for _ in 0..3 {
        vm.clock().advance(Duration::from_secs(1));
        vm.tick();
    }
}

#[test]
fn what_comes_early_is_judged_or_cut() {
    let module = Module::from_file(wasm::artifact().unwrap()).unwrap();
    let mut wrong = Vec::new();
    // Without the option the body of a reply whose headers are held does not reach the filter.
    for (case, allows) in CASES.iter().flat_map(|case| [(case, true), (case, false)]) {
        let options = VmOptions {
            allow_on_headers_stop_iteration: allows,
            ..VmOptions::default()
        };
        let vm = Vm::configured(&module, options, POLICY.as_bytes()).unwrap();
        let stream = vm.stream();
        play(&stream, &vm, *case);
        let exchange = stream.done();
        let got = &exchange.downstream;
        let (text, record) = (
            got.text(),
            exchange.state_text("toolgate").unwrap_or_default(),
        );
        let cut = got.reset && got.chunks.is_empty();
        let good = exchange.check().is_ok()
            && !text.contains("ana@acme.com")
            && !text.contains("delete_all\"")
            && text.contains(case.shows)
            && (if case.client == 0 {
                cut
            } else {
                got.ended && got.status == case.client
            })
            && record.contains(case.record)
            && vm.open_streams() == 0;
        if !good {
            wrong.push(format!(
                "{}, {allows}: {:?} {got:?}\n  {record}",
                case.name, exchange.outcome
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A server that answers as soon as it has the headers.
fn hasty(case: Case) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut seen = Vec::new();
        let mut read = |connection: &mut TcpStream, text: &str| {
            let mut piece = [0; 4096];
            while !String::from_utf8_lossy(&seen).contains(text) {
                match connection.read(&mut piece) {
                    Ok(0) | Err(_) => return,
                    Ok(count) => seen.extend_from_slice(&piece[..count]),
                }
            }
        };
        read(&mut connection, "\r\n\r\n");
        let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
        let head = format!(
            "HTTP/1.1 {} X\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\n\r\n{}",
            case.status,
            case.media,
            chunk(case.early)
        );
        let _ = connection.write_all(head.as_bytes());
        if !case.ends_early {
            read(&mut connection, case.request);
            let _ = connection.write_all(chunk(case.late).as_bytes());
        }
        let _ = connection.write_all(b"0\r\n\r\n");
        read(&mut connection, "never");
    });
    port
}

/// The status and the rest of what the client gets when it sends the end of its request late.
fn ask(envoy: &Envoy, case: Case) -> (u16, String) {
    let mut client = TcpStream::connect(envoy.address()).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let (first, rest) = case.request.split_at(10);
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: gate\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{first}",
        case.request.len()
    );
    client.write_all(head.as_bytes()).unwrap();
    // The early reply has arrived when Envoy has read some of it.
    let began = Instant::now();
    let read = "cluster.mcp_server.upstream_cx_rx_bytes_total";
    while envoy
        .stats(read)
        .unwrap()
        .get(read)
        .is_none_or(|bytes| *bytes == 0)
    {
        assert!(began.elapsed() < Duration::from_secs(30), "no early reply");
        thread::sleep(Duration::from_millis(5));
    }
    let _ = client.write_all(rest.as_bytes());
    let mut reply = Vec::new();
    let _cut = client.read_to_end(&mut reply);
    let reply = String::from_utf8_lossy(&reply).into_owned();
    let status = reply.get(9..12).and_then(|status| status.parse().ok());
    (status.unwrap_or(0), reply)
}

#[test]
fn so_it_is_in_envoy() {
    let mut wrong = Vec::new();
    for case in CASES {
        let upstream = ([127, 0, 0, 1], hasty(*case)).into();
        let config = Config::production()
            .and_then(|config| config.wasm(&wasm::artifact()?))
            .and_then(|config| config.upstream(upstream))
            .and_then(|config| config.policy_json(POLICY))
            .unwrap();
        let envoy = Envoy::start(config, &Options::default()).unwrap();
        let (status, text) = ask(&envoy, *case);
        let records = envoy.access_records(1, Duration::from_secs(30));
        let record = records.first().map(|record| record["toolgate"].to_string());
        let record = record.unwrap_or_default().replace("\\\"", "\"");
        let good = status == case.client
            && text.contains(case.shows)
            && !text.contains("ana@acme.com")
            && !text.contains("delete_all\"")
            && record.contains(case.record);
        if !good {
            wrong.push(format!("{}: {status} {text}\n  {record}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
