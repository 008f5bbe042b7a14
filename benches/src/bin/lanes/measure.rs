//! One run: every case through every lane, in turns.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;
use toolgate_rig::envoy::{Envoy, Options};

use super::cases::Case;
use super::config::{self, Lane};
use super::load::{Call, Load};
use super::proc;
use super::service::Service;

/// How long a run takes.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Rounds, each with one turn of every lane in every case.
    pub rounds: usize,
    /// How long one turn should take.
    pub turn: Duration,
    /// Sizes of calls whose latency is measured: the first so many.
    pub latencies: &'static [&'static str],
    /// How long calls are sent at one rate, in each of three turns.
    pub at_rate: Duration,
    /// Connections that are kept open, each with one call at a time.
    pub connections: usize,
}

/// What one turn cost a call, in seconds.
#[derive(Clone, Copy)]
pub struct Turn {
    /// CPU of Envoy.
    pub envoy: f64,
    /// CPU of the process it asked.
    pub other: f64,
    /// From the first call to the last, divided by their number.
    pub wall: f64,
}

impl Turn {
    pub fn cpu(self) -> f64 {
        self.envoy + self.other
    }
}

/// One lane in one case.
pub struct Cell {
    pub lane: String,
    pub turns: Vec<Turn>,
    pub latencies: Vec<Latency>,
}

/// Latency at a part of what the lane can do.
pub struct Latency {
    pub percent: u32,
    pub per_second: f64,
    /// Medians of the turns, in seconds.
    pub p50: f64,
    pub p99: f64,
    /// Calls in all turns.
    pub calls: usize,
}

pub struct Measured {
    pub case: String,
    pub cells: Vec<Cell>,
}

/// What a lane takes when it is alone in an Envoy.
pub struct Standing {
    pub lane: String,
    /// Bytes resident after some calls.
    pub resident: u64,
    /// CPU seconds until it was ready.
    pub start: f64,
}

/// The stage: one Envoy with every lane, and the processes it asks.
pub struct Stage<'a> {
    pub runtime: &'a Runtime,
    pub envoy: &'a Envoy,
    pub lanes: &'a [Lane],
    pub services: &'a [Service],
    pub effort: Effort,
}

struct Running<'a> {
    call: &'a Call,
    load: Load,
    count: u32,
    other: Option<u32>,
    cell: Cell,
}

