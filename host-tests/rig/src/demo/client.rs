//! A real MCP client, and a plain HTTP one for what no client would send.

use anyhow::{Context as _, Result};
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt as _, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use serde_json::Value;

/// A connected MCP client.
pub type Client = RunningService<RoleClient, ClientConfig>;

/// Connects in the way of this protocol version: `server/discover` from 2026-07-28 on, `initialize` before.
pub async fn connect(url: &str, version: ProtocolVersion) -> Result<Client> {
    let lifecycle = if version >= ProtocolVersion::V_2026_07_28 {
        ClientLifecycleMode::Discover {
            preferred_versions: vec![version.clone()],
        }
    } else {
        ClientLifecycleMode::Initialize
    };
    let implementation = Implementation::new("toolgate-demo", env!("CARGO_PKG_VERSION"));
    let config = ClientConfig::new(ClientCapabilities::default(), implementation)
        .with_protocol_version(version.clone());
    config
        .serve_with_lifecycle(StreamableHttpClientTransport::from_uri(url), lifecycle)
        .await
        .with_context(|| format!("connecting to {url} as a client of {version}"))
}

/// The reply to a POST.
#[derive(Clone, Debug)]
pub struct RawReply {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl RawReply {
    /// The body as JSON; null if it is not.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Posts these bytes as a client of protocol 2025-11-25 would.
pub async fn post(url: &str, body: &'static str) -> Result<RawReply> {
    let response = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .body(body)
        .send()
        .await
        .with_context(|| format!("posting to {url}"))?;
    Ok(RawReply {
        status: response.status().as_u16(),
        body: response.text().await?,
    })
}
