//! A raw HTTP/1.1 client: it sends exactly the bytes a case asks for, however wrong they are.
//!
//! No HTTP library would send an obs-fold, a body on a DELETE, two lengths or half a request; attackers do.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::case::{RequestCase, split};
use super::http1::{self, Fields, Message, Parsed};

/// How long any exchange may take before it counts as hung.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// What the client got.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
    /// When the first and the last byte after the head arrived.
    pub first: Option<Instant>,
    pub last: Option<Instant>,
}

/// How an exchange ended for the client.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// As many answers as requests.
    Answered(Vec<Answer>),
    /// The connection or stream ended before that; what there was, and how.
    Cut(Vec<Answer>, String),
    /// Nothing for [`PATIENCE`].
    Hung(String),
    /// The client itself hung up, as the case asks.
    Aborted,
    /// The case cannot be expressed on this protocol.
    NotSent(String),
}

/// A case made into bytes.
struct Request {
    pieces: Vec<Vec<u8>>,
    pause: Duration,
    abort: bool,
    answers: usize,
    head_only: bool,
}

/// Sends a case and reads its answers.
pub fn send(port: u16, case: &RequestCase) -> Result<Outcome> {
    let request = encode(case)?;
    let mut stream = connect(port)?;
    let mut writer = stream.try_clone()?;
    let (pieces, pause, abort) = (request.pieces, request.pause, request.abort);
    let writing = thread::spawn(move || {
        for piece in pieces {
            if writer.write_all(&piece).is_err() {
                return;
            }
            if !pause.is_zero() {
                thread::sleep(pause);
            }
        }
        if abort {
            thread::sleep(Duration::from_millis(30));
            let _ = writer.shutdown(Shutdown::Both);
        }
    });
    if request.abort {
        let _ = writing.join();
        return Ok(Outcome::Aborted);
    }
    let outcome = read_answers(&mut stream, request.answers, request.head_only);
    let _ = stream.shutdown(Shutdown::Both);
    let _ = writing.join();
    Ok(outcome)
}

/// A kept-open connection for plain requests one after the other.
pub struct Session {
    stream: TcpStream,
}

impl Session {
    pub fn open(port: u16) -> Result<Self> {
        Ok(Self {
            stream: connect(port)?,
        })
    }

