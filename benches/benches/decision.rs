//! One decision: its parts, as policies and bodies grow, and on bodies made to be expensive. Beside other engines it stands in
//! `peers`.

mod common;

use std::hint::black_box;
use std::time::Duration;

use benches::clock::{Runner, compare, once, ratio, show};
use benches::{Memory, NOW_NANOS, exchange, gate, headers, input};
use common::{CpuTime, criterion, is_measuring};
use criterion::{Criterion, Throughput};
use toolgate_engine::config::Gate;
use toolgate_engine::exchange::{Context, Exchange};
use toolgate_engine::identity::Principal;
use toolgate_engine::json::{Document, Limits};
use toolgate_engine::pdp::{self, AccessRequest, Decision, Target};
use toolgate_engine::rpc::{self, Message};
use toolgate_engine::time::Timestamp;

fn main() {
    let mut criterion = criterion();
    stages(&mut criterion);
    growth(&mut criterion);
    parsing(&mut criterion);
    criterion.final_summary();
    if is_measuring() {
        print_ratios();
        print_hostile();
    }
}

/// The whole decision as a closure: from headers and bytes to a step and a record.
fn toolgate(policy: &str, body: Vec<u8>) -> impl FnMut() + use<> {
    let gate = gate(policy);
    let (mut store, headers) = (Memory::default(), headers(body.len()));
    move || assert!(exchange(&gate, &mut store, &headers, black_box(&body)))
}

/// What the whole decision is made of, each part with all before it.
fn stages(criterion: &mut Criterion<CpuTime>) {
    let gate = gate(&input::policy(20, 20));
    let body = input::call(300);
    let headers = headers(body.len());
    let mut store = Memory::default();
    let mut group = criterion.benchmark_group("up to and with");
    group.bench_function("header checks alone", |bencher| {
        bencher.iter(|| {
            let mut cx = context(&gate, &mut store);
            Exchange::new(String::new()).request_headers(&mut cx, black_box(&headers), false)
        });
    });
    group.bench_function("strict parse", |bencher| {
        bencher.iter(|| Document::parse(black_box(&body), &Limits::WIRE).is_ok());
    });
    group.bench_function("envelope", |bencher| {
        bencher.iter(|| {
            let document = Document::parse(black_box(&body), &Limits::WIRE).unwrap();
            rpc::read(document.root()).is_ok()
        });
    });
    group.bench_function("policy", |bencher| {
        bencher.iter(|| decide(&gate, black_box(&body), None));
    });
    group.bench_function("counter", |bencher| {
        bencher.iter(|| decide(&gate, black_box(&body), Some(&mut store)));
    });
    let mut whole = toolgate(&input::policy(20, 20), body.clone());
    group.bench_function("headers, checks, record: the whole", |bencher| {
        bencher.iter(&mut whole)
    });
    group.finish();
}

/// Parse, policy and, with a store, the counter: what the peers do, and the counter.
fn decide(gate: &Gate, body: &[u8], store: Option<&mut Memory>) -> bool {
    let document = Document::parse(body, &Limits::WIRE).unwrap();
    let Ok(Message::Request { call, .. }) = rpc::read(document.root()) else {
        return false;
    };
    let principal = Principal::anonymous();
    let request = AccessRequest {
        principal: &principal,
        target: Target::Tool,
        name: call.param("name").unwrap(),
        arguments: call.param("arguments"),
        counters: None,
        pinned: None,
        session: None,
    };
    let policy = gate.policies.first().unwrap();
    let Decision::Allow { charges, .. } = pdp::decide(policy, &request, false) else {
        return false;
    };
    match store {
        Some(store) => {
            let now = Timestamp::from_nanos(NOW_NANOS);
            pdp::settle(&gate.counters, store, now, &[(charges, false)]).is_ok()
        }
        None => true,
    }
}

fn context<'a>(gate: &'a Gate, store: &'a mut Memory) -> Context<'a> {
    Context {
        gate,
        store,
        now: Timestamp::from_nanos(NOW_NANOS),
        held: 0,
    }
}

fn growth(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("tools in the policy");
    for tools in [10, 100, 1000, 10_000] {
        let mut decide = toolgate(&input::policy(tools, 20), input::call(300));
        group.bench_function(tools.to_string(), |bencher| bencher.iter(&mut decide));
    }
    group.finish();
    let mut group = criterion.benchmark_group("rules on the tool");
    for rules in [0, 20, 100, 1000] {
        let mut decide = toolgate(&input::policy(20, rules), input::call(300));
        group.bench_function(rules.to_string(), |bencher| bencher.iter(&mut decide));
    }
    group.finish();
}

fn parsing(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("strict parse");
    for size in [300, 4096, 65_536, 1 << 20] {
        group.throughput(Throughput::Bytes(size as u64));
        let body = input::call(size);
        group.bench_function(format!("one call of {size}"), |bencher| {
            bencher.iter(|| Document::parse(black_box(&body), &Limits::WIRE).is_ok())
        });
        let list = input::tools_list(size / 500 + 1);
        group.throughput(Throughput::Bytes(list.len() as u64));
        group.bench_function(format!("a list of {size}"), |bencher| {
            bencher.iter(|| Document::parse(black_box(list.as_bytes()), &Limits::WIRE).is_ok())
        });
    }
    group.finish();
}

/// The claims, each measured in turns with what it is compared to.
fn print_ratios() {
    const TURNS: usize = 15;
    const SLICE: Duration = Duration::from_millis(20);
    println!("\nGrowth, against the first of its kind\n");
    let tools = [10, 10_000].map(|tools| (format!("{tools} tools"), input::policy(tools, 20)));
    let rules = [20, 1000].map(|rules| (format!("{rules} rules"), input::policy(20, rules)));
    for kind in [tools, rules] {
        let mut runners: Vec<Runner<'_>> = kind
            .iter()
            .map(|(name, policy)| -> Runner<'_> {
                (name, Box::new(toolgate(policy, input::call(300))))
            })
            .collect();
        let times = compare(&mut runners, TURNS, SLICE);
        let first = times.first().copied().unwrap_or_default();
        for ((name, _), time) in runners.iter().zip(&times) {
            println!(
                "{name:>27} {:>12} {:>8.2}×",
                show(*time),
                ratio(*time, first)
            );
        }
    }
}

/// Every expensive body, decided whole. The slowest of several runs counts.
fn print_hostile() {
    const RUNS: usize = 7;
    let gate = gate(&input::policy(20, 20));
    let mut figures: Vec<_> = input::hostile()
        .into_iter()
        .map(|(name, body)| {
            let (mut store, headers) = (Memory::default(), headers(body.len()));
            let mut passes = false;
            let mut decide = || passes = exchange(&gate, &mut store, &headers, black_box(&body));
            let times = (0..RUNS).map(|_| once(&mut decide));
            let worst = times.max().unwrap_or_default();
            (worst, name, body.len(), passes)
        })
        .collect();
    figures.sort_unstable_by(|left, right| right.cmp(left));
    println!("\nHostile bodies, worst of {RUNS} runs\n");
    for (worst, name, size, passes) in figures {
        let outcome = if passes { "forwarded" } else { "refused" };
        println!("{name:>42} {size:>8} bytes {:>12}  {outcome}", show(worst));
    }
}
