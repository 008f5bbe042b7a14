//! Reaching a server over Streamable HTTP.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use http::{HeaderName, HeaderValue};
use reqwest::Url;
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt as _};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;

use super::lists::{Client, inventory};
use super::recorder::Recorder;
use super::{Scan, trouble};
use crate::text::one_line;

/// How to ask.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server's MCP endpoint.
    pub url: String,
    /// Headers for every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The protocol.
    pub era: Era,
    /// How long all of it may take.
    pub patience: Duration,
}

impl Options {
    /// Without headers, in whatever protocol the server speaks, for at most a minute.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            headers: Vec::new(),
            era: Era::Auto,
            patience: Duration::from_secs(60),
        }
    }
}

/// The protocol to ask in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Era {
    /// `server/discover` first, `initialize` where the server does not know that.
    #[default]
    Auto,
    /// Sessions: 2025-11-25, or an older version that the server prefers.
    Sessions,
    /// 2026-07-28.
    Stateless,
}

impl Era {
    /// What the client says of itself, and how it begins.
    pub(super) fn client(self) -> (ClientConfig, ClientLifecycleMode) {
        let stateless = vec![ProtocolVersion::V_2026_07_28];
        let (lifecycle, version) = match self {
            Era::Auto => (
                ClientLifecycleMode::Auto {
                    preferred_versions: stateless,
                    legacy_version: Some(ProtocolVersion::V_2025_11_25),
                },
                ProtocolVersion::V_2026_07_28,
            ),
            Era::Sessions => (
                ClientLifecycleMode::Initialize,
                ProtocolVersion::V_2025_11_25,
            ),
            Era::Stateless => (
                ClientLifecycleMode::Discover {
                    preferred_versions: stateless,
                },
                ProtocolVersion::V_2026_07_28,
            ),
        };
        let implementation = Implementation::new("toolgate", env!("CARGO_PKG_VERSION"));
        let config = ClientConfig::new(ClientCapabilities::default(), implementation)
            .with_protocol_version(version);
        (config, lifecycle)
    }
}

/// Reads `Name: value`.
///
/// # Errors
/// When it is no header, or one that the protocol sets itself. The value is a secret and is not quoted.
pub fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue)> {
    const OWN: [&str; 6] = [
        "accept",
        "content-type",
        "content-length",
        "mcp-session-id",
        "mcp-protocol-version",
        "last-event-id",
    ];
    let (name, value) = text
        .split_once(':')
        .context("expected `Name: value`, such as `Authorization: Bearer …`")?;
    let name: HeaderName = name
        .trim()
        .parse()
        .map_err(|_| anyhow!("`{}` is not the name of a header", one_line(name, 40)))?;
    ensure!(
        !OWN.contains(&name.as_str()),
        "`{name}` is set by the protocol itself"
    );
    let mut value: HeaderValue = value
        .trim()
        .parse()
        .map_err(|_| anyhow!("the value of `{name}` has characters that no header can have"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Asks a server for all it offers. `progress` is told what is going on.
///
/// # Errors
/// When it cannot be reached, does not speak MCP, wants credentials, or takes too long.
pub async fn scan(options: &Options, progress: &dyn Fn(String)) -> Result<Scan> {
    let url: Url = options
        .url
        .parse()
        .with_context(|| format!("`{}` is not a URL", one_line(&options.url, 80)))?;
    ensure!(
        matches!(url.scheme(), "http" | "https"),
        "`{}` is not a URL of http or https",
        shown(&url)
    );
    let asked = ask(&url, options, progress);
    let scanned = tokio::time::timeout(options.patience, asked).await;
    scanned.with_context(|| format!("{} did not answer in {:?}", shown(&url), options.patience))?
}

async fn ask(url: &Url, options: &Options, progress: &dyn Fn(String)) -> Result<Scan> {
    let address = shown(url);
    progress(format!("connecting to {address}"));
    let http = http_client(url)?;
    let recorder = Recorder::new(http.clone());
    let client = match connect(url, options, recorder.clone()).await {
        Ok(client) => client,
        Err(error) => {
            let unreachable = trouble::unreachable(&http, url).await;
            return Err(trouble::explain(&address, options.era, &error, unreachable));
        }
    };
    inventory(&client, &recorder.lists, address, progress).await
}

fn http_client(url: &Url) -> Result<reqwest::Client> {
    let origin = url.origin();
    let redirects = reqwest::redirect::Policy::custom(move |attempt| {
        // Anything else would turn the POST into a GET, or hand the headers to somebody else.
        let keeps_body = matches!(attempt.status().as_u16(), 307 | 308);
        if keeps_body && attempt.url().origin() == origin && attempt.previous().len() < 10 {
            attempt.follow()
        } else {
            attempt.stop()
        }
    });
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .connect_timeout(Duration::from_secs(10))
        .redirect(redirects)
        .user_agent(concat!("toolgate/", env!("CARGO_PKG_VERSION")));
    client.build().context("setting up the HTTP client")
}

async fn connect(url: &Url, options: &Options, recorder: Recorder) -> Result<Client> {
    let (config, lifecycle) = options.era.client();
    let mut transport = StreamableHttpClientTransportConfig::with_uri(url.as_str());
    transport.custom_headers = options.headers.iter().cloned().collect::<HashMap<_, _>>();
    let transport = StreamableHttpClientTransport::with_client(recorder, transport);
    Ok(config.serve_with_lifecycle(transport, lifecycle).await?)
}

/// A URL without what may be secret.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_secrets() {
        let url = "https://u:p@x.example/mcp?key=1#f".parse().unwrap();
        assert_eq!(shown(&url), "https://x.example/mcp");
    }

    #[test]
    fn headers_are_read_and_their_values_not_told() {
        let (name, value) = parse_header("Authorization: Bearer a:b").unwrap();
        assert_eq!(
            (name.as_str(), value.to_str().unwrap()),
            ("authorization", "Bearer a:b")
        );
        assert!(value.is_sensitive());
        for wrong in ["Authorization", "a b: c", "Accept: x", "X: secret\u{7f}"] {
            let error = format!("{:#}", parse_header(wrong).unwrap_err());
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
