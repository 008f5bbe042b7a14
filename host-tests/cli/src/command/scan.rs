//! `toolgate scan`: what does this server offer, and what would be a safe start?

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::output::Files;
use super::{Outcome, failure};
use crate::scan::{self, Era, Pins, Risk, Scan, Target, assess};
use crate::terminal::{Paint, Progress};
use crate::text::one_line;

/// Longest error that is shown, in characters: a server may answer with a page.
const MESSAGE: usize = 1500;

/// Which server, and how to ask it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it is.
    pub target: Target,
    /// The protocol.
    pub era: Era,
    /// How long it may take.
    pub patience: Duration,
}

/// What to scan, and where to write.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server.
    pub server: Server,
    /// The directory for `policy.yaml` and `pins.json`.
    pub out: PathBuf,
    /// Overwrite.
    pub force: bool,
    /// Colours.
    pub paint: Paint,
}

/// Scans, and writes a policy and a pin file.
pub fn run(options: &Options) -> Outcome {
    let (policy, pins) = (
        options.out.join("policy.yaml"),
        options.out.join("pins.json"),
    );
    // Asked before the server is: nobody waits for a scan that is thrown away.
    let mut files = Files::default();
    files.add(&policy, "");
    files.add(&pins, "");
    if let Some(message) = files.in_the_way(options.force) {
        return failure(message);
    }
    let scan = match ask(&options.server) {
        Ok(scan) => scan,
        Err(error) => return failure(format!("error: {error:#}\n")),
    };
    let mut files = Files::default();
    files.add(&policy, scan::policy(&scan, "toolgate scan"));
    files.add(&pins, Pins::of(&scan).to_json());
    if let Err(message) = files.write() {
        return failure(message);
    }
    let mut output = summary(&scan, options.paint);
    output.push_str(&format!("\nwritten:\n{}\n", files.list()));
    output.push_str(&next(options, &scan, &policy, &pins));
    Outcome {
        output,
        ..Outcome::default()
    }
}

/// What to do with what was written.
fn next(options: &Options, scan: &Scan, policy: &Path, pins: &Path) -> String {
    let server = &options.server;
    let (policy, pins) = (policy.display(), pins.display());
    let envoy = options.out.join("envoy.yaml");
    let (upstream, bridge) = match &server.target {
        Target::Http { .. } => (origin(&scan.url), String::new()),
        Target::Command(_) => (
            format!("http://127.0.0.1:{BRIDGE_PORT}"),
            format!(
                "\n     {}\n     the server speaks stdio, Envoy speaks HTTP: this bridge is in between",
                bridge(&scan.url, BRIDGE_PORT)
            ),
        ),
    };
    let once = match &server.target {
        Target::Http { .. } => format!(
            "`toolgate init {}` does 1 and 3 at once, with tests for the policy.\n",
            scan.url
        ),
        Target::Command(_) => String::new(),
    };
    format!(
        "next:\n  \
         1. Decide on the tools that are comments in {policy}: each says what has to be decided.\n  \
         2. toolgate check {policy}\n  \
         3. toolgate render envoy --policy {policy} --upstream {upstream} --out {envoy}\n     envoy -c {envoy}{bridge}\n  \
         4. {check}    in CI: has the server changed a tool?\n  \
         5. {config} >> {policy}    the gate itself refuses what changes\n{once}",
        envoy = envoy.display(),
        check = server.again("pin", &scan.url, &format!("--file {pins} --check")),
        config = server.again("pin", &scan.url, &format!("--file {pins} --config")),
    )
}

/// Where the bridge of the suggestion listens.
const BRIDGE_PORT: u16 = 3100;

/// A command line that offers a stdio server over Streamable HTTP, on loopback; `envoy/stdio` has the recipe.
pub(super) fn bridge(shown: &str, port: u16) -> String {
    format!("uvx mcp-proxy@0.13.0 --host 127.0.0.1 --port {port} --pass-environment -- {shown}")
}

impl Server {
    /// The command line that asks this server: `shown` is its address or command, without what may be secret.
    pub(super) fn again(&self, subcommand: &str, shown: &str, flags: &str) -> String {
        match self.target {
            Target::Http { .. } => format!("toolgate {subcommand} {shown} {flags}"),
            Target::Command(_) => format!("toolgate {subcommand} {flags} -- {shown}"),
        }
    }

    /// Its address or command, without what may be secret.
    pub(super) fn shown(&self) -> String {
        match &self.target {
            Target::Http { url, .. } => url.clone(),
            Target::Command(command) => command.shown(),
        }
    }
}

/// Scans a server, with progress on stderr. What an error quotes of the server is fit for a terminal.
pub(super) fn ask(server: &Server) -> anyhow::Result<Scan> {
    let progress = Progress::begin("connecting");
    let now = |what: String| progress.now(one_line(&what, 120));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let result = match &server.target {
        Target::Http { url, headers } => {
            let headers: anyhow::Result<Vec<_>> = headers
                .iter()
                .map(|header| scan::parse_header(header))
                .collect();
            let options = scan::Options {
                url: url.clone(),
                headers: headers?,
                era: server.era,
                patience: server.patience,
            };
            runtime.block_on(scan::scan(&options, &now))
        }
        Target::Command(command) => {
            let asked = scan::scan_command(command, server.era, server.patience, &now);
            runtime.block_on(asked)
        }
    };
    // A server that keeps a stream open does not keep us.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result.map_err(|error| anyhow::anyhow!(one_line(&format!("{error:#}"), MESSAGE)))
}

/// What was found, in a few lines.
pub(super) fn summary(scan: &Scan, paint: Paint) -> String {
    let name = one_line(&format!("{} {}", scan.server, scan.version), 80);
    let mut text = format!(
        "{} at {} (MCP {}): {}, {}, {}\n",
        paint.strong(name.trim()),
        scan.url,
        one_line(&scan.protocol, 20),
        plural(scan.tools.len(), "tool"),
        plural(scan.prompts, "prompt"),
        plural(scan.resources + scan.templates, "resource"),
    );
    for unlisted in &scan.unlisted {
        text.push_str(&format!("  {} {unlisted}\n", paint.warn("not listed:")));
    }
    let verdicts: Vec<_> = scan.tools.iter().map(|tool| (tool, assess(tool))).collect();
    for risk in Risk::ALL {
        let group: Vec<_> = verdicts
            .iter()
            .filter(|(_, verdict)| verdict.risk == risk)
            .collect();
        if group.is_empty() {
            continue;
        }
        let (open, held): (Vec<_>, Vec<_>) = group
            .into_iter()
            .partition(|(_, verdict)| risk == Risk::Read && verdict.caution.is_none());
        let rest = match risk {
            Risk::Destructive => "hidden, denied",
            _ => "denied until you decide",
        };
        for (group, becomes) in [(open, "allowed"), (held, rest)] {
            if group.is_empty() {
                continue;
            }
            let names: Vec<_> = group.iter().map(|(tool, _)| tool.name.as_str()).collect();
            let names = one_line(&names.join(", "), 100);
            let count = group.len();
            text.push_str(&format!(
                "  {:<12}{count:>4}  {becomes}: {names}\n",
                risk.word()
            ));
        }
    }
    text
}

/// `1 tool`, `2 tools`.
pub(super) fn plural(count: usize, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    }
}

/// Scheme and authority of a URL.
pub(super) fn origin(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{authority}")
}
