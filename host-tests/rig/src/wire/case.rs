//! One hostile or control request, as written in a corpus file, and what must become of it.
//!
//! A case is data: headers, a body, how it is framed, and the expected outcome. `corpus/README.md` documents every field.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::Value;

/// What must become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// Answered with an `isError` tool result under the caller's id; nothing reaches the upstream.
    Deny,
    /// Answered with HTTP >= 400, a JSON-RPC error, or 202 for a dropped notification; nothing reaches the upstream.
    Reject,
    /// Forwarded byte for byte.
    AllowSameAsCanonical,
}

/// A request of the corpus.
#[derive(Debug, Clone, Deserialize)]
pub struct RequestCase {
    pub id: String,
    pub class: String,
    /// Header pairs; omitted means those of an ordinary client of protocol 2025-06-18.
    #[serde(default = "ordinary_headers")]
    pub headers: Vec<(String, String)>,
    /// Header pairs whose value is not text.
    #[serde(default)]
    pub headers_b64: Vec<(String, String)>,
    body: Option<String>,
    body_b64: Option<String>,
    body_gen: Option<Vec<(String, usize)>>,
    body_repeat: Option<Vec<(String, usize)>>,
    #[serde(default)]
    pub http: Http,
    pub expect: Expect,
    also_ok: Option<Vec<Expect>>,
    /// For several requests on one connection: the outcome of each.
    #[serde(default)]
    pub each: Vec<Expect>,
    /// Headers that the gate must take away, such as the credential it accepted.
    #[serde(default)]
    pub stripped: Vec<String>,
    /// The policy to run under, a file in `corpus/policies`; omitted means the default one.
    #[serde(default)]
    pub policy: Option<String>,
    #[serde(default)]
    pub note: String,
    #[serde(default)]
    pub assumes: Option<String>,
    /// Fields this runner does not know. Foreign files may annotate; our own must not.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

/// How the request is put on the wire.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// `h1` or `h2` when the case is about that protocol.
    pub version: Option<String>,
    pub method: Option<String>,
    pub path: Option<String>,
    pub authority: Option<String>,
    /// `cl` (default), `chunked`, or `none` for a body without framing headers.
    pub framing: Option<String>,
    /// Sizes of HTTP/1.1 chunks, the last one repeating; `"rest"` takes what is left.
    pub chunk_sizes: Option<Value>,
    /// Sizes of HTTP/2 DATA frames, `0` and `"rest"` included.
    pub data_frames: Option<Vec<Value>>,
    /// Sizes of TCP segments of the whole HTTP/1.1 request, a pause between them.
    pub segments: Option<Vec<Value>>,
    #[serde(default)]
    pub trailers: Vec<(String, String)>,
    #[serde(default)]
    pub extra_headers: Vec<(String, String)>,
    pub send_body: Option<bool>,
    /// Exact bytes of an HTTP/1.1 request, as text or base64.
    pub raw: Option<String>,
    pub raw_b64: Option<String>,
    /// The listener variant this needs: `enable_trailers`.
    pub envoy: Option<String>,
    /// Give up after this many bytes of the body.
    pub abort_after: Option<usize>,
}

/// A request as a filter sees it, for replay without a wire: pseudo headers first, the body in the chunks it arrives in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub chunks: Vec<Vec<u8>>,
    pub trailers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The headers that an ordinary client of protocol 2025-06-18 sends.
