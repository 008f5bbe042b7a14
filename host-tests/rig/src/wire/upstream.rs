//! The server behind the proxy, as a bare socket: it records every byte it is sent and answers what it is told to.
//!
//! "Nothing reached the upstream" is a promise about bytes, headers included, so the record is kept below HTTP: a request
//! whose head was started and then reset still shows. Replies can have any status, framing, pauses and trailers.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::http1::{self, Fields, Message, Parsed};
use super::token;

/// The header of the runner's own probes, which are not part of any case.
pub const SENTINEL: &str = "x-wire-sentinel";

/// How a reply ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    ContentLength,
    #[default]
    Chunked,
    Close,
}

/// What the upstream answers.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Fields,
    pub framing: Framing,
    /// Pieces of the body, each after its pause.
    pub chunks: Vec<(Duration, Vec<u8>)>,
    pub trailers: Fields,
}

impl Reply {
    /// A JSON reply with a length.
    #[must_use]
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: vec![(b"content-type".to_vec(), b"application/json".to_vec())],
            framing: Framing::ContentLength,
            chunks: vec![(Duration::ZERO, body.into())],
            trailers: Vec::new(),
        }
    }

    /// What an ordinary MCP server would say to this body.
    #[must_use]
    pub fn ordinary(request: &[u8]) -> Self {
        let Some(id) = token::member(request, "id") else {
            return if token::elements(request).is_some() {
                Self::json("[]")
            } else {
                Self {
                    status: 202,
                    framing: Framing::ContentLength,
                    ..Self::default()
                }
            };
        };
        let mut body = br#"{"jsonrpc":"2.0","id":"#.to_vec();
        body.extend(id);
        body.extend(match token::member(request, "method") {
            Some(br#""tools/list""#) => &br#","result":{"resultType":"complete","tools":[]}}"#[..],
            Some(br#""prompts/list""#) => br#","result":{"resultType":"complete","prompts":[]}}"#,
            Some(br#""resources/list""#) => {
                br#","result":{"resultType":"complete","resources":[]}}"#
            }
            _ => {
                br#","result":{"resultType":"complete","content":[{"type":"text","text":"done"}]}}"#
            }
        });
        Self::json(body)
    }

    /// The whole body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        self.chunks
            .iter()
            .flat_map(|(_, chunk)| chunk.clone())
            .collect()
    }
}

/// One accepted connection.
#[derive(Debug, Default)]
struct Connection {
    bytes: Mutex<Vec<u8>>,
    /// When each piece of a scripted reply was written.
    written: Mutex<Vec<Instant>>,
}

/// What the upstream saw of a case.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Connections opened, with or without bytes.
    pub connections: usize,
    /// Bytes received, headers included, probes excluded.
    pub bytes: usize,
    /// Whole requests, in order.
    pub requests: Vec<Message>,
    /// What was received beyond whole requests.
    pub loose: Vec<u8>,
    /// When the pieces of the reply left.
    pub written: Vec<Instant>,
}

#[derive(Default)]
struct Shared {
    connections: Mutex<Vec<Arc<Connection>>>,
    script: Mutex<Option<Reply>>,
    stop: AtomicBool,
}

/// A recording HTTP/1.1 server on a loopback port.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// A position in the record; the default is its beginning.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark(usize);

impl Mark {
    pub(super) fn at(position: usize) -> Self {
        Self(position)
    }

    pub(super) fn range(self, to: Option<Self>, all: usize) -> std::ops::Range<usize> {
        self.0..to.map_or(all, |mark| mark.0)
    }
}

impl Upstream {
    /// Binds a free port and starts serving.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port for the upstream")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        thread::Builder::new()
            .name("wire-upstream".into())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    if serving.stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let connection = Arc::new(Connection::default());
                    locked(&serving.connections).push(Arc::clone(&connection));
                    let shared = Arc::clone(&serving);
                    thread::spawn(move || serve(stream, &connection, &shared));
                }
            })?;
        Ok(Self { address, shared })
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers every request that is not a probe with this, until changed; `None` answers as an ordinary server.
    pub fn script(&self, reply: Option<Reply>) {
        *locked(&self.shared.script) = reply;
    }

    /// Remembers where the record stands.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark::at(locked(&self.shared.connections).len())
    }

    /// What came on connections opened after `from` and not after `to`.
    #[must_use]
    pub fn seen(&self, from: Mark, to: Option<Mark>) -> Seen {
        let connections = locked(&self.shared.connections);
        let mut seen = Seen::default();
        for connection in connections
            .get(from.range(to, connections.len()))
            .unwrap_or_default()
        {
            let bytes = locked(&connection.bytes).clone();
            let mut rest = bytes.as_slice();
            let mut probes = 0;
            while let Parsed::Whole(message, used) = http1::request(rest) {
                rest = &rest[used..];
                if http1::field(&message.headers, SENTINEL).is_some() {
                    probes += used;
                } else {
                    seen.requests.push(message);
                }
            }
            if probes == 0 || bytes.len() > probes {
                seen.connections += 1;
            }
            seen.bytes += bytes.len() - probes;
            seen.loose.extend(rest);
            seen.written.extend(locked(&connection.written).iter());
        }
        seen
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut stream: TcpStream, connection: &Connection, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let mut answered = 0;
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        locked(&connection.bytes).extend(&buffer[..count]);
        loop {
            let parsed = http1::request(&locked(&connection.bytes)[answered..]);
            let Parsed::Whole(message, used) = parsed else {
                break;
            };
            answered += used;
            let probe = http1::field(&message.headers, SENTINEL).is_some();
            let scripted = if probe {
                None
            } else {
                locked(&shared.script).clone()
            };
            let reply = scripted.unwrap_or_else(|| Reply::ordinary(&message.body));
            let head_only = message.target().0 == "HEAD";
            if write_reply(&mut stream, &reply, head_only, connection).is_err()
                || reply.framing == Framing::Close
            {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

fn write_reply(
    stream: &mut TcpStream,
    reply: &Reply,
    head_only: bool,
    connection: &Connection,
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} X\r\n", reply.status).into_bytes();
    for (name, value) in &reply.headers {
        head.extend([name, &b": "[..], value, b"\r\n"].concat());
    }
    let bodiless = head_only || reply.status == 204 || reply.status == 304;
    match reply.framing {
        Framing::ContentLength
            if http1::field(&reply.headers, "content-length").is_none() && reply.status != 204 =>
        {
            head.extend(format!("content-length: {}\r\n", reply.body().len()).into_bytes());
        }
        Framing::Chunked if !bodiless => head.extend(b"transfer-encoding: chunked\r\n"),
        _ => {}
    }
    head.extend(b"\r\n");
    stream.write_all(&head)?;
    if bodiless {
        return Ok(());
    }
    for (pause, chunk) in &reply.chunks {
        thread::sleep(*pause);
        if reply.framing == Framing::Chunked {
            if chunk.is_empty() {
                continue;
            }
            let framed = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
            stream.write_all(&framed)?;
        } else {
            stream.write_all(chunk)?;
        }
        locked(&connection.written).push(Instant::now());
    }
    if reply.framing == Framing::Chunked {
        let mut end = b"0\r\n".to_vec();
        for (name, value) in &reply.trailers {
            end.extend([name, &b": "[..], value, b"\r\n"].concat());
        }
        end.extend(b"\r\n");
        stream.write_all(&end)?;
    }
    Ok(())
}
