//! What the server got, as it came.

use bytes::Bytes;
use http::{HeaderMap, Method, Response, Version, request};
use serde_json::Value;

/// One HTTP request.
#[derive(Clone, Debug)]
pub struct Record {
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub path: String,
    /// The HTTP version.
    pub version: Version,
    /// The headers, in order for each name.
    pub headers: HeaderMap,
    /// The body. `None`: it has not arrived to its end, or never will.
    pub body: Option<Bytes>,
    /// How the server answered. `None`: it has not.
    pub reply: Option<Reply>,
}

/// The head of the server's reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The content type, without parameters.
    pub content_type: String,
}

impl Record {
    pub(super) fn new(parts: &request::Parts) -> Self {
        Self {
            method: parts.method.clone(),
            path: parts.uri.to_string(),
            version: parts.version,
            headers: parts.headers.clone(),
            body: None,
            reply: None,
        }
    }

    /// A header's first value as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.body.as_ref()?).ok()
    }

    /// The JSON-RPC method of a body that holds one message.
    pub fn rpc_method(&self) -> Option<String> {
        Some(self.json()?["method"].as_str()?.to_owned())
    }

    /// The tool that the body calls.
    pub fn tool(&self) -> Option<String> {
        let json = self.json()?;
        if json["method"] != "tools/call" {
            return None;
        }
        Some(json["params"]["name"].as_str()?.to_owned())
    }
}

impl Reply {
    pub(super) fn new<B>(response: &Response<B>) -> Self {
        let content_type = response
            .headers()
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        Self {
            status: response.status().as_u16(),
            content_type: content_type
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        }
    }
}
