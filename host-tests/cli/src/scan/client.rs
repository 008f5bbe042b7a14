//! The conversation with the server.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use http::{HeaderName, HeaderValue};
use reqwest::Url;
use rmcp::model::{
    ClientCapabilities, ClientConfig, Implementation, PaginatedRequestParams, ProtocolVersion,
};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt as _, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use toolgate_engine::json::{Document, Limits};

use super::recorder::Recorder;
use super::{Scan, ToolDefinition, trouble};
use crate::text::one_line;

/// Most pages of one list. A server that goes on handing out cursors is not waited for.
const MAX_PAGES: usize = 1000;

type Client = RunningService<RoleClient, ClientConfig>;

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
    let info = client
        .peer_info()
        .context("the server said nothing about itself")?
        .clone();

    let about = info.server_info.as_ref();
    let mut scan = Scan {
        url: address,
        server: about
            .map_or("an MCP server", |about| &about.name)
            .to_owned(),
        version: about.map_or("", |about| &about.version).to_owned(),
        protocol: info.protocol_version.to_string(),
        tools: Vec::new(),
        prompts: 0,
        resources: 0,
        templates: 0,
    };
    let capabilities = &info.capabilities;
    if capabilities.tools.is_some() {
        scan.tools = tools(&client, &recorder, progress).await?;
    }
    if capabilities.prompts.is_some() {
        progress("listing prompts".to_owned());
        scan.prompts = count(async |page| {
            let page = client.list_prompts(page).await?;
            Ok((page.prompts.len(), page.next_cursor))
        })
        .await
        .context("listing the prompts")?;
    }
    if capabilities.resources.is_some() {
        progress("listing resources".to_owned());
        scan.resources = count(async |page| {
            let page = client.list_resources(page).await?;
            Ok((page.resources.len(), page.next_cursor))
        })
        .await
        .context("listing the resources")?;
        // Many servers have resources and no templates, and say so with an error.
        let templates = count(async |page| {
            let page = client.list_resource_templates(page).await?;
            Ok((page.resource_templates.len(), page.next_cursor))
        });
        scan.templates = templates.await.unwrap_or_default();
    }
    let _ = client.cancel().await;
    Ok(scan)
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
    let stateless = vec![ProtocolVersion::V_2026_07_28];
    let (lifecycle, version) = match options.era {
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
    let mut transport = StreamableHttpClientTransportConfig::with_uri(url.as_str());
    transport.custom_headers = options.headers.iter().cloned().collect::<HashMap<_, _>>();
    let transport = StreamableHttpClientTransport::with_client(recorder, transport);
    Ok(config.serve_with_lifecycle(transport, lifecycle).await?)
}

async fn tools(
    client: &Client,
    recorder: &Recorder,
    progress: &dyn Fn(String),
) -> Result<Vec<ToolDefinition>> {
    let mut tools: Vec<ToolDefinition> = Vec::new();
    let mut pages = Pages::default();
    let mut cursor = None;
    loop {
        progress(match tools.len() {
            0 => "listing tools".to_owned(),
            count => format!("listing tools ({count} so far)"),
        });
        recorder.take();
        let params = PaginatedRequestParams::default().with_cursor(cursor);
        let page = client
            .list_tools(Some(params))
            .await
            .context("listing the tools")?;
        let written = written(&recorder.take(), page.tools.len())?;
        for tool in written {
            if tools.iter().any(|other| other.name == tool.name) {
                bail!(
                    "the server lists two tools named `{}`: which one a call means is not defined",
                    one_line(&tool.name, 80)
                );
            }
            tools.push(tool);
        }
        cursor = pages.next(page.next_cursor)?;
        if cursor.is_none() {
            return Ok(tools);
        }
    }
}

/// The tools of one page, from the messages that came with it.
fn written(messages: &[String], count: usize) -> Result<Vec<ToolDefinition>> {
    let mut why = "it came with other messages than it should".to_owned();
    for message in messages {
        let document = match Document::parse(message.as_bytes(), &Limits::CONFIG) {
            Ok(document) => document,
            Err(error) => {
                why = error.to_string();
                continue;
            }
        };
        let Some(list) = document
            .root()
            .get("result")
            .and_then(|result| result.get("tools"))
        else {
            continue;
        };
        let tools: Option<Vec<_>> = list.items().map(ToolDefinition::from_value).collect();
        if let Some(tools) = tools.filter(|tools| tools.len() == count) {
            return Ok(tools);
        }
    }
    bail!("the server's list of tools cannot be read without doubt: {why}")
}

/// How many entries a list has, over all its pages.
async fn count(
    mut page: impl AsyncFnMut(Option<PaginatedRequestParams>) -> Result<(usize, Option<String>)>,
) -> Result<usize> {
    let mut pages = Pages::default();
    let (mut total, mut cursor) = (0, None);
    loop {
        let params = PaginatedRequestParams::default().with_cursor(cursor);
        let (entries, next) = page(Some(params)).await?;
        total += entries;
        cursor = pages.next(next)?;
        if cursor.is_none() {
            return Ok(total);
        }
    }
}

/// Sees that a list ends.
#[derive(Default)]
struct Pages(HashSet<String>);

impl Pages {
    fn next(&mut self, cursor: Option<String>) -> Result<Option<String>> {
        if let Some(cursor) = &cursor {
            ensure!(
                self.0.insert(cursor.clone()),
                "the server hands out the same cursor twice: its list has no end"
            );
            ensure!(
                self.0.len() < MAX_PAGES,
                "the server's list has more than {MAX_PAGES} pages"
            );
        }
        Ok(cursor)
    }
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

    #[test]
    fn lists_end() {
        let mut pages = Pages::default();
        assert_eq!(pages.next(Some("a".into())).unwrap().as_deref(), Some("a"));
        assert!(pages.next(Some("a".into())).is_err());
        assert_eq!(pages.next(None).unwrap(), None);
    }
}
