//! What tests send and receive: messages in, and what came out on either side.

use super::headers::Headers;
use super::state::Properties;

/// How a message ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// With its last chunk, or with the headers when there is none (HTTP/1.1 with a content-length).
    #[default]
    WithLast,
    /// With an empty chunk of its own (chunked encoding, many HTTP/2 clients).
    EmptyData,
    /// Not at all: an open event stream.
    Open,
    /// With a reset after the last chunk.
    Reset,
}

/// A request or a response, in the pieces in which it arrives.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Headers, pseudo-headers included.
    pub headers: Headers,
    /// Body, one entry per DATA frame.
    pub chunks: Vec<Vec<u8>>,
    /// Trailers; they end the message.
    pub trailers: Option<Headers>,
    /// How the message ends without trailers.
    pub ending: Ending,
    /// Envoy attributes that hold for this stream.
    pub properties: Properties,
}

/// A message from the client.
pub type Request = Message;
/// A message from the upstream.
pub type Response = Message;

impl Message {
    /// A JSON `POST` with a content-length.
    pub fn post(path: &str, body: impl AsRef<[u8]>) -> Request {
        let body = body.as_ref().to_vec();
        Self::request("POST", path)
            .header("content-type", "application/json")
            .header("content-length", body.len().to_string())
            .body(vec![body])
    }

    /// A `GET` without a body.
    pub fn get(path: &str) -> Request {
        Self::request("GET", path)
    }

    /// A request with nothing but the headers HTTP requires.
    pub fn request(method: &str, path: &str) -> Request {
        Self {
            headers: Headers::from([
                (":authority", "gate.test"),
                (":path", path),
                (":method", method),
                (":scheme", "http"),
            ]),
            ..Self::default()
        }
    }

    /// A response with a content-length, or none when the body is empty.
    pub fn response(status: u16, content_type: &str, body: impl AsRef<[u8]>) -> Response {
        let body = body.as_ref().to_vec();
        let head = Self {
            headers: Headers::from([(":status", status.to_string())]),
            ..Self::default()
        };
        if body.is_empty() {
            return head.header("content-length", "0");
        }
        head.header("content-type", content_type)
            .header("content-length", body.len().to_string())
            .body(vec![body])
    }

    /// An event stream: no content-length, one chunk per piece.
    pub fn events<T: AsRef<[u8]>>(pieces: impl IntoIterator<Item = T>) -> Response {
        Self {
            headers: Headers::from([(":status", "200"), ("content-type", "text/event-stream")]),
            chunks: pieces.into_iter().map(|p| p.as_ref().to_vec()).collect(),
            ending: Ending::EmptyData,
            ..Self::default()
        }
    }

    /// Adds a header line, also a duplicate.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Replaces or adds a header.
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.set(name, value);
        self
    }

    /// Removes a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Sets the chunks of the body, leaving the headers alone.
    pub fn body(mut self, chunks: Vec<Vec<u8>>) -> Self {
        self.chunks = chunks.into_iter().filter(|c| !c.is_empty()).collect();
        self
    }

    /// Cuts the body into chunks of `size` bytes.
    pub fn chunked(mut self, size: usize) -> Self {
        let whole = self.chunks.concat();
        self.chunks = whole.chunks(size.max(1)).map(<[u8]>::to_vec).collect();
        self
    }

    /// Cuts the body in two at `at`.
    pub fn split_at(mut self, at: usize) -> Self {
        let whole = self.chunks.concat();
        let (a, b) = whole.split_at(at.min(whole.len()));
        self.chunks = vec![a.to_vec(), b.to_vec()];
        self.chunks.retain(|c| !c.is_empty());
        self
    }

    /// Ends the message with trailers.
    pub fn trailers(mut self, trailers: impl Into<Headers>) -> Self {
        self.trailers = Some(trailers.into());
        self
    }

    /// Sets how the message ends.
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// Sets an Envoy attribute for this stream.
    pub fn property(mut self, path: &[&str], value: impl AsRef<[u8]>) -> Self {
        self.properties.set(path, value);
        self
    }
}

/// What the upstream does with a request that reached it.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// It answers.
    Reply(Response),
    /// It never answers.
    Silent,
    /// It resets after the request was forwarded: Envoy answers 503 itself, through the response callbacks.
    Reset,
    /// No healthy host or no connection: nothing left the proxy. Envoy answers 503 itself.
    Unreachable,
}

impl From<Message> for Upstream {
    fn from(reply: Message) -> Self {
        Self::Reply(reply)
    }
}

/// What left the proxy towards the upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentUpstream {
    /// The headers as they left.
    pub headers: Headers,
    /// The body as it left.
    pub body: Vec<u8>,
    /// Trailers, if any left.
    pub trailers: Option<Headers>,
    /// The request was sent to its end.
    pub ended: bool,
    /// The proxy reset the exchange with the upstream before both sides had finished: because of a local reply, a cut
    /// response, or because the client went away.
    pub reset: bool,
    /// The headers left before the proxy had seen the whole request: a refusal after this is too late for them.
    pub headers_left_early: bool,
}

impl SentUpstream {
    /// Compares content-length with the body. Only for a request that was sent to its end.
    pub fn check_length(&self) -> Result<(), String> {
        if self.ended {
            self.headers.check_length(self.body.len())
        } else {
            Ok(())
        }
    }
}

/// What the client received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The HTTP status, 0 as long as no headers were received.
    pub status: u16,
    /// The response headers.
    pub headers: Headers,
    /// The body in the pieces in which it arrived.
    pub chunks: Vec<Vec<u8>>,
    /// Trailers, if any.
    pub trailers: Option<Headers>,
    /// Answered by the proxy (the filter, or Envoy itself) and not by the upstream.
    pub local_reply: bool,
    /// Envoy's `response.code_details`: who answered and why.
    pub details: String,
    /// The response is complete.
    pub ended: bool,
    /// The stream was reset, so what was received may be cut.
    pub reset: bool,
}

impl Received {
    /// The whole body.
    pub fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    /// The whole body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body()).into_owned()
    }

    /// Compares content-length with the body received. A complete reply must match; surplus bytes are the start of
    /// the client's next response and are an error even in a cut one.
    pub fn check_length(&self) -> Result<(), String> {
        if self.ended {
            return self.headers.check_length(self.body().len());
        }
        match self
            .headers
            .text("content-length")
            .and_then(|v| v.parse::<usize>().ok())
        {
            Some(n) if n < self.body().len() => self.headers.check_length(self.body().len()),
            _ => Ok(()),
        }
    }
}
