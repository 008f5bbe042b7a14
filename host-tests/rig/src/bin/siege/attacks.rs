//! What attacks on cost take in a real Envoy, each by itself, and how long another caller of the same worker waits meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use toolgate_rig::attacks::{self, Attack};
use toolgate_rig::envoy::{DEFAULT_VERSION, Envoy, Options};
use toolgate_rig::wire::{self, Framing, Outcome, Session, Upstream, ordinary_headers};

use crate::proxy::{Listener, bootstrap, created, processor_seconds};

/// Makes each attack on cost, and prints what a MiB of it takes of processor time.
///
/// An attack may take 50 ms for each MiB, 5 ms more for each pattern that looks at it, and 10 ms whatever its size. The worker is the
/// only one, so that whoever calls meanwhile has to wait; every 20 ms somebody does, and what they wait while one attack follows the
/// other is printed, too. Exits 0 when no attack takes more than the factor allows, what is always judged was, and no VM was replaced.
#[derive(Parser)]
pub struct Arguments {
    /// How large each is, in KiB.
    #[arg(long, default_value_t = 1024)]
    kib: usize,
    /// Only those whose name holds this.
    #[arg(long, default_value = "")]
    only: String,
    /// How many times what an attack may take is let pass: other programs slow a machine down.
    #[arg(long, default_value_t = 1.5)]
    factor: f64,
    /// How often each is made; the cheapest counts.
    #[arg(long, default_value_t = 3)]
    times: usize,
    /// The Envoy release to run.
    #[arg(long, default_value = DEFAULT_VERSION)]
    envoy: String,
}

/// The other caller's listener.
const ORDINARY: &str = "ordinary";
const POLICY: &str = r#"{"version": "1", "tools": {"echo": {}}}"#;
const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}"#;
const PACE: Duration = Duration::from_millis(20);
/// What others may wait, in 99 of 100 cases.
const PATIENCE: Duration = Duration::from_millis(250);

/// One attack, as it went.
struct Row {
    name: String,
    mib: f64,
    /// Milliseconds of processor time of the whole exchange.
    spent: f64,
    allowed: f64,
    /// The p99 of what others waited.
    wait: Duration,
}

pub fn run(arguments: &Arguments) -> Result<bool> {
    let mut hostile = attacks::all(arguments.kib << 10);
    hostile.retain(|attack| attack.name.contains(&arguments.only));
    let ordinary = attacks::ordinary();
    let (upstream, others) = (Upstream::start()?, Upstream::start()?);
    let all: Vec<&Attack> = hostile.iter().chain(&ordinary).collect();
    let mut listeners: Vec<Listener> = all
        .iter()
        .enumerate()
        .map(|(index, attack)| Listener {
            name: name(index),
            policy: attack.policy.to_string(),
            upstream: upstream.port(),
        })
        .collect();
    listeners.push(Listener {
        name: ORDINARY.to_owned(),
        policy: POLICY.to_owned(),
        upstream: others.port(),
    });
    let config = bootstrap(&toolgate_host::wasm::artifact()?, &listeners)?;
    let options = Options {
        version: arguments.envoy.clone(),
        concurrency: 1,
        log_level: "warning".to_owned(),
        patience: Duration::from_secs(180),
        ..Options::default()
    };
    let mut envoy = Envoy::start(config.to_string(), &options)?;
    let other = envoy.listener(ORDINARY).context("no listener")?.port();
    // The first requests compile what they use.
    (0..200).try_for_each(|_| ask(other).map(drop))?;
    let vms = created(&envoy)?;
    let (mut rows, mut refused) = (Vec::new(), Vec::new());
    for (index, attack) in all.iter().enumerate() {
        upstream.script(attack.reply.as_ref().map(scripted));
        let port = envoy.listener(&name(index)).context("no listener")?.port();
        let mut spent = f64::MAX;
        for _ in 0..arguments.times {
            let before = processor_seconds(&envoy);
            let answer = send(port, attack)?;
            spent = spent.min((processor_seconds(&envoy) - before) * 1e3);
            if index >= hostile.len() && answer.windows(6).any(|part| part == b"denial") {
                refused.push(attack.name.clone());
            }
        }
        let mib = attack.bytes() as f64 / f64::from(1 << 20);
        let row = Row {
            name: attack.name.clone(),
            mib,
            spent,
            allowed: 10.0 + mib * (50.0 + 5.0 * attack.patterns as f64),
            wait: waits(other, || send(port, attack).map(drop))?,
        };
        eprintln!("{:8.1} ms  {}", row.spent, row.name);
        rows.push(row);
    }
    let reloads = created(&envoy)?.saturating_sub(vms);
    ensure!(envoy.is_running(), "Envoy is gone:\n{}", envoy.log());
    rows.sort_by(|left, right| {
        (right.spent / right.allowed).total_cmp(&(left.spent / left.allowed))
    });
    println!(
        "{:>9} {:>9} {:>8} {:>9}  attack",
        "ms", "ms/MiB", "allowed", "others"
    );
    for row in &rows {
        println!(
            "{:9.1} {:9.1} {:8.1} {:9.1}  {}",
            row.spent,
            row.spent / row.mib,
            row.allowed,
            row.wait.as_secs_f64() * 1e3,
            row.name
        );
    }
    let dear = rows
        .iter()
        .filter(|row| row.spent > row.allowed * arguments.factor)
        .count();
    let slow = rows.iter().filter(|row| row.wait > PATIENCE).count();
    println!(
        "{} attacks: {dear} over {} times what they may take, {slow} for which others waited over {} ms; {reloads} VMs replaced; \
         always judged and yet refused: {}",
        rows.len(),
        arguments.factor,
        PATIENCE.as_millis(),
        refused.len(),
    );
    refused.iter().for_each(|name| println!("refused: {name}"));
    Ok(dear == 0 && reloads == 0 && refused.is_empty())
}