    /// One request, one answer.
    pub fn exchange(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Outcome {
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: wire.test\r\n");
        for (name, value) in headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        if method != "GET" {
            bytes.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        bytes.push_str("\r\n");
        let sent = self.stream.write_all(&[bytes.as_bytes(), body].concat());
        match sent {
            Ok(()) => read_answers(&mut self.stream, 1, method == "HEAD"),
            Err(error) => Outcome::Cut(Vec::new(), format!("while sending: {error}")),
        }
    }
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream =
        TcpStream::connect(("127.0.0.1", port)).context("the proxy does not accept connections")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The request as bytes, in the segments they are written in.
fn encode(case: &RequestCase) -> Result<Request> {
    let mut request = Request {
        pieces: Vec::new(),
        pause: Duration::ZERO,
        abort: case.http.abort_after.is_some(),
        answers: case.each.len().max(1),
        head_only: case.method() == "HEAD",
    };
    if let Some(raw) = case.raw()? {
        request.pieces = vec![raw];
    } else {
        request.pieces = framed(case);
    }
    if let Some(sizes) = &case.http.segments {
        request.pieces = split(&request.pieces.concat(), sizes);
        request.pause = Duration::from_millis(3);
    }
    Ok(request)
}

fn framed(case: &RequestCase) -> Vec<Vec<u8>> {
    let authority = case.http.authority.as_deref().unwrap_or("wire.test");
    let mut head = format!("{} {} HTTP/1.1\r\n", case.method(), case.path()).into_bytes();
    let fields = case.fields();
    if !fields
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case(b"host"))
    {
        head.extend(format!("Host: {authority}\r\n").into_bytes());
    }
    for (name, value) in &fields {
        head.extend([name, &b": "[..], value, b"\r\n"].concat());
    }
    let body = case.body();
    let chunked = case.http.framing.as_deref() == Some("chunked")
        || case.http.chunk_sizes.is_some()
        || !case.http.trailers.is_empty();
    let unframed = case.http.framing.as_deref() == Some("none")
        || (body.is_empty()
            && matches!(
                case.method(),
                "GET" | "HEAD" | "OPTIONS" | "DELETE" | "CONNECT"
            ));
    if chunked {
        head.extend(b"Transfer-Encoding: chunked\r\n");
    } else if !unframed
        && !fields
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(b"content-length"))
    {
        head.extend(format!("Content-Length: {}\r\n", body.len()).into_bytes());
    }
    head.extend(b"\r\n");
    let keep = case.http.abort_after.unwrap_or(usize::MAX);
    if !chunked {
        let body = body[..body.len().min(keep)].to_vec();
        return vec![head, body];
    }
    let mut pieces = vec![head];
    let mut sent = 0;
    for piece in case.pieces().into_iter().filter(|piece| !piece.is_empty()) {
        if sent + piece.len() > keep {
            return pieces;
        }
        sent += piece.len();
        pieces.push([format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat());
    }
    if keep == usize::MAX {
        let mut end = b"0\r\n".to_vec();
        for (name, value) in &case.http.trailers {
            end.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        end.extend(b"\r\n");
        pieces.push(end);
    }
    pieces
}

fn read_answers(stream: &mut TcpStream, wanted: usize, head_only: bool) -> Outcome {
    let mut answers = Vec::new();
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let (mut first, mut last) = (None, None);
    let started = Instant::now();
    loop {
        let ended = match stream.read(&mut buffer) {
            Ok(0) => Some("closed".to_owned()),
            Ok(count) => {
                bytes.extend(&buffer[..count]);
                if http1::find(&bytes, b"\r\n\r\n").is_some_and(|head| bytes.len() > head + 4) {
                    first.get_or_insert_with(Instant::now);
                    last = Some(Instant::now());
                }
                None
            }
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                return Outcome::Hung(format!(
                    "no end after {} bytes: {}",
                    bytes.len(),
                    preview(&bytes)
                ));
            }
            Err(error) => Some(error.to_string()),
        };
        loop {
            match http1::response(&bytes, ended.is_some(), head_only) {
                Parsed::Whole(message, used) => {
                    bytes.drain(..used);
                    if message.status() / 100 == 1 && message.status() != 101 {
                        continue;
                    }
                    answers.push(answer(message, first.take(), last));
                    if answers.len() == wanted {
                        return surplus(answers, &bytes);
                    }
                }
                Parsed::Broken(why) => {
                    return Outcome::Cut(answers, format!("unreadable reply: {why}"));
                }
                Parsed::Partial(part) => {
                    if let Some(end) = ended {
                        answers.extend(part.map(|message| answer(message, first, last)));
                        return Outcome::Cut(answers, end);
                    }
                    break;
                }
            }
        }
        if started.elapsed() > PATIENCE * 2 {
            return Outcome::Hung(format!("no end after {} bytes", bytes.len()));
        }
    }
}

/// Bytes after the last answer would be read by a client as the answer to its next request.
fn surplus(answers: Vec<Answer>, rest: &[u8]) -> Outcome {
    if rest.is_empty() {
        Outcome::Answered(answers)
    } else {
        Outcome::Cut(
            answers,
            format!("surplus bytes after the reply: {}", preview(rest)),
        )
    }
}

fn answer(message: Message, first: Option<Instant>, last: Option<Instant>) -> Answer {
    Answer {
        status: message.status(),
        headers: message.headers,
        body: message.body,
        trailers: message.trailers,
        first,
        last,
    }
}

/// The start of some bytes, for messages.
#[must_use]
pub fn preview(bytes: &[u8]) -> String {
    let start = bytes.get(..240).unwrap_or(bytes);
    let text: String = match std::str::from_utf8(start) {
        Ok(text) => text
            .chars()
            .flat_map(|letter| {
                if letter.is_control() {
                    letter.escape_default().collect()
                } else {
                    vec![letter]
                }
            })
            .collect(),
        Err(_) => start.escape_ascii().to_string(),
    };
    if bytes.len() > start.len() {
        format!("{text}… ({} bytes)", bytes.len())
    } else {
        text
    }
}
