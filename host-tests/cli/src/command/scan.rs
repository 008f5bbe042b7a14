//! `toolgate scan`: what does this server offer, and what would be a safe start?

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::output::Files;
use super::{Outcome, failure};
use crate::scan::{self, Era, Pins, Risk, Scan, assess};
use crate::terminal::{Paint, Progress};

/// Which server, and how to ask it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its MCP endpoint.
    pub url: String,
    /// Headers as `Name: value`.
    pub headers: Vec<String>,
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
    let directory = shown(&options.out);
    output.push_str(&format!("\nwritten:\n{}\n", files.list()));
    output.push_str(&format!(
        "next:\n  \
         1. Decide on the tools that are comments in {policy}: each says what has to be decided.\n  \
         2. toolgate check {policy}\n  \
         3. toolgate render envoy --policy {policy} --upstream {upstream} --out {envoy}\n     envoy -c {envoy}\n  \
         4. toolgate pin {url} --file {pins} --check    in CI: has the server changed a tool?\n  \
         5. toolgate pin {url} --file {pins} --config >> {policy}    the gate itself refuses what changes\n\
         `toolgate init {url}` does 1 and 3 at once, with tests for the policy.\n",
        policy = policy.display(),
        upstream = origin(&scan.url),
        envoy = Path::new(&directory).join("envoy.yaml").display(),
        url = scan.url,
        pins = pins.display(),
    ));
    Outcome {
        output,
        ..Outcome::default()
    }
}

/// Scans a server, with progress on stderr.
pub(super) fn ask(server: &Server) -> anyhow::Result<Scan> {
    let headers: anyhow::Result<Vec<_>> = server
        .headers
        .iter()
        .map(|header| scan::parse_header(header))
        .collect();
    let options = scan::Options {
        url: server.url.clone(),
        headers: headers?,
        era: server.era,
        patience: server.patience,
    };
    let progress = Progress::begin("connecting");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let result = runtime.block_on(scan::scan(&options, &|what| progress.now(what)));
    // A server that keeps a stream open does not keep us.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

/// What was found, in a few lines.
pub(super) fn summary(scan: &Scan, paint: Paint) -> String {
    let name = crate::text::one_line(&format!("{} {}", scan.server, scan.version), 80);
    let mut text = format!(
        "{} at {} (MCP {}): {}, {}, {}\n",
        paint.strong(name.trim()),
        scan.url,
        crate::text::one_line(&scan.protocol, 20),
        plural(scan.tools.len(), "tool"),
        plural(scan.prompts, "prompt"),
        plural(scan.resources + scan.templates, "resource"),
    );
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
            let names = crate::text::one_line(&names.join(", "), 100);
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

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Scheme and authority of a URL.
pub(super) fn origin(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{authority}")
}