#[must_use]
pub fn ordinary_headers() -> Vec<(String, String)> {
    [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2025-06-18"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

impl RequestCase {
    /// Checks what serde cannot: one body at most, readable base64, known words.
    pub fn validate(&self) -> Result<()> {
        let bodies = [
            self.body.is_some(),
            self.body_b64.is_some(),
            self.body_gen.is_some(),
            self.body_repeat.is_some(),
        ];
        ensure!(
            bodies.iter().filter(|given| **given).count() <= 1,
            "more than one kind of body"
        );
        ensure!(
            self.http.raw.is_none() || self.http.raw_b64.is_none(),
            "both `raw` and `raw_b64`"
        );
        self.bytes()?;
        self.raw()?;
        for (name, value) in &self.headers_b64 {
            BASE64
                .decode(value)
                .with_context(|| format!("header `{name}`"))?;
        }
        match self.http.version.as_deref() {
            None | Some("h1" | "h2") => {}
            Some(other) => bail!("unknown version `{other}`"),
        }
        match self.http.framing.as_deref() {
            None | Some("cl" | "chunked" | "none") => {}
            Some(other) => bail!("unknown framing `{other}`"),
        }
        match self.http.envoy.as_deref() {
            None | Some("enable_trailers") => {}
            Some(other) => bail!("unknown listener `{other}`"),
        }
        Ok(())
    }

    /// The outcomes that are right.
    #[must_use]
    pub fn acceptable(&self) -> Vec<Expect> {
        let mut all = vec![self.expect];
        all.extend(self.also_ok.iter().flatten());
        all
    }

    /// The message body; empty when the case sends none.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        if self.http.send_body == Some(false) {
            Vec::new()
        } else {
            self.bytes().unwrap_or_default()
        }
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        if let Some(text) = &self.body {
            return Ok(text.clone().into_bytes());
        }
        if let Some(encoded) = &self.body_b64 {
            return BASE64.decode(encoded).context("body_b64");
        }
        let mut whole = Vec::new();
        for (part, times) in self.body_gen.iter().flatten() {
            whole.extend(BASE64.decode(part).context("body_gen")?.repeat(*times));
        }
        for (part, times) in self.body_repeat.iter().flatten() {
            whole.extend(part.repeat(*times).into_bytes());
        }
        Ok(whole)
    }

    /// The exact bytes to send, where the case gives them.
    pub fn raw(&self) -> Result<Option<Vec<u8>>> {
        match (&self.http.raw, &self.http.raw_b64) {
            (Some(text), _) => Ok(Some(text.clone().into_bytes())),
            (_, Some(encoded)) => Ok(Some(BASE64.decode(encoded).context("raw_b64")?)),
            _ => Ok(None),
        }
    }

    #[must_use]
    pub fn method(&self) -> &str {
        self.http.method.as_deref().unwrap_or("POST")
    }

    #[must_use]
    pub fn path(&self) -> &str {
        self.http.path.as_deref().unwrap_or("/mcp")
    }

    /// Every header the case sends beside framing, in order.
    #[must_use]
    pub fn fields(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let text = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes()));
        let binary = self.headers_b64.iter().map(|(name, value)| {
            (
                name.clone().into_bytes(),
                BASE64.decode(value).unwrap_or_default(),
            )
        });
        let extra = self
            .http
            .extra_headers
            .iter()
            .map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes()));
        text.chain(binary).chain(extra).collect()
    }

    /// The body in the pieces that the case asks for, `data_frames` before `chunk_sizes`.
    #[must_use]
    pub fn pieces(&self) -> Vec<Vec<u8>> {
        let body = self.body();
        let sizes = match (&self.http.data_frames, &self.http.chunk_sizes) {
            (Some(frames), _) => frames.clone(),
            (None, Some(Value::Array(sizes))) => sizes.clone(),
            (None, Some(one)) => vec![one.clone(); body.len().max(1)],
            (None, None) => Vec::new(),
        };
        split(&body, &sizes)
    }

    /// The same request without a wire. Case of names and framing are as a proxy presents them; see [`Self::codec_only`]
    /// for cases that lose their point this way.
    #[must_use]
    pub fn to_exchange(&self) -> Exchange {
        let mut headers: Vec<(Vec<u8>, Vec<u8>)> = [
            (
                ":authority",
                self.http.authority.as_deref().unwrap_or("wire.test"),
            ),
            (":path", self.path()),
            (":method", self.method()),
            (":scheme", "http"),
        ]
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .to_vec();
        headers.extend(
            self.fields()
                .into_iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim_ascii().to_vec())),
        );
        let body = self.body();
        let framed = headers.iter().any(|(name, _)| name == b"content-length");
        if !framed
            && self.http.framing.is_none()
            && self.http.version.as_deref() != Some("h2")
            && !body.is_empty()
        {
            headers.push((
                b"content-length".to_vec(),
                body.len().to_string().into_bytes(),
            ));
        }
        let trailers = self
            .http
            .trailers
            .iter()
            .map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes()));
        let chunks = if body.is_empty() && self.http.data_frames.is_none() {
            Vec::new()
        } else {
            self.pieces()
        };
        Exchange {
            headers,
            chunks,
            trailers: trailers.collect(),
        }
    }

    /// Why the case only makes sense over a real HTTP codec, if it does.
    #[must_use]
    pub fn codec_only(&self) -> Option<&'static str> {
        if self.http.raw.is_some() || self.http.raw_b64.is_some() {
            return Some("exact bytes of an HTTP/1.1 request");
        }
        if self.http.abort_after.is_some() {
            return Some("the client hangs up");
        }
        let framing = [
            "content-length",
            "transfer-encoding",
            "connection",
            "expect",
            "upgrade",
            "te",
            "host",
        ];
        if self.fields().iter().any(|(name, _)| {
            framing
                .iter()
                .any(|one| name.eq_ignore_ascii_case(one.as_bytes()))
        }) {
            return Some("framing or connection headers");
        }
        (self.method() == "CONNECT").then_some("CONNECT")
    }

    /// Why the case cannot be sent over HTTP/1.1 as it is meant.
    #[must_use]
    pub fn http2_only(&self) -> bool {
        self.http.version.as_deref() == Some("h2")
    }

    /// Whether the case is about bytes that only HTTP/1.1 has.
    #[must_use]
    pub fn http1_only(&self) -> bool {
        let connection = [
            "transfer-encoding",
            "connection",
            "keep-alive",
            "upgrade",
            "proxy-connection",
            "te",
            "host",
        ];
        self.http.raw.is_some()
            || self.http.raw_b64.is_some()
            || self.http.segments.is_some()
            || (self.http.version.as_deref() == Some("h1") && self.http.framing.is_some())
            || self.fields().iter().any(|(name, value)| {
                connection
                    .iter()
                    .any(|one| name.eq_ignore_ascii_case(one.as_bytes()))
                    || name.is_empty()
                    || value.contains(&b'\r')
            })
    }
}

