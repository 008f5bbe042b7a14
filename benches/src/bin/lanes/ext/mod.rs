//! The engine, compiled natively, behind Envoy's two ways to ask another process: `ext_authz` and `ext_proc` over gRPC.
//!
//! One thread, HTTP/2 by the `h2` crate, messages read and written in place: about the least such a service can do. It
//! makes the same decision with the same counter and writes the same record, one line each. It looks at no reply, which
//! the gate does.

mod protobuf;

use std::cell::RefCell;
use std::io::{BufWriter, Write as _};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use benches::Memory;
use bytes::{Buf as _, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use toolgate_engine::audit;
use toolgate_engine::config::Gate;
use toolgate_engine::exchange::{Context, Exchange, Step};
use toolgate_engine::pep::Reply;
use toolgate_engine::time::Timestamp;

use protobuf::{Value, bytes, fields, put, put_number};

type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// The larger window lets a body of a megabyte through at once.
const WINDOW: u32 = 8 << 20;

struct Service {
    gate: Gate,
    store: Memory,
    records: BufWriter<std::fs::File>,
    calls: u64,
}

/// Prints the port it listens on, and serves until it is ended.
pub fn serve(policy: &str, records: &std::path::Path) -> Result<()> {
    let gate = Gate::from_json(policy.as_bytes(), false)
        .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let service = Rc::new(RefCell::new(Service {
        gate,
        store: Memory::default(),
        records: BufWriter::new(std::fs::File::create(records)?),
        calls: 0,
    }));
    // Ends with whoever started it.
    std::thread::spawn(|| {
        let _end = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            let service = Rc::clone(&service);
            tokio::task::spawn_local(async move {
                if let Err(error) = connection(stream, service).await {
                    eprintln!("a connection failed: {error:#}");
                }
            });
        }
    })
}

async fn connection(stream: TcpStream, service: Rc<RefCell<Service>>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = h2::server::Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_frame_size(1 << 20)
        .max_concurrent_streams(10_000)
        .handshake::<_, Bytes>(stream)
        .await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        let service = Rc::clone(&service);
        tokio::task::spawn_local(async move {
            // Envoy resets a stream whose answer it has.
            let _reset = call(request, respond, service).await;
        });
    }
    Ok(())
}

async fn call(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    service: Rc<RefCell<Service>>,
) -> Result<()> {
    let checks = request.uri().path().ends_with("/Check");
    let head = Response::builder()
        .header("content-type", "application/grpc")
        .body(())?;
    let mut out = respond.send_response(head, false)?;
    let mut messages = Messages::new(request.into_body());
    if checks {
        let message = messages
            .next()
            .await?
            .context("a check without a message")?;
        let answer = service.borrow_mut().check(&message);
        send(&mut out, &answer)?;
    } else {
        let mut headers = Headers::new();
        while let Some(message) = messages.next().await? {
            let answer = service.borrow_mut().process(&message, &mut headers);
            if let Some(answer) = answer {
                send(&mut out, &answer)?;
            }
        }
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse()?);
    out.send_trailers(trailers)?;
    Ok(())
}

/// Sends one message with its prefix.
fn send(out: &mut SendStream<Bytes>, message: &[u8]) -> Result<()> {
    let mut framed = Vec::with_capacity(message.len() + 5);
    framed.push(0);
    framed.extend_from_slice(&u32::try_from(message.len())?.to_be_bytes());
    framed.extend_from_slice(message);
    out.send_data(framed.into(), false)?;
    Ok(())
}

/// The messages of a stream.
struct Messages {
    body: RecvStream,
    buffer: BytesMut,
}

impl Messages {
    fn new(body: RecvStream) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
        }
    }

    async fn next(&mut self) -> Result<Option<BytesMut>> {
        loop {
            if let Some(prefix) = self.buffer.first_chunk::<5>() {
                let [_, len @ ..] = prefix;
                let len = u32::from_be_bytes(*len) as usize;
                if self.buffer.len() >= len + 5 {
                    self.buffer.advance(5);
                    return Ok(Some(self.buffer.split_to(len)));
                }
                self.buffer.reserve(len);
            }
            let Some(data) = self.body.data().await else {
                return Ok(None);
            };
            let data = data?;
            self.body.flow_control().release_capacity(data.len())?;
            self.buffer.extend_from_slice(&data);
        }
    }
}

