//! An HTTP client that sends calls of protocol 2026-07-28, which need no session, with any headers at all.

use anyhow::Result;
use http::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::Certificate;

/// Sends requests with the same headers to the same URL.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    headers: Vec<(String, String)>,
}

/// A reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON; null if it is none.
    pub body: Value,
}

const VERSION: &str = "2026-07-28";

impl Client {
    /// Without any credential.
    pub fn new(url: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            url: url.to_owned(),
            headers: Vec::new(),
        }
    }

    /// Over TLS: trusts this authority and presents this certificate, if there is one.
    pub fn tls(url: &str, authority: &str, certificate: Option<&Certificate>) -> Result<Self> {
        let root = reqwest::Certificate::from_pem(authority.as_bytes())?;
        let mut builder = reqwest::Client::builder().tls_certs_only([root]);
        if let Some(Certificate { certificate, key }) = certificate {
            let pem = format!("{certificate}{key}");
            builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes())?);
        }
        Ok(Self {
            http: builder.build()?,
            ..Self::new(url)
        })
    }

    /// With one more header, even if there is one of this name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Calls a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<Reply> {
        let params = json!({"name": tool, "arguments": arguments});
        self.rpc("tools/call", Some(tool), params).await
    }

    /// Asks for the list of tools.
    pub async fn list(&self) -> Result<Reply> {
        self.rpc("tools/list", None, json!({})).await
    }

    /// Sends a request without a body.
    pub async fn bare(&self, method: Method) -> Result<Reply> {
        self.send(self.http.request(method, &self.url)).await
    }

    async fn rpc(&self, method: &str, name: Option<&str>, mut params: Value) -> Result<Reply> {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientInfo": {"name": "identity", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let mut request = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .header("mcp-method", method)
            .body(body.to_string());
        if let Some(name) = name {
            request = request.header("mcp-name", name);
        }
        self.send(request).await
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> Result<Reply> {
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        Ok(Reply {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        })
    }
}

impl Reply {
    /// The rule that refused; empty if none did.
    pub fn rule(&self) -> &str {
        let places = [&self.body["error"]["data"], &self.body["result"]["_meta"]];
        let rules = places.map(|place| place["toolgate/denial"]["rule"].as_str());
        rules.into_iter().flatten().next().unwrap_or_default()
    }

    /// Whether it is the result of a call that ran.
    pub fn ran(&self) -> bool {
        self.status == 200
            && self.body["result"].is_object()
            && self.body["result"]["isError"] != true
    }

    /// Whether it is a tool result, good or bad.
    pub fn is_tool_result(&self) -> bool {
        self.body["result"].is_object() || self.text.contains("isError")
    }

    /// A header's text; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// Names of the tools of a list.
    pub fn tools(&self) -> Vec<&str> {
        let tools = self.body["result"]["tools"].as_array();
        let names = tools.into_iter().flatten();
        names.filter_map(|tool| tool["name"].as_str()).collect()
    }
}
