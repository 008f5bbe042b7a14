//! Load lanes on one real Envoy: what each way to check a call costs, in CPU time of the proxy and of whom it asks.
//!
//! One process with one worker has a listener for each lane, all in front of one upstream. Lanes take turns, in another
//! order each round; each turn sends a fixed number of calls over connections that stay open, and the CPU time used
//! meanwhile is read from `/proc`. A ratio is the median over the rounds of lane ÷ other lane in the same round.

mod agree;
mod cases;
mod chart;
mod config;
mod contention;
mod ext;
mod load;
mod lua;
mod measure;
mod native;
mod proc;
mod report;
mod service;
mod wire;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use config::{Filter, Lane};
use measure::Effort;
use service::Service;

/// CPU time, latency and memory of a real Envoy for each way to check a call.
///
/// Example: cargo lanes -- --quick
#[derive(Debug, Parser)]
#[command(name = "lanes")]
struct Arguments {
    /// Fewer and shorter turns: under three minutes. Good for differences of ten percent.
    #[arg(long)]
    quick: bool,
    /// Measures nothing: sends 500 calls through every lane that decides, and compares what becomes of them.
    #[arg(long)]
    agree: bool,
    /// One hot counter and 1,000 counters under 2, 4 and 8 workers, in place of lanes.
    #[arg(long)]
    contention: bool,
    /// Only cases whose name holds this, and neither latency nor memory.
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// Only lanes whose name holds one of these, besides the router and native. May be repeated.
    #[arg(long, value_name = "TEXT")]
    lane: Vec<String>,
    /// Another build of the gate, as NAME=FILE: one more lane. May be repeated.
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    gate: Vec<(String, PathBuf)>,
    /// Another wasm filter, which need not refuse anything, as NAME=FILE. May be repeated.
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    filter: Vec<(String, PathBuf)>,
    /// Rounds, each with one turn of every lane in every case.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Writes everything, every turn of it, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the tables as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Writes the chart.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// The process that is asked: serves both protocols with this policy.
    #[arg(long, hide = true, requires = "records")]
    serve: Option<PathBuf>,
    /// Where it writes its records.
    #[arg(long, hide = true)]
    records: Option<PathBuf>,
}

const FULL: Effort = Effort {
    rounds: 15,
    turn: Duration::from_millis(200),
    latencies: &["call of 300 B", "call of 64 KiB"],
    at_rate: Duration::from_secs(2),
    connections: 8,
};
const QUICK: Effort = Effort {
    rounds: 5,
    turn: Duration::from_millis(80),
    latencies: &["call of 300 B"],
    at_rate: Duration::from_millis(700),
    connections: 8,
};

fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("expected NAME=FILE")?;
    Ok((name.to_owned(), file.into()))
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let (Some(policy), Some(records)) = (&arguments.serve, &arguments.records) {
        return ext::serve(&std::fs::read_to_string(policy)?, records);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let directory = toolgate_host::wasm::workspace_root()?.join("target/lanes-run");
    eprintln!("building the filters");
    let (gate, floor) = cases::builds()?;
    if arguments.contention {
        return contention::run(&runtime, &gate, &directory);
    }
    let services =
        ["ext_authz", "ext_proc"].map(|name| Service::start(name, &cases::policy(), &directory));
    let [authz, proc] = services;
    let services = [authz?, proc?];
    let lanes = cases::call_lanes(&gate, floor, &services);
    let upstream = wire::upstream(cases::answers())?;
    if arguments.agree {
        return agree::run(&runtime, &lanes, upstream, &directory);
    }
    measure(
        &arguments, &runtime, &gate, lanes, &services, upstream, &directory,
    )
}

fn measure(
    arguments: &Arguments,
    runtime: &tokio::runtime::Runtime,
    gate: &Path,
    mut lanes: Vec<Lane>,
    services: &[Service],
    upstream: std::net::SocketAddr,
    directory: &Path,
) -> Result<()> {
    let mut effort = if arguments.quick { QUICK } else { FULL };
    if let Some(rounds) = arguments.rounds {
        effort.rounds = usize::try_from(rounds)?;
    }
    let wanted = |name: &str| {
        arguments.lane.is_empty()
            || [cases::ROUTER, cases::NATIVE].contains(&name)
            || arguments
                .lane
                .iter()
                .any(|text| name.contains(text.as_str()))
    };
    lanes.retain(|lane| wanted(&lane.name));
    let extra = extra(arguments)?;
    let mut cases = cases::cases(&lanes, &extra);
    if let Some(text) = &arguments.case {
        cases.retain(|case| case.name.contains(text.as_str()));
        effort.latencies = &[];
    }
    let first = cases.first().and_then(|case| case.lanes.first());
    let alone_call = first.context("no case has this in its name")?.1.clone();
    let all: Vec<Lane> = lanes
        .iter()
        .cloned()
        .chain(extra)
        .chain(cases::reply_lanes(gate))
        .collect();
    let envoy = measure::start(&all, upstream, 1, directory)?;
    let stage = measure::Stage {
        runtime,
        envoy: &envoy,
        lanes: &all,
        services,
        effort,
    };
    let measured = stage.measure(&cases)?;
    drop(envoy);
    let standing = match arguments.case {
        Some(_) => Vec::new(),
        None => measure::standing(runtime, &lanes, upstream, &alone_call, directory)?,
    };
    let report = report::Report {
        machine: machine(&effort),
        cases: measured,
        standing,
    };
    let text = report.text();
    println!("{text}");
    write(arguments.markdown.as_deref(), &text)?;
    write(arguments.json.as_deref(), &format!("{:#}\n", report.json()))?;
    write(
        arguments.svg.as_deref(),
        &chart::svg(&report.cases, &report.machine),
    )
}

fn write(file: Option<&Path>, text: &str) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}

fn extra(arguments: &Arguments) -> Result<Vec<Lane>> {
    let mut lanes = Vec::new();
    for (name, file) in &arguments.gate {
        lanes.push(Lane {
            name: format!("gate: {name}"),
            filter: cases::gate_filter(&absolute(file)?, &cases::policy()),
        });
    }
    for (name, file) in &arguments.filter {
        lanes.push(Lane {
            name: name.clone(),
            filter: Filter::Floor(absolute(file)?),
        });
    }
    Ok(lanes)
}

/// Envoy runs elsewhere.
fn absolute(file: &Path) -> Result<PathBuf> {
    file.canonicalize()
        .with_context(|| format!("looking for {}", file.display()))
}

/// Where and how it was measured, in a line.
fn machine(effort: &Effort) -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("an unknown CPU", |model| {
        model.trim_matches([':', ' ', '\t'])
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{model}, {cores} cores, Envoy {}, one worker, {} rounds of {} ms, {} connections",
        toolgate_rig::envoy::DEFAULT_VERSION,
        effort.rounds,
        effort.turn.as_millis(),
        effort.connections
    )
}
