//! One upstream reply, as written in a corpus file, and what the client may see of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};

use super::case::{RequestCase, ordinary_headers};
use super::upstream::{Framing, Reply};

/// What must become of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplyExpect {
    /// It arrives without what is forbidden.
    Filtered,
    /// It is withheld: an error, or nothing.
    Blocked,
    /// It arrives byte for byte.
    Pass,
}

/// A reply of the corpus.
#[derive(Debug, Clone, Deserialize)]
pub struct ReplyCase {
    pub id: String,
    pub class: String,
    /// The JSON-RPC method asked, or `GET` for the standalone stream.
    pub request: String,
    /// The client's protocol version; decides headers and `_meta`. 2025-06-18 when omitted.
    #[serde(default)]
    pub protocol: Option<String>,
    #[serde(default)]
    pub request_headers: Vec<(String, String)>,
    /// The exact body to ask with, where the ordinary one will not do.
    #[serde(default)]
    pub request_body: Option<String>,
    #[serde(default = "ok")]
    pub status: u16,
    #[serde(default = "json_type")]
    pub headers: Vec<(String, String)>,
    #[serde(default)]
    pub framing: Option<String>,
    chunks_b64: Option<Vec<String>>,
    chunks: Option<Vec<String>>,
    body: Option<String>,
    body_repeat: Option<Vec<(String, usize)>>,
    /// Cuts the whole body into pieces of this many bytes.
    #[serde(default)]
    pub split: Option<usize>,
    /// The pause before each chunk but the first.
    #[serde(default)]
    pub pause_ms: Option<u64>,
    #[serde(default)]
    pub trailers: Vec<(String, String)>,
    #[serde(default)]
    pub forbid: Vec<String>,
    #[serde(default)]
    pub require: Vec<String>,
    /// Response headers that must not survive.
    #[serde(default)]
    pub forbid_headers: Vec<String>,
    /// The first chunk must reach the client before the upstream sends its last.
    #[serde(default)]
    pub streams: bool,
    /// `h2` to answer over HTTP/2.
    #[serde(default)]
    pub upstream: Option<String>,
    pub expect: ReplyExpect,
    also_ok: Option<Vec<ReplyExpect>>,
    #[serde(default)]
    pub policy: Option<String>,
    #[serde(default)]
    pub note: String,
    #[serde(default)]
    pub assumes: Option<String>,
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

fn ok() -> u16 {
    200
}

fn json_type() -> Vec<(String, String)> {
    vec![("content-type".to_owned(), "application/json".to_owned())]
}

impl ReplyCase {
    /// Checks what serde cannot.
    pub fn validate(&self) -> Result<()> {
        let bodies = [
            self.chunks_b64.is_some(),
            self.chunks.is_some(),
            self.body.is_some(),
            self.body_repeat.is_some(),
        ];
        ensure!(
            bodies.iter().filter(|given| **given).count() <= 1,
            "more than one kind of body"
        );
        self.reply()?;
        match self.upstream.as_deref() {
            None | Some("h2") => Ok(()),
            Some(other) => bail!("unknown upstream `{other}`"),
        }
    }

    /// The policy it runs under: cases of a `redact-` or `forms-` class are about what a policy takes out of replies, those of a `pins-`
    /// class about what it takes out of lists.
    #[must_use]
    pub fn policy(&self) -> Option<&str> {
        let by_class = ["redact", "pins", "forms"].into_iter().find(|policy| {
            let rest = self.class.strip_prefix(policy);
            rest.is_some_and(|rest| rest.starts_with('-'))
        });
        self.policy.as_deref().or(by_class)
    }

    #[must_use]
    pub fn acceptable(&self) -> Vec<ReplyExpect> {
        let mut all = vec![self.expect];
        all.extend(self.also_ok.iter().flatten());
        all
    }

    /// The reply as the upstream is to give it.
    pub fn reply(&self) -> Result<Reply> {
        let framing = match self.framing.as_deref() {
            None | Some("chunked") => Framing::Chunked,
            Some("cl") => Framing::ContentLength,
            Some("close") => Framing::Close,
            Some(other) => bail!("unknown framing `{other}`"),
        };
        let pause = Duration::from_millis(self.pause_ms.unwrap_or(0));
        let chunks = self.pieces()?.into_iter().enumerate();
        let bytes = |(name, value): &(String, String)| {
            (name.clone().into_bytes(), value.clone().into_bytes())
        };
        Ok(Reply {
            status: self.status,
            headers: self.headers.iter().map(bytes).collect(),
            framing,
            chunks: chunks
                .map(|(index, chunk)| (if index == 0 { Duration::ZERO } else { pause }, chunk))
                .collect(),
            trailers: self.trailers.iter().map(bytes).collect(),
        })
    }

    fn pieces(&self) -> Result<Vec<Vec<u8>>> {
        let chunks: Vec<Vec<u8>> = if let Some(encoded) = &self.chunks_b64 {
            encoded
                .iter()
                .map(|chunk| BASE64.decode(chunk).context("chunks_b64"))
                .collect::<Result<_>>()?
        } else if let Some(texts) = &self.chunks {
            texts.iter().map(|text| text.clone().into_bytes()).collect()
        } else {
            let repeated = self
                .body_repeat
                .iter()
                .flatten()
                .map(|(part, times)| part.repeat(*times));
            vec![
                self.body
                    .clone()
                    .unwrap_or_else(|| repeated.collect())
                    .into_bytes(),
            ]
        };
        Ok(match self.split {
            Some(size) => chunks
                .concat()
                .chunks(size.max(1))
                .map(<[u8]>::to_vec)
                .collect(),
            None => chunks,
        })
    }

    /// The same request as a case, for clients that take one.
    pub fn as_request(&self) -> Result<RequestCase> {
        let (method, headers, body) = self.asks();
        let body = if method == "GET" {
            Value::Null
        } else {
            Value::from(BASE64.encode(body))
        };
        Ok(serde_json::from_value(json!({
            "id": self.id,
            "class": self.class,
            "headers": headers,
            "body_b64": body,
            "http": {"method": method},
            "expect": "allow-same-as-canonical",
        }))?)
    }

    /// Method, headers and body of the request that the client asks with.
    #[must_use]
    pub fn asks(&self) -> (&'static str, Vec<(String, String)>, Vec<u8>) {
        let version = self.protocol.as_deref().unwrap_or("2025-06-18");
        if self.request == "GET" {
            let mut headers = vec![
                ("accept".to_owned(), "text/event-stream".to_owned()),
                ("mcp-protocol-version".to_owned(), version.to_owned()),
            ];
            headers.extend(self.request_headers.iter().cloned());
            return ("GET", headers, Vec::new());
        }
        let mut headers = ordinary_headers();
        if let Some(header) = headers.last_mut() {
            version.clone_into(&mut header.1);
        }
        let mut params = match self.request.as_str() {
            "tools/call" => json!({"name": "echo", "arguments": {"text": "hi"}}),
            "resources/read" => json!({"uri": "file:///a"}),
            _ => json!({}),
        };
        if version >= "2026-07-28" {
            headers.push(("mcp-method".to_owned(), self.request.clone()));
            if self.request == "tools/call" {
                headers.push(("mcp-name".to_owned(), "echo".to_owned()));
            }
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": version,
                "io.modelcontextprotocol/clientInfo": {"name": "wire", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        headers.extend(self.request_headers.iter().cloned());
        let ordinary = json!({"jsonrpc": "2.0", "id": 1, "method": self.request, "params": params})
            .to_string();
        (
            "POST",
            headers,
            self.request_body.clone().unwrap_or(ordinary).into_bytes(),
        )
    }
}