fn name(index: usize) -> String {
    format!("attack{index:03}")
}

fn scripted(reply: &attacks::Reply) -> wire::Reply {
    let framing = match reply.has_length {
        true => Framing::ContentLength,
        false => Framing::Chunked,
    };
    wire::Reply {
        status: 200,
        headers: vec![(b"content-type".to_vec(), reply.media.as_bytes().to_vec())],
        framing,
        chunks: vec![(Duration::ZERO, reply.body.clone().into_bytes())],
        trailers: Vec::new(),
    }
}

/// Makes an attack and returns the body of the answer.
fn send(port: u16, attack: &Attack) -> Result<Vec<u8>> {
    let mut session = Session::open(port)?;
    match session.exchange(
        "POST",
        "/mcp",
        &ordinary_headers(),
        attack.request.as_bytes(),
    ) {
        Outcome::Answered(answers) => {
            Ok(answers.into_iter().flat_map(|answer| answer.body).collect())
        }
        // What is refused before its end hangs up.
        Outcome::Cut(..) => Ok(Vec::new()),
        other => anyhow::bail!("{}: {other:?}", attack.name),
    }
}

/// One ordinary call, and how long it took.
fn ask(port: u16) -> Result<Duration> {
    let start = Instant::now();
    let outcome = Session::open(port)?.exchange("POST", "/mcp", &ordinary_headers(), CALL);
    match outcome {
        Outcome::Answered(answers) if answers.iter().all(|answer| answer.status == 200) => {
            Ok(start.elapsed())
        }
        other => anyhow::bail!("an ordinary call: {other:?}"),
    }
}

/// The p99 of what other callers wait while this is done again and again for two seconds.
fn waits(port: u16, mut attack: impl FnMut() -> Result<()>) -> Result<Duration> {
    const LONG: Duration = Duration::from_secs(2);
    let (over, times) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    thread::scope(|scope| -> Result<()> {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let waited = ask(port).unwrap_or(Duration::MAX);
                times
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(waited);
                thread::sleep(PACE);
            }
        });
        let end = Instant::now() + LONG;
        let mut outcome = Ok(());
        while outcome.is_ok() && Instant::now() < end {
            outcome = attack();
        }
        over.store(true, Ordering::Relaxed);
        outcome
    })?;
    let mut times = times.into_inner().unwrap_or_else(PoisonError::into_inner);
    times.sort_unstable();
    let at = times.len() * 99 / 100;
    Ok(times.get(at).copied().unwrap_or_default())
}