/// Cuts `body` into pieces; without sizes it is one piece, and what the sizes leave over is a last one.
#[must_use]
pub fn split(body: &[u8], sizes: &[Value]) -> Vec<Vec<u8>> {
    if sizes.is_empty() {
        return vec![body.to_vec()];
    }
    let mut rest = body;
    let mut pieces = Vec::new();
    for size in sizes {
        let number = size
            .as_u64()
            .or_else(|| size.as_str().and_then(|text| text.parse().ok()));
        let size = number.map_or(rest.len(), |size| (size as usize).min(rest.len()));
        if rest.is_empty() && number != Some(0) {
            break;
        }
        let (piece, left) = rest.split_at(size);
        pieces.push(piece.to_vec());
        rest = left;
    }
    if !rest.is_empty() {
        pieces.push(rest.to_vec());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::RequestCase;

    fn case(json: &str) -> RequestCase {
        let case: RequestCase = serde_json::from_str(json).unwrap();
        case.validate().unwrap();
        case
    }

    #[test]
    fn pieces_follow_the_sizes() {
        let frames = case(
            r#"{"id":"x","class":"c","body":"abcdef","expect":"deny","http":{"data_frames":[0,2,0,"rest",0]}}"#,
        );
        assert_eq!(frames.pieces(), [&b""[..], b"ab", b"", b"cdef", b""]);
        let bytes = case(
            r#"{"id":"x","class":"c","body":"abc","expect":"deny","http":{"chunk_sizes":"1"}}"#,
        );
        assert_eq!(bytes.pieces(), [b"a", b"b", b"c"]);
    }

    #[test]
    fn an_exchange_carries_pseudo_headers_and_length() {
        let exchange =
            case(r#"{"id":"x","class":"c","body":"abc","expect":"deny","http":{"path":"/MCP"}}"#)
                .to_exchange();
        assert_eq!(exchange.headers[1], (b":path".to_vec(), b"/MCP".to_vec()));
        assert_eq!(
            exchange.headers.last().unwrap(),
            &(b"content-length".to_vec(), b"3".to_vec())
        );
        assert_eq!(exchange.chunks, [b"abc"]);
    }
}