impl Service {
    /// `ext_authz`: one message in, one out.
    fn check(&mut self, message: &[u8]) -> Vec<u8> {
        /// `attributes.request.http`.
        const HTTP: [u64; 3] = [1, 4, 2];
        let http = HTTP
            .iter()
            .try_fold(message, |message, number| bytes(message, *number));
        let http = http.unwrap_or_default();
        let (mut headers, mut body) = (Headers::new(), &[][..]);
        for (number, value) in fields(http) {
            let Value::Bytes(value) = value else { continue };
            match number {
                3 => headers.push(pair(value, &[2])),
                11 | 12 => body = value,
                _ => {}
            }
        }
        let refused = self.decide(&headers, body);
        let (mut out, mut status) = (Vec::new(), Vec::new());
        match refused {
            None => {
                put(&mut out, 1, &[]);
                put(&mut out, 3, &[]);
            }
            Some(reply) => {
                /// `google.rpc.Code.PERMISSION_DENIED`
                const DENIED: u64 = 7;
                put_number(&mut status, 1, DENIED);
                put(&mut out, 1, &status);
                put(&mut out, 2, &refusal(&reply, 3));
            }
        }
        out
    }

    /// `ext_proc`: the headers, then the body. Only the body is decided on.
    fn process(&mut self, message: &[u8], headers: &mut Headers) -> Option<Vec<u8>> {
        const REQUEST_HEADERS: u64 = 2;
        const REQUEST_BODY: u64 = 4;
        let mut out = Vec::new();
        for (number, value) in fields(message) {
            let Value::Bytes(value) = value else { continue };
            match number {
                REQUEST_HEADERS => {
                    let map = bytes(value, 1).unwrap_or_default();
                    for (_, header) in fields(map) {
                        if let Value::Bytes(header) = header {
                            headers.push(pair(header, &[2, 3]));
                        }
                    }
                    let ends = |(number, value)| number == 3 && matches!(value, Value::Number(1));
                    let refused = fields(value).any(ends).then(|| self.decide(headers, &[]));
                    match refused.flatten() {
                        None => put(&mut out, 1, &[]),
                        Some(reply) => put(&mut out, 7, &refusal(&reply, 3)),
                    }
                    return Some(out);
                }
                REQUEST_BODY => {
                    match self.decide(headers, bytes(value, 1).unwrap_or_default()) {
                        None => put(&mut out, 3, &[]),
                        Some(reply) => put(&mut out, 7, &refusal(&reply, 3)),
                    }
                    return Some(out);
                }
                _ => {}
            }
        }
        None
    }

    /// The engine's decision; the reply when the call is refused.
    fn decide(&mut self, headers: &Headers, body: &[u8]) -> Option<Reply> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = u64::try_from(now.unwrap_or_default().as_nanos()).unwrap_or_default();
        self.calls += 1;
        let mut exchange = Exchange::new(self.calls.to_string());
        let mut cx = Context {
            gate: &self.gate,
            store: &mut self.store,
            now: Timestamp::from_nanos(nanos),
            held: 0,
        };
        let step = match exchange.request_headers(&mut cx, headers, false) {
            Step::Buffer => exchange.request_end(&mut cx, body),
            step => step,
        };
        let line = audit::lines(exchange.records(), 1 << 16);
        // A disk that is full is not this program's to report.
        let _lost = writeln!(self.records, "{line}");
        match step {
            Step::Forward(..) => None,
            Step::Reply(reply) => Some(reply),
            Step::Buffer | Step::Drain | Step::Hold(_) => Some(Reply {
                status: 500,
                headers: Vec::new(),
                body: Vec::new(),
            }),
        }
    }
}

/// A header, or an entry of a map: the key is field 1, the value the last of these.
fn pair(message: &[u8], value: &[u64]) -> (Vec<u8>, Vec<u8>) {
    let mut found = (Vec::new(), Vec::new());
    for (number, field) in fields(message) {
        let Value::Bytes(bytes) = field else { continue };
        if number == 1 {
            found.0 = bytes.to_vec();
        } else if value.contains(&number) {
            found.1 = bytes.to_vec();
        }
    }
    found
}

/// `DeniedHttpResponse` and the beginning of `ImmediateResponse` are alike: status, headers, body.
fn refusal(reply: &Reply, body: u64) -> Vec<u8> {
    let (mut out, mut status) = (Vec::new(), Vec::new());
    put_number(&mut status, 1, u64::from(reply.status));
    put(&mut out, 1, &status);
    put(&mut out, body, &reply.body);
    out
}