impl Stage<'_> {
    /// Costs of all cases, then latencies.
    pub fn measure(&self, cases: &[Case]) -> Result<Vec<Measured>> {
        let mut all = Vec::new();
        for case in cases {
            eprintln!("warming up: {}", case.name);
            let running: Result<Vec<Running<'_>>> = case
                .lanes
                .iter()
                .map(|(lane, call)| {
                    self.warm(lane, call)
                        .with_context(|| format!("lane {lane}"))
                })
                .collect();
            all.push((case, running?));
        }
        for round in 0..self.effort.rounds {
            eprintln!("round {} of {}", round + 1, self.effort.rounds);
            for (case, lanes) in &mut all {
                for turn in 0..lanes.len() {
                    let at = (turn + round) % lanes.len();
                    if let Some(lane) = lanes.get_mut(at) {
                        let turn = self.turn(lane);
                        let turn =
                            turn.with_context(|| format!("{}, {}", case.name, lane.cell.lane));
                        lane.cell.turns.push(turn?);
                    }
                }
            }
        }
        for (case, lanes) in &mut all {
            if self.effort.latencies.contains(&case.name.as_str()) {
                self.latencies(&case.name, lanes)?;
            }
        }
        let measured = all.into_iter().map(|(case, lanes)| Measured {
            case: case.name.clone(),
            cells: lanes.into_iter().map(|lane| lane.cell).collect(),
        });
        Ok(measured.collect())
    }

    /// Long enough for the optimising compilers of Envoy's wasm and Lua runtimes, and to know how many calls make a turn.
    fn warm<'c>(&self, name: &str, call: &'c Call) -> Result<Running<'c>> {
        let address = self.envoy.listener(name).context("a listener is missing")?;
        let lane = self.lanes.iter().find(|lane| lane.name == name);
        let port = lane.and_then(|lane| lane.filter.port());
        let other = self
            .services
            .iter()
            .find(|service| Some(service.port) == port);
        let connect = Load::connect(address, self.effort.connections);
        let mut load = self.runtime.block_on(connect)?;
        let mut count = 16;
        let per_call = loop {
            let began = Instant::now();
            self.runtime.block_on(load.run(call, count))?;
            let took = began.elapsed();
            if took >= self.effort.turn {
                break took.as_secs_f64() / f64::from(count);
            }
            count *= 2;
        };
        let count = self.effort.turn.as_secs_f64() / per_call;
        Ok(Running {
            call,
            load,
            count: (count as u32).max(8),
            other: other.map(Service::pid),
            cell: Cell {
                lane: name.to_owned(),
                turns: Vec::new(),
                latencies: Vec::new(),
            },
        })
    }

    fn turn(&self, lane: &mut Running<'_>) -> Result<Turn> {
        let cpu = |pid: Option<u32>| pid.map_or(Ok(Duration::ZERO), proc::cpu_time);
        let before = (proc::cpu_time(self.envoy.pid())?, cpu(lane.other)?);
        let began = Instant::now();
        self.runtime
            .block_on(lane.load.run(lane.call, lane.count))?;
        let took = began.elapsed();
        let after = (proc::cpu_time(self.envoy.pid())?, cpu(lane.other)?);
        let per_call = |time: Duration| time.as_secs_f64() / f64::from(lane.count);
        Ok(Turn {
            envoy: per_call(after.0 - before.0),
            other: per_call(after.1 - before.1),
            wall: per_call(took),
        })
    }

    fn latencies(&self, case: &str, lanes: &mut [Running<'_>]) -> Result<()> {
        const PERCENTS: [u32; 3] = [25, 50, 75];
        const TURNS: usize = 3;
        /// More than there will ever be in flight at these rates.
        const CONNECTIONS: usize = 64;
        for percent in PERCENTS {
            eprintln!("latency: {case} at {percent} %");
            let mut samples = vec![Vec::new(); lanes.len()];
            for _ in 0..TURNS {
                for (lane, samples) in lanes.iter_mut().zip(&mut samples) {
                    let capacity = 1.0 / median(lane.cell.turns.iter().map(|turn| turn.wall));
                    let rate = capacity * f64::from(percent) / 100.0;
                    let address = self
                        .envoy
                        .listener(&lane.cell.lane)
                        .context("no listener")?;
                    let mut load = self.runtime.block_on(Load::connect(address, CONNECTIONS))?;
                    let sent = load.at_rate(lane.call, rate, self.effort.at_rate);
                    let mut times = self.runtime.block_on(sent)?;
                    times.sort_unstable();
                    samples.push((rate, times));
                }
            }
            for (lane, samples) in lanes.iter_mut().zip(samples) {
                let at = |part: f64| {
                    median(samples.iter().map(|(_, times)| {
                        let index = (times.len() as f64 * part) as usize;
                        times.get(index).map_or(f64::NAN, Duration::as_secs_f64)
                    }))
                };
                lane.cell.latencies.push(Latency {
                    percent,
                    per_second: samples.first().map_or(0.0, |(rate, _)| *rate),
                    p50: at(0.5),
                    p99: at(0.99),
                    calls: samples.iter().map(|(_, times)| times.len()).sum(),
                });
            }
        }
        Ok(())
    }
}

/// Starts an Envoy for each lane alone.
pub fn standing(
    runtime: &Runtime,
    lanes: &[Lane],
    upstream: std::net::SocketAddr,
    call: &Call,
    directory: &Path,
) -> Result<Vec<Standing>> {
    const CALLS: u32 = 1000;
    lanes
        .iter()
        .map(|lane| {
            eprintln!("alone: {}", lane.name);
            let envoy = start(std::slice::from_ref(lane), upstream, 1, directory)?;
            let start = proc::cpu_time(envoy.pid())?.as_secs_f64();
            let address = envoy.listener(&lane.name).context("no listener")?;
            let mut load = runtime.block_on(Load::connect(address, 8))?;
            runtime.block_on(load.run(call, CALLS))?;
            Ok(Standing {
                lane: lane.name.clone(),
                resident: proc::resident(envoy.pid())?,
                start,
            })
        })
        .collect()
}

/// An Envoy with these lanes. The audit lines go to Envoy's log, so that level has to be on; it goes to a file, as it would.
pub fn start(
    lanes: &[Lane],
    upstream: std::net::SocketAddr,
    workers: u32,
    directory: &Path,
) -> Result<Envoy> {
    let options = Options {
        concurrency: workers,
        log_level: "info".to_owned(),
        directory: Some(directory.join("envoy")),
        ..Options::default()
    };
    Envoy::start(config::envoy(lanes, upstream), &options)
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    quantile(values, 2)
}

/// The first, second (median) or third quartile.
pub fn quantile(values: impl Iterator<Item = f64>, quarter: usize) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values
        .get((last * quarter + 2) / 4)
        .copied()
        .unwrap_or(f64::NAN)
}
