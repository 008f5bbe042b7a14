//! Workers that share counters: one that everybody hits, and a thousand. Exact, and at what price.
//!
//! More calls are sent than the counters allow, so that the number that passes says whether a count was lost: one too many
//! or too few is an error, not a figure.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context as _, Result, ensure};
use benches::{grants, input};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use super::cases;
use super::config::Lane;
use super::load::ANSWER;
use super::measure::{self, median};
use super::proc;
use super::wire::{self, Connection};

const WORKERS: [u32; 3] = [2, 4, 8];
/// Calls of one measurement.
const CALLS: usize = 12_000;
/// Connections; Envoy spreads them over its workers.
const CONNECTIONS: usize = 64;
const ROUNDS: usize = 3;

/// Callers, each with a grant, who take turns.
const CALLERS: usize = 1000;

/// How the calls count.
struct Kind {
    name: &'static str,
    /// Counters that the calls are spread over.
    counters: usize,
    /// What each of them allows; `None` has no counter.
    max: Option<usize>,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "no counter",
        counters: 1,
        max: None,
    },
    Kind {
        name: "one counter",
        counters: 1,
        max: Some(CALLS - 500),
    },
    Kind {
        name: "1,000 counters",
        counters: CALLERS,
        max: Some(CALLS / CALLERS - 2),
    },
];

impl Kind {
    fn policy(&self) -> String {
        let mut policy: Value = serde_json::from_str(&grants::policy(CALLERS)).unwrap_or_default();
        policy["audit"] = json!({"log": false});
        let limits = self.max.map_or(json!([]), |max| {
            let scope = if self.counters > 1 { "grant" } else { "policy" };
            json!([{"counter": "calls", "max": max, "window": "day", "scope": scope}])
        });
        policy["tools"][benches::TOOL]["limits"] = limits;
        policy.to_string()
    }

    fn allowed(&self) -> usize {
        self.max.map_or(CALLS, |max| max * self.counters)
    }
}

/// Measures and prints a table.
pub fn run(runtime: &Runtime, gate: &Path, directory: &Path) -> Result<()> {
    let upstream = wire::upstream(cases::answers())?;
    println!(
        "| workers | counters | passed of {CALLS} | Envoy's CPU, µs a call | ÷ no counter |\n|---|---|---|---|---|"
    );
    for workers in WORKERS {
        let mut costs = vec![Vec::new(); KINDS.len()];
        for round in 0..ROUNDS {
            eprintln!("{workers} workers, round {} of {ROUNDS}", round + 1);
            for (kind, costs) in KINDS.iter().zip(&mut costs) {
                // A new Envoy, for the counters' sake.
                let lane = Lane {
                    name: "gate".to_owned(),
                    filter: cases::gate_filter(gate, &kind.policy()),
                };
                let envoy = measure::start(&[lane], upstream, workers, directory)?;
                let address = envoy.listener("gate").context("no listener")?;
                let before = proc::cpu_time(envoy.pid())?;
                let passed = runtime.block_on(send(address))?;
                let spent = proc::cpu_time(envoy.pid())? - before;
                ensure!(
                    passed == kind.allowed(),
                    "{workers} workers, {}: {passed} calls passed, where {} may",
                    kind.name,
                    kind.allowed()
                );
                costs.push(spent.as_secs_f64() * 1e6 / CALLS as f64);
            }
        }
        let base = costs.first().cloned().unwrap_or_default();
        for (kind, costs) in KINDS.iter().zip(&costs) {
            let ratio = median(costs.iter().zip(&base).map(|(cost, base)| cost / base));
            println!(
                "| {workers} | {} | {}, exactly | {:.0} | {ratio:.2} |",
                kind.name,
                kind.allowed(),
                median(costs.iter().copied())
            );
        }
    }
    Ok(())
}

/// Sends the calls, those of each caller by turns, and returns how many passed.
async fn send(address: SocketAddr) -> Result<usize> {
    let request = cases::request("/mcp", &input::call(300));
    let request = String::from_utf8(request)?;
    let (next, passed) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let tasks = LocalSet::new();
    let mut running = Vec::new();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (request, next, passed) = (request.clone(), Rc::clone(&next), Rc::clone(&passed));
        running.push(tasks.spawn_local(async move {
            let mut connection = Connection::new(stream);
            while next.get() < CALLS {
                let index = next.replace(next.get() + 1);
                let token = grants::token(index % CALLERS);
                let head = format!("\r\nauthorization: Bearer {token}\r\ncontent-type");
                let request = request.replacen("\r\ncontent-type", &head, 1);
                connection.write(request.as_bytes()).await?;
                let seen = connection.read_message(|_, body| {
                    Ok(std::str::from_utf8(body).is_ok_and(|body| body.contains(ANSWER)))
                });
                let (forwarded, reusable) = seen.await?;
                passed.set(passed.get() + usize::from(forwarded));
                if !reusable {
                    connection.reopen().await?;
                }
            }
            anyhow::Ok(())
        }));
    }
    tasks
        .run_until(async {
            for task in running {
                task.await??;
            }
            anyhow::Ok(())
        })
        .await?;
    Ok(passed.get())
}
