//! Results: what looking for secrets costs, natively and in wasm, and that it grows with the text and not faster.

mod common;

use std::hint::black_box;
use std::time::Duration;

use benches::clock::{Runner, compare, ratio, show};
use benches::{Memory, NOW_NANOS, gate, headers, input};
use common::{CpuTime, criterion, is_measuring};
use criterion::{Criterion, Throughput};
use toolgate_engine::config::Gate;
use toolgate_engine::exchange::{Context, Exchange, ReplyStep, Step};
use toolgate_engine::time::Timestamp;
use toolgate_host::{Message, Module, Vm, VmOptions};

fn main() {
    let mut criterion = criterion();
    texts(&mut criterion);
    lists(&mut criterion);
    criterion.final_summary();
    if is_measuring() {
        print_growth();
    }
}

/// The reply to a request, judged whole; how long what leaves is.
fn judged(gate: &Gate, request: &[u8], reply: &[u8]) -> usize {
    let mut store = Memory::default();
    let mut cx = Context {
        gate,
        store: &mut store,
        now: Timestamp::from_nanos(NOW_NANOS),
        held: 0,
    };
    let mut exchange = Exchange::new(String::new());
    let step = match exchange.request_headers(&mut cx, &headers(request.len()), false) {
        Step::Buffer => exchange.request_end(&mut cx, request),
        step => step,
    };
    assert!(matches!(step, Step::Forward(..)), "{step:?}");
    let head = [
        (b"content-type".to_vec(), b"application/json".to_vec()),
        (
            b"content-length".to_vec(),
            reply.len().to_string().into_bytes(),
        ),
    ];
    let step = exchange.reply_headers(&mut cx, 200, &head, false, "via_upstream");
    assert_eq!(step, ReplyStep::Hold);
    let edit = exchange.reply_end(&mut cx, black_box(reply));
    edit.map_or(reply.len(), |edit| edit.body.len())
}

fn texts(criterion: &mut Criterion<CpuTime>) {
    let call = input::call(300);
    let body = input::result(1 << 20);
    let mut group = criterion.benchmark_group("a text result of 1 MiB");
    group.throughput(Throughput::Bytes(body.len() as u64));
    let kinds = [
        ("all detectors", input::DETECTORS),
        ("email alone", r#"["email"]"#),
        ("a pattern", r#"[{"regex":"sk_live_[A-Za-z0-9]+"}]"#),
    ];
    for (name, redact) in kinds {
        let gate = gate(&input::redaction_policy(redact));
        let left = judged(&gate, &call, &body);
        assert!(left > body.len() / 2, "{name}: withheld");
        group.bench_function(name, |bencher| bencher.iter(|| judged(&gate, &call, &body)));
    }
    group.finish();
}

fn lists(criterion: &mut Criterion<CpuTime>) {
    const ASK: &[u8] = br#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;
    let list = input::tools_list(200).into_bytes();
    let gate = gate(&input::redaction_policy(input::DETECTORS));
    let mut group = criterion.benchmark_group("a list of 200 tools");
    group.throughput(Throughput::Bytes(list.len() as u64));
    group.bench_function("all detectors", |bencher| {
        bencher.iter(|| judged(&gate, ASK, &list))
    });
    group.finish();
}

/// From 1 to 8 MiB, natively and in wasm, with nothing to look for and with everything.
fn print_growth() {
    let wasm = toolgate_host::wasm::artifact().expect("the filter builds");
    let module = Module::from_file(wasm).expect("the filter is a module");
    println!("\nA text result, CPU time of the whole exchange, in turns\n");
    println!(
        "{:>8} {:>16} {:>14} {:>14} {:>14}",
        "size", "", "native", "wasm", "per MiB, wasm"
    );
    let call = input::call(300);
    for (name, redact) in [("no rules", "[]"), ("all detectors", input::DETECTORS)] {
        let mut first = None;
        for mebibytes in [1_u32, 2, 4, 8] {
            let body = input::result((mebibytes as usize) << 20);
            let native = gate(&input::redaction_policy(redact));
            let options = VmOptions {
                buffer_limit: 32 << 20,
                ..VmOptions::default()
            };
            let vm = Vm::configured(&module, options, input::redaction_policy(redact).as_bytes())
                .expect("a gate");
            let in_wasm = || {
                let reply = Message::response(200, "application/json", body.clone())
                    .header("content-length", body.len().to_string());
                let exchange = vm.exchange(&Message::post("/mcp", call.clone()), reply);
                assert!(exchange.downstream.body().len() > body.len() / 2);
                vm.take_logs();
            };
            let mut runners: Vec<Runner<'_>> = vec![("wasm", Box::new(in_wasm))];
            // Without rules nothing is held.
            if redact != "[]" {
                let run = || assert!(judged(&native, &call, &body) > body.len() / 2);
                runners.push(("native", Box::new(run)));
            }
            let times = compare(&mut runners, 5, Duration::from_millis(1));
            let wasm = times.first().copied().unwrap_or_default();
            let per = wasm / mebibytes;
            let growth = ratio(per, *first.get_or_insert(per));
            let native = times.get(1).map_or("-".to_owned(), |time| show(*time));
            println!(
                "{mebibytes:>4} MiB {name:>16} {native:>14} {:>14} {growth:>13.2}×",
                show(wasm)
            );
        }
    }
}
