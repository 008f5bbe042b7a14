//! Many grants: reading them, what they take in memory, and a decision beside one with ten. Natively, and as the wasm
//! that is deployed, on a wasm host.

mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use benches::clock::{Runner, compare, once, ratio, show};
use benches::grants::{policy, token};
use benches::{Memory, exchange, gate, headers, input};
use common::{CpuTime, criterion, is_measuring};
use criterion::{BenchmarkId, Criterion};
use toolgate_host::{Message, Module, Vm, VmOptions};

const COUNTS: [usize; 2] = [10, 100_000];

fn main() {
    let mut criterion = criterion();
    decision(&mut criterion);
    criterion.final_summary();
    if is_measuring() {
        print_natively();
        print_wasm();
    }
}

/// A decision of a caller in the middle of the list, and one of a stranger.
fn decider(grants: usize, token: &str) -> impl FnMut() -> bool + use<> {
    let gate = gate(&policy(grants));
    let (mut store, body) = (Memory::default(), input::call(300));
    let mut headers = headers(body.len());
    headers.push((
        b"authorization".to_vec(),
        format!("Bearer {token}").into_bytes(),
    ));
    move || exchange(&gate, &mut store, &headers, black_box(&body))
}

fn decision(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("decision with grants");
    for grants in COUNTS {
        let mut known = decider(grants, &token(grants / 2));
        assert!(known());
        group.bench_function(BenchmarkId::new("known", grants), |bencher| {
            bencher.iter(&mut known)
        });
        let mut stranger = decider(grants, "tgk_nobody");
        assert!(!stranger());
        group.bench_function(BenchmarkId::new("unknown", grants), |bencher| {
            bencher.iter(&mut stranger)
        });
    }
    group.finish();
}

/// Different callers one after the other, so that the table is not all in the cache.
fn print_natively() {
    println!("\nnatively");
    for grants in COUNTS {
        let policy = policy(grants);
        let spent = once(|| gate(&policy));
        println!(
            "  {grants:>7} grants: {} KiB read in {}",
            policy.len() >> 10,
            show(spent)
        );
    }
    let mut runners: Vec<Runner<'_>> = COUNTS
        .into_iter()
        .map(|grants| -> Runner<'_> {
            let gate = gate(&policy(grants));
            let (mut store, body) = (Memory::default(), input::call(300));
            let callers: Vec<_> = (0..10_usize)
                .map(|n| {
                    let mut headers = headers(body.len());
                    let token = token(n * 7919 % grants);
                    let value = format!("Bearer {token}").into_bytes();
                    headers.push((b"authorization".to_vec(), value));
                    headers
                })
                .collect();
            let mut turn = 0_usize;
            let run = move || {
                turn = turn.wrapping_add(1);
                assert!(exchange(
                    &gate,
                    &mut store,
                    &callers[turn % callers.len()],
                    &body
                ));
            };
            ("", Box::new(run))
        })
        .collect();
    let spent = compare(&mut runners, 31, Duration::from_millis(20));
    let [few, many] = spent.as_slice() else {
        return;
    };
    println!(
        "  decision: {} with 10, {} with 100,000, {:.2} x",
        show(*few),
        show(*many),
        ratio(*many, *few)
    );
}

fn print_wasm() {
    let module = toolgate_host::wasm::artifact().and_then(Module::from_file);
    let module = module.unwrap_or_else(|error| panic!("{error:?}"));
    println!("\nin wasm");
    let mut vms: Vec<(usize, Vm)> = Vec::new();
    for grants in COUNTS {
        let policy = policy(grants);
        let began = Instant::now();
        let spent = once(|| {
            let vm = Vm::configured(&module, VmOptions::default(), policy.as_bytes());
            vms.push((grants, vm.unwrap_or_else(|error| panic!("{error:?}"))));
        });
        if let Some((_, vm)) = vms.last() {
            println!(
                "  {grants:>7} grants: {} KiB read in {} ({} on the wall), {} instructions, {} KiB of linear memory",
                policy.len() >> 10,
                show(spent),
                show(began.elapsed()),
                vm.fuel_used(),
                vm.memory_bytes() >> 10
            );
        }
    }
    let call = |vm: &Vm, number: usize| {
        let answer =
            r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"done"}]}}"#;
        let request = Message::post("/mcp", input::call(300));
        let request = request.header("authorization", format!("Bearer {}", token(number)));
        let exchange = vm.exchange(&request, Message::response(200, "application/json", answer));
        assert!(exchange.forwarded(), "{exchange:?}");
        vm.take_logs();
    };
    for (grants, vm) in &vms {
        call(vm, 1);
        let before = vm.fuel_used();
        call(vm, 1);
        println!(
            "  {grants:>7} grants: {} instructions per call",
            vm.fuel_used() - before
        );
    }
    let mut runners: Vec<Runner<'_>> = vms
        .iter()
        .map(|(grants, vm)| -> Runner<'_> {
            let mut turn = 0_usize;
            let run = move || {
                turn = turn.wrapping_add(1);
                call(vm, turn % 10 * 7919 % grants);
            };
            ("", Box::new(run))
        })
        .collect();
    let spent = compare(&mut runners, 31, Duration::from_millis(20));
    let [few, many] = spent.as_slice() else {
        return;
    };
    println!(
        "  call, host included: {} with 10, {} with 100,000, {:.2} x",
        show(*few),
        show(*many),
        ratio(*many, *few)
    );
    drop(runners);
    for (grants, vm) in &vms {
        println!(
            "  {grants:>7} grants: {} KiB of linear memory after those calls",
            vm.memory_bytes() >> 10
        );
        // A live update: the new configuration is read while the old one is still there.
        for _ in 0..3 {
            assert!(
                vm.configure(policy(*grants).as_bytes())
                    .is_ok_and(|accepted| accepted)
            );
        }
        println!(
            "  {grants:>7} grants: {} KiB after three live updates",
            vm.memory_bytes() >> 10
        );
    }
}
