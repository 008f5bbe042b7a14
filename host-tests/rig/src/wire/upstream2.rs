//! The recording upstream over HTTP/2: bytes are counted below the protocol, requests are kept as they decode.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::http1::{Fields, Message, field};
use super::upstream::{Mark, Reply, SENTINEL, Seen};

#[derive(Default)]
struct Connection {
    bytes: AtomicUsize,
    streams: Mutex<Vec<Message>>,
}

#[derive(Default)]
struct Shared {
    connections: Mutex<Vec<Arc<Connection>>>,
    script: Mutex<Option<Reply>>,
}

/// A recording HTTP/2 server on a loopback port.
pub struct Upstream2 {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: oneshot::Sender<()>,
}

impl Upstream2 {
    /// Binds a free port and serves on a thread of its own.
    pub fn start() -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("wire-upstream2".into())
            .spawn(move || {
                runtime.block_on(async {
                    let Ok(listener) = TcpListener::from_std(listener) else {
                        return;
                    };
                    tokio::select! {
                        () = accept(listener, serving) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            shared,
            _stop: stop,
        })
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers every request that is not a probe with this; `None` answers as an ordinary server.
    pub fn script(&self, reply: Option<Reply>) {
        *self
            .shared
            .script
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = reply;
    }

    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark::at(self.connections().len())
    }

    /// What came on connections opened between two marks. A connection that carried only probes counts as nothing.
    #[must_use]
    pub fn seen(&self, from: Mark, to: Option<Mark>) -> Seen {
        let connections = self.connections();
        let mut seen = Seen::default();
        for connection in connections
            .get(from.range(to, connections.len()))
            .unwrap_or_default()
        {
            let streams = connection
                .streams
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let probes = streams
                .iter()
                .filter(|one| field(&one.headers, SENTINEL).is_some())
                .count();
            if probes > 0 && probes == streams.len() {
                continue;
            }
            seen.connections += 1;
            seen.bytes += connection.bytes.load(Ordering::Relaxed);
            seen.requests.extend(
                streams
                    .into_iter()
                    .filter(|one| field(&one.headers, SENTINEL).is_none()),
            );
        }
        seen
    }

    fn connections(&self) -> Vec<Arc<Connection>> {
        self.shared
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        let connection = Arc::new(Connection::default());
        shared
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&connection));
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let counted = Counted {
                inner: socket,
                connection: Arc::clone(&connection),
            };
            let Ok(mut server) = h2::server::handshake(counted).await else {
                return;
            };
            while let Some(Ok((request, respond))) = server.accept().await {
                let (connection, shared) = (Arc::clone(&connection), Arc::clone(&shared));
                tokio::spawn(async move {
                    let _ = serve(request, respond, &connection, &shared).await;
                });
            }
        });
    }
}

async fn serve(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    connection: &Connection,
    shared: &Shared,
) -> Result<(), h2::Error> {
    let (head, mut body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("", |path| path.as_str());
    let mut message = Message {
        start: format!("{} {path} HTTP/2", head.method),
        headers: fields(&head.headers),
        ..Message::default()
    };
    let index = {
        let mut streams = connection
            .streams
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        streams.push(message.clone());
        streams.len() - 1
    };
    while let Some(data) = body.data().await {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        message.body.extend(&data);
    }
    message.trailers = body
        .trailers()
        .await?
        .as_ref()
        .map(fields)
        .unwrap_or_default();
    let probe = field(&message.headers, SENTINEL).is_some();
    let ordinary = Reply::ordinary(&message.body);
    if let Some(slot) = connection
        .streams
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_mut(index)
    {
        *slot = message;
    }
    let scripted = if probe {
        None
    } else {
        shared
            .script
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    };
    let reply = scripted.unwrap_or(ordinary);
    let mut response = Response::new(());
    *response.status_mut() = http::StatusCode::from_u16(reply.status).unwrap_or_default();
    *response.headers_mut() = map(&reply.headers);
    let mut stream = respond.send_response(
        response,
        reply.chunks.is_empty() && reply.trailers.is_empty(),
    )?;
    let count = reply.chunks.len();
    for (index, (pause, chunk)) in reply.chunks.into_iter().enumerate() {
        tokio::time::sleep(pause).await;
        stream.send_data(
            Bytes::from(chunk),
            index + 1 == count && reply.trailers.is_empty(),
        )?;
    }
    if !reply.trailers.is_empty() {
        stream.send_trailers(map(&reply.trailers))?;
    }
    Ok(())
}

fn map(fields: &Fields) -> HeaderMap {
    let pairs = fields.iter().filter_map(|(name, value)| {
        Some((
            HeaderName::from_bytes(name).ok()?,
            HeaderValue::from_bytes(value).ok()?,
        ))
    });
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(name, value);
    }
    map
}

fn fields(map: &HeaderMap) -> Fields {
    map.iter()
        .map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect()
}

/// Counts what is read, so that not even a preface goes unnoticed.
struct Counted {
    inner: TcpStream,
    connection: Arc<Connection>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.connection
            .bytes
            .fetch_add(buffer.filled().len() - before, Ordering::Relaxed);
        poll
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
