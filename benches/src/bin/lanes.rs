//! Load lanes on one real Envoy: what each filter costs, in CPU time of the proxy.
//!
//! One process with one worker has a listener for each lane, all in front of one upstream. Lanes take turns, in another
//! order each round; each turn sends a fixed number of calls over connections that stay open, and the CPU time Envoy
//! used meanwhile is read from `/proc`. A ratio is the median over the rounds of lane ÷ router in the same round.

#[path = "../lanes/config.rs"]
mod config;
#[path = "../lanes/load.rs"]
mod load;
#[path = "../lanes/proc.rs"]
mod proc;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use benches::input;
use clap::Parser;
use config::{Filter, Lane};
use load::Load;
use toolgate_host::wasm;
use toolgate_rig::envoy::{Envoy, Options};

/// CPU time of a real Envoy for each filter, against no filter.
///
/// Example: cargo run -p benches --release --bin lanes -- --body 65536
#[derive(Debug, Parser)]
#[command(name = "lanes")]
struct Arguments {
    /// Calls per lane and round.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    requests: u32,
    /// Rounds, each with one turn of every lane.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Bytes of a call.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(300..=1_000_000))]
    body: u32,
    /// Connections that are kept open, each with one call at a time.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    connections: u32,
    /// Another build of the gate, as NAME=FILE: one more lane. May be repeated.
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    gate: Vec<(String, PathBuf)>,
    /// Another wasm filter, which need not refuse anything, as NAME=FILE. May be repeated.
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    filter: Vec<(String, PathBuf)>,
    /// Only the router, the gate, and what was given.
    #[arg(long)]
    gates_only: bool,
    /// Stops after the round that passes this many seconds.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    limit: u64,
}

fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("expected NAME=FILE")?;
    Ok((name.to_owned(), file.into()))
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let lanes = lanes(&arguments)?;
    let size = usize::try_from(arguments.body)?;
    // One thread: the load takes as little from Envoy's core as it can.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let upstream = runtime.block_on(load::upstream())?;
    let envoy = Envoy::start(config::envoy(&lanes, upstream.address()), &options())?;
    let mut loads = Vec::new();
    for lane in &lanes {
        let address = envoy
            .listener(&lane.name)
            .context("a listener is missing")?;
        let connections = usize::try_from(arguments.connections)?;
        let mut load = runtime.block_on(Load::connect(address, connections, &input::call(size)))?;
        // A lane that refuses nothing would be cheap.
        let refused = runtime.block_on(load::status_and_body(address, &input::refused_call()))?;
        ensure!(
            lane.filter.enforces() != refused.contains(load::ANSWER),
            "lane {} answered a call that breaks a rule with {refused}",
            lane.name
        );
        // Long enough for the optimising compiler of Envoy's wasm runtime.
        runtime.block_on(load.run(arguments.requests.max(2000)))?;
        loads.push(load);
    }

    let began = Instant::now();
    let mut costs = vec![Vec::new(); lanes.len()];
    for round in 0..arguments.rounds {
        for turn in 0..lanes.len() {
            let lane = (turn + usize::try_from(round)?) % lanes.len();
            let before = proc::cpu_time(envoy.pid())?;
            if let (Some(load), Some(costs)) = (loads.get_mut(lane), costs.get_mut(lane)) {
                runtime.block_on(load.run(arguments.requests))?;
                let spent = proc::cpu_time(envoy.pid())? - before;
                costs.push(spent.as_secs_f64() / f64::from(arguments.requests));
            }
        }
        if began.elapsed() > Duration::from_secs(arguments.limit) {
            break;
        }
    }
    print(&arguments, &lanes, &costs);
    Ok(())
}

fn lanes(arguments: &Arguments) -> Result<Vec<Lane>> {
    let gate = wasm::artifact()?;
    let lane = |name: &str, filter: Filter| Lane {
        name: name.to_owned(),
        filter,
    };
    let mut lanes = vec![
        lane("router only", Filter::None),
        lane("gate", Filter::gate(gate.clone())),
    ];
    if !arguments.gates_only {
        lanes.insert(
            1,
            lane("buffers only (wasm)", Filter::Floor(config::floor()?)),
        );
        let quiet = Filter::Gate {
            wasm: gate,
            log: false,
        };
        lanes.push(lane("gate, access log only", quiet));
        lanes.push(lane("native mcp + rbac", Filter::Native));
    }
    for (name, file) in &arguments.gate {
        let filter = Filter::gate(absolute(file)?);
        lanes.push(lane(&format!("gate: {name}"), filter));
    }
    for (name, file) in &arguments.filter {
        lanes.push(lane(name, Filter::Floor(absolute(file)?)));
    }
    Ok(lanes)
}

/// Envoy runs elsewhere.
fn absolute(file: &Path) -> Result<PathBuf> {
    file.canonicalize()
        .with_context(|| format!("looking for {}", file.display()))
}

/// The audit lines go to Envoy's log, so that level has to be on; it goes to a file, as it would.
fn options() -> Options {
    Options {
        concurrency: 1,
        log_level: "info".to_owned(),
        ..Options::default()
    }
}

fn print(arguments: &Arguments, lanes: &[Lane], costs: &[Vec<f64>]) {
    let rounds = costs.iter().map(Vec::len).min().unwrap_or(0);
    println!(
        "{} rounds of {} calls of {} bytes, {} connections, one worker\n",
        rounds, arguments.requests, arguments.body, arguments.connections
    );
    println!(
        "{:<28} {:>16} {:>8} {:>15}",
        "lane", "CPU s per 1,000", "ratio", "middle half"
    );
    let Some(router) = costs.first() else {
        return;
    };
    for (lane, costs) in lanes.iter().zip(costs) {
        let ratios = sorted(costs.iter().zip(router).map(|(cost, base)| cost / base));
        let costs = sorted(costs.iter().copied());
        println!(
            "{:<28} {:>16.4} {:>8.3} {:>7.3}–{:.3}",
            lane.name,
            quantile(&costs, 2) * 1000.0,
            quantile(&ratios, 2),
            quantile(&ratios, 1),
            quantile(&ratios, 3),
        );
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The first, second (median) or third quartile.
fn quantile(sorted: &[f64], quarter: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let index = (last * quarter + 2) / 4;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
