//! The load and the upstream: as little HTTP/1.1 as it takes, so that neither is what is measured.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::{Duration, timeout};

/// What only the upstream answers.
pub const ANSWER: &str = "issue 42 was created";

/// Nothing here takes that long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The upstream. Dropping it ends it.
pub struct Upstream {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Upstream {
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a server that answers every request with the same tool result.
pub async fn upstream() -> Result<Upstream> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // A proxy that goes away is the end of the run.
                let _gone = serve(stream).await;
            });
        }
    });
    Ok(Upstream { address, task })
}

async fn serve(stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":7,"result":{{"content":[{{"type":"text","text":"{ANSWER}"}}],"isError":false}}}}"#
    );
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = Connection::new(stream);
    loop {
        connection.read_message().await?;
        connection.stream.write_all(answer.as_bytes()).await?;
    }
}

/// Connections to one lane, kept open, with one call at a time on each.
pub struct Load {
    connections: Vec<Connection>,
    request: Rc<[u8]>,
}

impl Load {
    pub async fn connect(address: SocketAddr, connections: usize, body: &[u8]) -> Result<Self> {
        let mut load = Self {
            connections: Vec::new(),
            request: request(body).into(),
        };
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            load.connections.push(Connection::new(stream));
        }
        Ok(load)
    }

    /// Sends this many calls. An answer that is not the upstream's is an error.
    pub async fn run(&mut self, requests: u32) -> Result<()> {
        let connections = u32::try_from(self.connections.len())?;
        let tasks = LocalSet::new();
        let mut running = Vec::new();
        for (index, mut connection) in self.connections.drain(..).enumerate() {
            let extra = u32::from(u32::try_from(index)? < requests % connections);
            let (count, request) = (requests / connections + extra, Rc::clone(&self.request));
            running.push(tasks.spawn_local(async move {
                for _ in 0..count {
                    connection.stream.write_all(&request).await?;
                    let (status, body) = connection.read_message().await?;
                    let answered = status.starts_with("HTTP/1.1 200") && body.contains(ANSWER);
                    ensure!(answered, "a call was answered with {status} {body}");
                }
                Ok(connection)
            }));
        }
        let connections = &mut self.connections;
        let all = tasks.run_until(async {
            for task in running {
                connections.push(task.await??);
            }
            anyhow::Ok(())
        });
        timeout(
            PATIENCE.max(Duration::from_millis(u64::from(requests) * 20)),
            all,
        )
        .await
        .context("Envoy hangs")?
    }
}

/// Sends one call on a connection of its own and returns the answer's status line and body.
pub async fn status_and_body(address: SocketAddr, body: &[u8]) -> Result<String> {
    let mut connection = Connection::new(TcpStream::connect(address).await?);
    connection.stream.write_all(&request(body)).await?;
    let (status, body) = timeout(PATIENCE, connection.read_message()).await??;
    Ok(format!("{status} {body}"))
}

fn request(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: mcp.test\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nmcp-protocol-version: 2025-11-25\r\n\
         mcp-session-id: 7d0c3f60-5a35-4d3c-9d3e-0a6f5a2d9f11\r\nuser-agent: lanes\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A connection with what has been read of it and not used.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::with_capacity(128 * 1024),
        }
    }

    /// The start line and the body of the next message. Its length must be declared.
    async fn read_message(&mut self) -> Result<(String, String)> {
        let head_len = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more().await?;
        };
        let head = self.buffer.get(..head_len).unwrap_or_default();
        let (start, body_len) = read_head(head)?;
        let total = head_len + body_len;
        while self.buffer.len() < total {
            self.read_more().await?;
        }
        let body = self.buffer.get(head_len..total).unwrap_or_default();
        let body = String::from_utf8_lossy(body).into_owned();
        self.buffer.drain(..total);
        Ok((start, body))
    }

    async fn read_more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the connection was closed");
        }
        Ok(())
    }
}

fn read_head(head: &[u8]) -> Result<(String, usize)> {
    let head = std::str::from_utf8(head)?;
    let mut lines = head.split("\r\n");
    let start = lines.next().unwrap_or_default().to_owned();
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Ok(0), |(_, value)| value.trim().parse())?;
    Ok((start, length))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
