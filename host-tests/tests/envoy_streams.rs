//! Streams of the server's own in a real Envoy: their headers arrive although nothing of the body does, whatever the request
//! says; and the HTTP+SSE transport is cut even if it says only later where to post.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use toolgate_rig::envoy::{Config, DEFAULT_VERSION, Envoy, OLDEST_VERSION, Options};

const PATIENCE: Duration = Duration::from_secs(30);

/// It reads every stream, so nothing of one passes unread.
const POLICY: &str =
    r#"{"version": "1", "default": "allow", "hide": ["secret"], "results": {"redact": ["email"]}}"#;

/// Headers of a GET as clients send them: each stands for a kind of client or probe.
const REQUESTS: [&str; 6] = [
    "",
    "mcp-session-id: s\r\n",
    "mcp-protocol-version: 2025-03-26\r\n",
    "mcp-session-id: s\r\nmcp-protocol-version: 2025-11-25\r\n",
    "last-event-id: 7\r\n",
    "mcp-session-id: s\r\nlast-event-id: 7\r\n",
];

/// A server that answers every request with the headers of a stream and, when it is told to, with this event.
fn server(event: &'static str) -> (u16, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    thread::spawn(move || serve(&listener, &told, event));
    (port, tell)
}

fn serve(listener: &TcpListener, told: &Receiver<()>, event: &str) {
    let mut open = Vec::new();
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { return };
        let mut read = [0; 4096];
        let _ = stream.read(&mut read);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        if stream.write_all(head.as_bytes()).is_err() || told.recv_timeout(PATIENCE).is_err() {
            return;
        }
        let _ = write!(stream, "{:x}\r\n{event}\r\n", event.len());
        // Kept, as a server keeps a stream.
        open.push(stream);
    }
}

fn start(version: &str, port: u16) -> Envoy {
    let config = Config::production()
        .unwrap()
        .wasm(&toolgate_host::wasm::artifact().unwrap())
        .unwrap()
        .upstream(([127, 0, 0, 1], port).into())
        .unwrap()
        .policy_json(POLICY)
        .unwrap();
    let options = Options {
        version: version.to_owned(),
        log_level: "warning".to_owned(),
        ..Options::default()
    };
    Envoy::start(config, &options).unwrap_or_else(|error| panic!("{version}: {error:#}"))
}

fn get(envoy: &Envoy, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(envoy.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request =
        format!("GET /mcp HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// Reads until what came holds this, or the stream ends.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    while !text.contains(end) {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(size) => text.push_str(&String::from_utf8_lossy(&piece[..size])),
        }
    }
    text
}

#[test]
fn headers_of_a_stream_do_not_wait_for_its_first_event() {
    let event = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"ana@acme.example\"}}\n\n";
    for version in [DEFAULT_VERSION, OLDEST_VERSION] {
        let (port, tell) = server(event);
        let envoy = start(version, port);
        for headers in REQUESTS {
            let mut stream = get(&envoy, headers);
            let head = read_until(&mut stream, "\r\n\r\n");
            assert!(
                head.starts_with("HTTP/1.1 200"),
                "{version}, {headers:?}: {head:?}"
            );
            // Only now does anything come, and it is read as any other event is.
            tell.send(()).unwrap();
            let body = read_until(&mut stream, "\n\n");
            assert!(
                body.contains("[redacted:email]"),
                "{version}, {headers:?}: {body:?}"
            );
        }
    }
}

#[test]
fn the_old_transport_is_cut_even_if_it_is_silent_at_first() {
    let (port, tell) = server("event: endpoint\ndata: /messages?sessionId=1\n\n");
    let envoy = start(DEFAULT_VERSION, port);
    for headers in REQUESTS {
        let mut stream = get(&envoy, headers);
        let head = read_until(&mut stream, "\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200"), "{headers:?}: {head:?}");
        tell.send(()).unwrap();
        let body = read_until(&mut stream, "never");
        assert!(
            body.contains("use Streamable HTTP"),
            "{headers:?}: {body:?}"
        );
        assert!(!body.contains("sessionId"), "{headers:?}: {body:?}");
    }
}
