//! `siege`: a real Envoy with two workers under hostile and ordinary requests at once, and how the ordinary ones fare.
//!
//! The hostile ones are the corpus, over and over. None of them may reach the upstream, and they may not cost other callers
//! their answers, the proxy its workers or its memory.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use serde_json::{Value, json};
use toolgate_rig::envoy::{DEFAULT_VERSION, Envoy, Options};
use toolgate_rig::wire::{
    DEFAULT_POLICY, Expect, Outcome, RequestCase, Session, Upstream, corpus, ordinary_headers,
    send_http1, send_http2,
};

/// Sends hostile and ordinary requests to the gate at once.
///
/// Exits 0 when at least 99.9 % of the ordinary requests were answered, no hostile one got through and no worker fell;
/// 1 when that is not so; 2 when the run itself failed.
#[derive(Parser)]
#[command(after_help = "\
Examples:
  cargo run -p toolgate-rig --bin siege                                  a minute
  cargo run -p toolgate-rig --bin siege -- --seconds 600 --hostile 300   ten minutes, three times as hostile")]
struct Arguments {
    /// How long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Hostile requests a second.
    #[arg(long, default_value_t = 100)]
    hostile: u32,
    /// Ordinary requests a second.
    #[arg(long, default_value_t = 20)]
    benign: u32,
    /// The Envoy release to run.
    #[arg(long, default_value = DEFAULT_VERSION)]
    envoy: String,
}

/// Enough that a case that waits for the proxy does not hold up the next.
const HOSTILE_SENDERS: usize = 48;
const BENIGN_SENDERS: usize = 12;
/// In the id of every ordinary request, so that anything else at the upstream shows.
const MARK: &str = "ordinary-";

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// What became of the requests.
#[derive(Default)]
struct Tally {
    benign: Mutex<Vec<Duration>>,
    failed: Mutex<Vec<String>>,
    refused: AtomicUsize,
    crashed: Mutex<Vec<String>>,
    hung: Mutex<Vec<String>>,
    other: AtomicUsize,
}

fn push<T>(list: &Mutex<Vec<T>>, item: T) {
    list.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(item);
}

fn all<T: Clone>(list: &Mutex<Vec<T>>) -> Vec<T> {
    list.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn run(arguments: &Arguments) -> Result<bool> {
    let cases = hostile()?;
    let upstream = Upstream::start()?;
    let config = bootstrap(&toolgate_host::wasm::artifact()?, upstream.port())?;
    let options = Options {
        version: arguments.envoy.clone(),
        concurrency: 2,
        log_level: "warning".to_owned(),
        ..Options::default()
    };
    let mut envoy = Envoy::start(config.to_string(), &options)?;
    let port = envoy.address().port();
    warm_up(port)?;
    let (vms, before) = (created(&envoy)?, resident(&envoy));

    let (start, tally) = (upstream.mark(), Tally::default());
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    let cpu = processor_seconds(&envoy);
    thread::scope(|scope| {
        let hostile = |index: usize| {
            let case = &cases[index % cases.len()];
            let over_http2 = index / cases.len() % 2 == 1 && !case.http1_only();
            let outcome = if over_http2 || case.http2_only() {
                send_http2(port, case)
            } else {
                send_http1(port, case)
            };
            tally.note(&case.id, outcome);
        };
        let benign = |index: usize| tally.ask(port, index);
        pace(scope, HOSTILE_SENDERS, arguments.hostile, end, hostile);
        pace(scope, BENIGN_SENDERS, arguments.benign, end, benign);
    });
    let cpu = processor_seconds(&envoy) - cpu;

    let seen = upstream.seen(start, None);
    let strangers: Vec<String> = seen
        .requests
        .iter()
        .map(|request| {
            format!(
                "{} {}",
                request.start,
                String::from_utf8_lossy(&request.body)
            )
        })
        .filter(|request| !request.contains(MARK))
        .collect();
    let mut times = all(&tally.benign);
    times.sort();
    let (answered, failed) = (times.len(), all(&tally.failed));
    let sent = answered + failed.len();
    let at = |part: usize| {
        times
            .get((times.len() * part / 1000).min(times.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    };
    let (crashed, hung) = (all(&tally.crashed), all(&tally.hung));
    let refused = tally.refused.load(Ordering::Relaxed);
    let other = tally.other.load(Ordering::Relaxed);
    let after = resident(&envoy);
    let reloads = created(&envoy)?.saturating_sub(vms);
    let share = answered as f64 * 100.0 / sent.max(1) as f64;
    println!(
        "{} s, Envoy {} with 2 workers",
        arguments.seconds, arguments.envoy
    );
    println!(
        "ordinary: {sent} sent, {answered} answered ({share:.2} %); p50 {:?}, p99 {:?}, slowest {:?}",
        at(500),
        at(990),
        at(1000)
    );
    println!(
        "hostile:  {} sent, {refused} refused, {} not answered, {} hung, {other} cut or hung up, as they ask",
        refused + crashed.len() + hung.len() + other,
        crashed.len(),
        hung.len()
    );
    println!(
        "upstream: {} requests, {} of them not ordinary, {} loose bytes",
        seen.requests.len(),
        strangers.len(),
        seen.loose.len()
    );
    println!(
        "Envoy:    {reloads} VMs replaced, {before} -> {after} MiB resident, {cpu:.1} s of processor time"
    );
    for (what, list) in [
        ("failed", &failed),
        ("got through", &strangers),
        ("not answered", &crashed),
        ("hung", &hung),
    ] {
        for line in list.iter().take(5) {
            println!("{what}: {line}");
        }
    }
    ensure!(envoy.is_running(), "Envoy is gone:\n{}", envoy.log());
    ensure!(sent > 0 && refused > 0, "nothing was sent");
    let fair = answered * 1000 >= sent * 999;
    // The corpus has bodies of many MiB; what they leave in the allocator is bounded, whatever the time.
    let bounded = after < before + 400;
    let clean = strangers.is_empty() && seen.loose.is_empty();
    Ok(fair && bounded && clean && crashed.is_empty() && reloads == 0)
}

impl Tally {
    /// One ordinary request.
    fn ask(&self, port: u16, index: usize) {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":"{MARK}{index}","method":"tools/call","params":{{"name":"echo","arguments":{{"text":"hello"}}}}}}"#
        );
        let start = Instant::now();
        let outcome = Session::open(port).map(|mut session| {
            session.exchange("POST", "/mcp", &ordinary_headers(), body.as_bytes())
        });
        match outcome {
            Ok(Outcome::Answered(answers))
                if answers
                    .iter()
                    .all(|answer| answer.status == 200 && is_result(&answer.body)) =>
            {
                push(&self.benign, start.elapsed());
            }
            other => push(
                &self.failed,
                format!("{index} after {:?}: {other:?}", start.elapsed()),
            ),
        }
    }

    fn note(&self, id: &str, outcome: Result<Outcome>) {
        match outcome {
            // A 503 is what a dead filter answers.
            Ok(Outcome::Answered(answers)) if answers.iter().all(|answer| answer.status != 503) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Outcome::Aborted | Outcome::Cut(..) | Outcome::NotSent(_)) => {
                self.other.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Outcome::Hung(what)) => push(&self.hung, format!("{id}: {what}")),
            other => push(&self.crashed, format!("{id}: {other:?}")),
        }
    }
}

fn is_result(body: &[u8]) -> bool {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    answer.is_some_and(|answer| answer.pointer("/result/content/0/text") == Some(&json!("done")))
}

/// Requests at an even pace, each from the next sender that is free.
fn pace<'s>(
    scope: &'s thread::Scope<'s, '_>,
    senders: usize,
    a_second: u32,
    end: Instant,
    send: impl Fn(usize) + Send + Sync + 's,
) {
    scope.spawn(move || {
        let (start, next) = (Instant::now(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..senders {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let due = start
                            + Duration::from_secs(1) * u32::try_from(index).unwrap_or(u32::MAX)
                                / a_second.max(1);
                        if due >= end {
                            return;
                        }
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                        send(index);
                    }
                });
            }
        });
    });
}

