//! HTTP/1.1 as Envoy speaks it to the load and to the upstream: lengths or chunks, one message after another.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// A connection with what has been read of it and not used.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::with_capacity(128 * 1024),
        }
    }

    /// Another connection to the same address.
    pub async fn reopen(&mut self) -> Result<()> {
        let stream = TcpStream::connect(self.stream.peer_addr()?).await?;
        stream.set_nodelay(true)?;
        self.stream = stream;
        self.buffer.clear();
        Ok(())
    }

    pub async fn write(&mut self, data: &[u8]) -> Result<()> {
        self.stream.write_all(data).await?;
        Ok(())
    }

    /// Reads the next message and gives its start line and body to `look`. False beside what it says: the other side
    /// closes the connection behind it.
    pub async fn read_message<T>(
        &mut self,
        look: impl FnOnce(&str, &[u8]) -> Result<T>,
    ) -> Result<(T, bool)> {
        let head_len = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more().await?;
        };
        let head = Head::read(self.buffer.get(..head_len).unwrap_or_default())?;
        let mut chunks = Vec::new();
        let total = if head.chunked {
            let mut at = head_len;
            loop {
                let line = loop {
                    let rest = self.buffer.get(at..).unwrap_or_default();
                    if let Some(end) = find(rest, b"\r\n") {
                        break rest.get(..end).unwrap_or_default();
                    }
                    self.read_more().await?;
                };
                let size = usize::from_str_radix(std::str::from_utf8(line)?.trim(), 16)?;
                let from = at + line.len() + 2;
                at = from + size + 2;
                while self.buffer.len() < at {
                    self.read_more().await?;
                }
                if size == 0 {
                    break at;
                }
                chunks.extend_from_slice(self.buffer.get(from..from + size).unwrap_or_default());
            }
        } else {
            while self.buffer.len() < head_len + head.length {
                self.read_more().await?;
            }
            head_len + head.length
        };
        let body = if head.chunked {
            &chunks
        } else {
            self.buffer.get(head_len..total).unwrap_or_default()
        };
        let seen = look(&head.start, body)?;
        self.buffer.drain(..total);
        Ok((seen, !head.closes))
    }

    async fn read_more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the connection was closed");
        }
        Ok(())
    }
}

struct Head {
    start: String,
    length: usize,
    chunked: bool,
    closes: bool,
}

impl Head {
    fn read(head: &[u8]) -> Result<Self> {
        let head = std::str::from_utf8(head)?;
        let mut lines = head.split("\r\n");
        let mut found = Self {
            start: lines.next().unwrap_or_default().to_owned(),
            length: 0,
            chunked: false,
            closes: false,
        };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                found.length = value.trim().parse().context("reading a length")?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                found.chunked = value.trim() == "chunked";
            } else if name.eq_ignore_ascii_case("connection") {
                found.closes = value.trim() == "close";
            }
        }
        Ok(found)
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// Starts an upstream on a thread of its own that answers each path with what was prepared for it. It ends with the
/// process.
pub fn upstream(answers: Vec<(String, Vec<u8>)>) -> Result<SocketAddr> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::spawn(move || {
        let answers = Rc::new(answers);
        LocalSet::new().block_on(&runtime, async move {
            let listener = TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                let answers = Rc::clone(&answers);
                tokio::task::spawn_local(async move {
                    // A proxy that goes away is the end of the run.
                    let _gone = serve(stream, &answers).await;
                });
            }
            #[expect(unreachable_code, reason = "says what the block's errors are")]
            anyhow::Ok(())
        })
    });
    Ok(address)
}

async fn serve(stream: TcpStream, answers: &[(String, Vec<u8>)]) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = Connection::new(stream);
    loop {
        let asked = connection.read_message(|start, _| {
            let path = start.split(' ').nth(1).unwrap_or_default();
            let answer = answers.iter().find(|(known, _)| known == path);
            answer.context("an unknown path")
        });
        let ((_, answer), _) = asked.await?;
        connection.write(answer).await?;
    }
}
