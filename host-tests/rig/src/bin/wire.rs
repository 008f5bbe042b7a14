//! `wire`: replays hostile requests and replies on a real Envoy with the gate, and says what went wrong.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use toolgate_rig::envoy::{DEFAULT_VERSION, OLDEST_VERSION};
use toolgate_rig::wire::corpus::{self, Cases};
use toolgate_rig::wire::run::{self, Downstream, Plan};
use toolgate_rig::wire::{ReplyCase, Report, RequestCase};

/// Replays the hostile corpus on a real Envoy.
///
/// Exits 0 when nothing bypassed the gate, nothing was blocked that should pass, and nothing crashed; 1 when a case failed;
/// 2 when the run itself did.
#[derive(Parser)]
#[command(after_help = "\
Examples:
  cargo run -p toolgate-rig --bin wire                         our corpus, HTTP/1.1 and HTTP/2
  cargo run -p toolgate-rig --bin wire -- --http2              HTTP/2 clients only
  cargo run -p toolgate-rig --bin wire -- --file cases.jsonl   a file of the same form, not our corpus
  cargo run -p toolgate-rig --bin wire -- --file replies.jsonl --skip-class 'list-*'
  cargo run -p toolgate-rig --bin wire -- --only twice-01 --verbose
  cargo run -p toolgate-rig --bin wire -- --no-gate            without the filter: what an open proxy lets through")]
struct Options {
    /// The Envoy release to run, such as 1.40 or 1.36.4.
    #[arg(long, default_value = DEFAULT_VERSION)]
    envoy: String,
    /// Only clients that speak HTTP/1.1.
    #[arg(long, conflicts_with = "http2")]
    http1: bool,
    /// Only clients that speak HTTP/2.
    #[arg(long)]
    http2: bool,
    /// Files of cases to replay in place of the project's corpus.
    #[arg(long = "file", value_name = "JSONL")]
    files: Vec<PathBuf>,
    /// The filter to run; the project's own build when omitted.
    #[arg(long, value_name = "PATH")]
    wasm: Option<PathBuf>,
    /// Run Envoy without the filter.
    #[arg(long, conflicts_with = "wasm")]
    no_gate: bool,
    /// Also print what became of every case.
    #[arg(long, short)]
    verbose: bool,
    /// Only cases of this class.
    #[arg(long, value_name = "CLASS")]
    class: Vec<String>,
    /// No cases of this class; a trailing `*` matches the rest.
    #[arg(long, value_name = "CLASS")]
    skip_class: Vec<String>,
    /// Only the case of this id.
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
}

fn main() -> ExitCode {
    match run_all(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run_all(options: &Options) -> Result<bool> {
    let (requests, replies) = cases(options)?;
    let wasm = match (&options.wasm, options.no_gate) {
        (Some(path), _) => Some(
            path.canonicalize()
                .with_context(|| format!("no filter at {}", path.display()))?,
        ),
        (None, true) => None,
        (None, false) => Some(toolgate_host::wasm::artifact()?),
    };
    let downstreams: &[_] = match (options.http1, options.http2) {
        (true, _) => &[Downstream::Http1],
        (_, true) => &[Downstream::Http2],
        _ => &[Downstream::Http1, Downstream::Http2],
    };
    let mut known = [DEFAULT_VERSION, OLDEST_VERSION].into_iter();
    let short = |version: &&str| version.starts_with(&format!("{}.", options.envoy));
    let envoy = known.find(short).unwrap_or(&options.envoy);
    let mut clean = true;
    for downstream in downstreams {
        let name = if *downstream == Downstream::Http1 {
            "HTTP/1.1"
        } else {
            "HTTP/2"
        };
        let style = ProgressStyle::with_template("{prefix} {bar:32} {pos}/{len} {elapsed}")?;
        let bar = ProgressBar::new(0).with_style(style).with_prefix(name);
        let progress = |done: usize, all: usize| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        };
        let plan = Plan {
            envoy,
            wasm: wasm.as_deref(),
            downstream: *downstream,
            progress: &progress,
        };
        let mut report = Report::default();
        if !requests.is_empty() {
            report.merge(run::requests(&plan, &requests)?);
        }
        if !replies.is_empty() {
            report.merge(run::replies(&plan, &replies)?);
        }
        bar.finish_and_clear();
        let lines = if options.verbose {
            report.lines()
        } else {
            String::new()
        };
        // A reader that has seen enough, such as `head`, is no error.
        let _ = writeln!(
            std::io::stdout(),
            "{lines}{name} clients, Envoy {envoy}\n{report}"
        );
        clean &= report.is_clean();
    }
    Ok(clean)
}

fn cases(options: &Options) -> Result<(Vec<RequestCase>, Vec<ReplyCase>)> {
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    if options.files.is_empty() {
        (requests, replies) = (corpus::requests()?, corpus::replies()?);
    }
    for path in &options.files {
        match corpus::file(path)? {
            Cases::Requests(more) => requests.extend(more),
            Cases::Replies(more) => replies.extend(more),
        }
    }
    let skipped = |class: &str| {
        let matches = |pattern: &String| {
            pattern
                .strip_suffix('*')
                .map_or(class == pattern, |start| class.starts_with(start))
        };
        options.skip_class.iter().any(matches)
    };
    let wanted = |id: &str, class: &str| {
        !skipped(class)
            && (options.class.is_empty() || options.class.iter().any(|one| one == class))
            && (options.only.is_empty() || options.only.iter().any(|one| one == id))
    };
    requests.retain(|case| wanted(&case.id, &case.class));
    replies.retain(|case| wanted(&case.id, &case.class));
    anyhow::ensure!(
        !requests.is_empty() || !replies.is_empty(),
        "no case is left to run"
    );
    Ok((requests, replies))
}
