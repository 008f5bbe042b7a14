//! Builds the filter, gets Envoy, starts the server and the gate in front of it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressStyle};
use rmcp::model::ProtocolVersion;
use toolgate_engine::hex;
use toolgate_engine::identity::TokenHash;

use super::approver::Approver;
use super::client::connect;
use super::outcome::Stage;
use crate::envoy::{Config, DEFAULT_VERSION, Envoy, Options, fetch, root};
use crate::upstream::Upstream;

/// The policy that the gate gets.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How to call it: a path, or `allow-all`.
    pub name: String,
    text: String,
}

impl Policy {
    /// The name of the policy that allows everything.
    pub const ALLOW_ALL: &str = "allow-all";

    /// The file for which the script was written.
    pub const DEMO: &str = "examples/demo/policy.json";

    /// Reads a policy: [`Policy::ALLOW_ALL`], or a JSON or YAML file. Without a name: [`Policy::DEMO`].
    pub fn load(name: Option<&str>) -> Result<Self> {
        let (name, path) = match name {
            None => (Self::DEMO, root().join(Self::DEMO)),
            Some(Self::ALLOW_ALL) => {
                return Ok(Self {
                    name: Self::ALLOW_ALL.to_owned(),
                    text: r#"{"version": "1", "default": "allow"}"#.to_owned(),
                });
            }
            Some(name) => (name, PathBuf::from(name)),
        };
        let text = fs::read_to_string(&path)
            .with_context(|| format!("reading the policy {}", path.display()))?;
        Ok(Self {
            name: name.to_owned(),
            text,
        })
    }

    fn apply(&self, config: Config) -> Result<Config> {
        if self.text.trim_start().starts_with('{') {
            config.policy_json(&self.text)
        } else {
            config.policy_yaml(&self.text)
        }
    }
}

/// The gate and the server behind it. Dropping it stops both.
#[derive(Debug)]
pub struct Setup {
    /// The gate.
    pub envoy: Envoy,
    /// The server behind it.
    pub upstream: Upstream,
    /// What a person signs in to the console with.
    pub token: String,
    /// Held for as long as the directory is ours.
    _lock: File,
}

impl Setup {
    /// Builds the filter, gets Envoy, and starts everything. Without a port: a free one.
    pub async fn new(policy: &Policy, port: Option<u16>) -> Result<Self> {
        if let Some(port) = port.filter(|port| *port != 0) {
            // Envoy itself would not mind: it would share the port, and with it the clients.
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .with_context(|| format!("port {port} is taken; `--port 0` picks a free one"))?;
        }
        let progress = spinner();
        progress.set_message("building the filter");
        let wasm = tokio::task::spawn_blocking(toolgate_host::wasm::artifact).await??;
        let token = token()?;
        let config = policy
            .apply(Config::approvals()?.wasm(&wasm)?)?
            .replace(&"0".repeat(64), &sha256(&token))?;

        let installing = progress.clone();
        tokio::task::spawn_blocking(move || {
            installing.set_message("looking for Envoy");
            fetch(DEFAULT_VERSION, &mut |text| {
                installing.set_message(text.to_owned())
            })
        })
        .await??;

        progress.set_message("starting the server and the gate");
        let upstream = Upstream::start().await?;
        let mut config = config.upstream(upstream.address())?;
        if let Some(port) = port {
            config = config.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        let (directory, lock) = directory()?;
        let options = Options {
            // Two workers, so that limits are seen to hold across them.
            concurrency: 2,
            directory: Some(directory),
            ..Options::default()
        };
        let envoy = tokio::task::spawn_blocking(move || Envoy::start(config, &options))
            .await?
            .with_context(|| format!("the gate does not start with the policy {}", policy.name))?;
        progress.finish_and_clear();
        Ok(Self {
            envoy,
            upstream,
            token,
            _lock: lock,
        })
    }

    /// The URL of the gate.
    pub fn url(&self) -> String {
        self.envoy.url("/mcp")
    }

    /// The URL of the console.
    pub fn console(&self) -> Result<String> {
        let address = self.envoy.listener("console");
        Ok(format!("http://{}", address.context("no console")?))
    }

    /// Connects a client of each protocol through the gate.
    pub async fn connect(&self) -> Result<Stage<'_>> {
        let url = self.url();
        let sessions = connect(&url, ProtocolVersion::V_2025_11_25).await?;
        let stateless = connect(&url, ProtocolVersion::V_2026_07_28).await?;
        Ok(Stage {
            url,
            upstream: &self.upstream,
            sessions,
            stateless,
            approver: Approver::new(&self.console()?, &self.token),
        })
    }
}

/// `target/demo`, or a directory of this process while another demo is using that one.
fn directory() -> Result<(PathBuf, File)> {
    let usual = root().join("target/demo");
    let own = root().join(format!("target/demo-{}", std::process::id()));
    for directory in [usual, own] {
        fs::create_dir_all(&directory)?;
        let lock = File::create(directory.join(".lock"))?;
        if lock.try_lock().is_ok() {
            return Ok((directory, lock));
        }
    }
    anyhow::bail!(
        "no directory for this run under {}",
        root().join("target").display()
    )
}

fn spinner() -> ProgressBar {
    // Writes to stderr, and only when that is a terminal.
    let spinner = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// A token of 256 random bits.
fn token() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("no randomness on this machine")?;
    Ok(hex(&bytes))
}

fn sha256(text: &str) -> String {
    TokenHash::of(text.as_bytes()).to_string()
}