/// What must not get through. A case that hangs up or holds back its body is part of it.
fn hostile() -> Result<Vec<RequestCase>> {
    let mut cases = corpus::requests()?;
    cases.retain(|case| {
        let permitted = case.acceptable().contains(&Expect::AllowSameAsCanonical);
        !permitted && case.policy.is_none() && case.each.is_empty()
    });
    ensure!(cases.len() > 300, "only {} hostile cases", cases.len());
    Ok(cases)
}

/// The gate is on every worker once each has answered.
fn warm_up(port: u16) -> Result<()> {
    let tally = Tally::default();
    (0..20).for_each(|index| tally.ask(port, index));
    let failed = all(&tally.failed);
    ensure!(failed.is_empty(), "the gate does not answer: {failed:?}");
    Ok(())
}

fn created(envoy: &Envoy) -> Result<u64> {
    let stats = envoy.stats("wasm.")?;
    Ok(stats
        .iter()
        .filter(|(name, _)| name.ends_with(".created"))
        .map(|(_, count)| count)
        .sum())
}

/// Resident memory in MiB, where the system tells.
fn resident(envoy: &Envoy) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", envoy.pid())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

/// Processor time so far, where the system tells.
fn processor_seconds(envoy: &Envoy) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", envoy.pid())).unwrap_or_default();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    ticks as f64 / 100.0
}

fn bootstrap(wasm: &Path, upstream: u16) -> Result<Value> {
    let wasm = wasm.to_str().context("the filter's path is not UTF-8")?;
    let any_port =
        |port: u16| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let gate = json!({
        "name": "toolgate",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "toolgate",
                "failure_policy": "FAIL_RELOAD",
                "allow_on_headers_stop_iteration": true,
                "vm_config": {
                    "vm_id": "toolgate-siege",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": wasm}},
                },
                "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": DEFAULT_POLICY},
            },
        },
    });
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    });
    Ok(json!({
        "admin": {"address": any_port(0)},
        "static_resources": {
            "listeners": [{
                "name": "gate",
                "address": any_port(0),
                "per_connection_buffer_limit_bytes": 8 * 1024 * 1024,
                "filter_chains": [{"filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                        "stat_prefix": "gate",
                        "codec_type": "AUTO",
                        "http_protocol_options": {"enable_trailers": true},
                        "http_filters": [gate, router],
                        "route_config": {"virtual_hosts": [{
                            "name": "all",
                            "domains": ["*"],
                            "routes": [{"match": {"prefix": ""}, "route": {"cluster": "server", "timeout": "0s"}}],
                        }]},
                    },
                }]}],
            }],
            "clusters": [{
                "name": "server",
                "type": "STATIC",
                "connect_timeout": "2s",
                "load_assignment": {"cluster_name": "server", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": any_port(upstream)}}]}]},
                "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "common_http_protocol_options": {"max_requests_per_connection": 1},
                    "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
                }},
            }],
        },
    }))
}
