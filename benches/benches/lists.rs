//! Replies: lists that are filtered, whole and as events, and streams that only pass through.

mod common;

use std::hint::black_box;
use std::time::Duration;

use benches::clock::{Runner, compare, ratio, show};
use benches::{Memory, NOW_NANOS, gate, headers, input};
use common::{CpuTime, criterion, is_measuring};
use criterion::{Criterion, Throughput};
use toolgate_engine::config::Gate;
use toolgate_engine::exchange::{Context, Exchange, ReplyStep, Step};
use toolgate_engine::sse::{Edit, Event, Rewriter};
use toolgate_engine::time::Timestamp;

const LIST_CALL: &[u8] = br#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;

fn main() {
    let mut criterion = criterion();
    lists(&mut criterion);
    streams(&mut criterion);
    criterion.final_summary();
    if is_measuring() {
        print_streams();
    }
}

/// Half of the tools of a list are in the policy.
fn half() -> Gate {
    gate(&input::policy(100, 20))
}

/// A forwarded request whose reply's headers are in.
fn forwarded(
    gate: &Gate,
    store: &mut Memory,
    method: &str,
    content_type: &str,
) -> (Exchange, ReplyStep) {
    let mut cx = context(gate, store);
    let mut exchange = Exchange::new(String::new());
    let mut request = headers(LIST_CALL.len());
    for (name, value) in &mut request {
        if name == b":method" {
            *value = method.into();
        }
    }
    let is_get = method == "GET";
    if is_get {
        request.retain(|(name, _)| name != b"content-length" && name != b"content-type");
    }
    let step = match exchange.request_headers(&mut cx, &request, is_get) {
        Step::Buffer => exchange.request_end(&mut cx, LIST_CALL),
        step => step,
    };
    assert!(matches!(step, Step::Forward(..)), "{step:?}");
    let reply = [(b"content-type".to_vec(), content_type.into())];
    let step = exchange.reply_headers(&mut cx, 200, &reply, false, "via_upstream");
    (exchange, step)
}

fn context<'a>(gate: &'a Gate, store: &'a mut Memory) -> Context<'a> {
    Context {
        gate,
        store,
        now: Timestamp::from_nanos(NOW_NANOS),
        held: 0,
    }
}

fn filter_json(gate: &Gate, list: &[u8]) -> usize {
    let mut store = Memory::default();
    let (mut exchange, step) = forwarded(gate, &mut store, "POST", "application/json");
    assert_eq!(step, ReplyStep::Hold);
    let edit = exchange.reply_end(&mut context(gate, &mut store), black_box(list));
    edit.map_or(0, |edit| edit.body.len())
}

fn filter_events(gate: &Gate, stream: &[u8], chunk: usize) -> usize {
    let mut store = Memory::default();
    let (mut exchange, step) = forwarded(gate, &mut store, "POST", "text/event-stream");
    assert_eq!(step, ReplyStep::Rewrite);
    let mut cx = context(gate, &mut store);
    let mut chunks = black_box(stream).chunks(chunk);
    chunks
        .by_ref()
        .map(|chunk| exchange.reply_chunk(&mut cx, chunk, false).len())
        .sum()
}

fn lists(criterion: &mut Criterion<CpuTime>) {
    let gate = half();
    let list = input::tools_list(200);
    let stream = format!("event: message\nid: 1\ndata: {list}\n\n").into_bytes();
    let kept = filter_json(&gate, list.as_bytes());
    assert!((list.len() / 3..list.len() * 2 / 3).contains(&kept));
    let mut group = criterion.benchmark_group("a list of 200 tools");
    group.throughput(Throughput::Bytes(list.len() as u64));
    group.bench_function("JSON", |bencher| {
        bencher.iter(|| filter_json(&gate, list.as_bytes()))
    });
    for chunk in [1024, 16_384] {
        group.bench_function(format!("events in chunks of {chunk}"), |bencher| {
            bencher.iter(|| filter_events(&gate, &stream, chunk))
        });
    }
    group.finish();
}

/// The rewriter alone: what cutting a stream into events costs.
fn cut(stream: &[u8], chunk: usize) -> usize {
    let mut rewriter = Rewriter::new(1 << 20);
    let mut pass = |event: Option<Event<'_>>| match event {
        Some(_) => Edit::Pass,
        None => Edit::Drop,
    };
    let mut chunks = black_box(stream).chunks(chunk);
    chunks
        .by_ref()
        .map(|chunk| rewriter.push(chunk, &mut pass).len())
        .sum()
}

/// A GET stream, each event of which is read because it may redeliver a list.
fn watch(gate: &Gate, stream: &[u8], chunk: usize) -> usize {
    let mut store = Memory::default();
    let (mut exchange, step) = forwarded(gate, &mut store, "GET", "text/event-stream");
    assert_eq!(step, ReplyStep::Rewrite);
    let mut cx = context(gate, &mut store);
    let mut chunks = black_box(stream).chunks(chunk);
    chunks
        .by_ref()
        .map(|chunk| exchange.reply_chunk(&mut cx, chunk, false).len())
        .sum()
}

fn streams(criterion: &mut Criterion<CpuTime>) {
    let (stream, _) = input::event_stream(1 << 20);
    let gate = half();
    assert_eq!(cut(&stream, 1000), stream.len());
    assert_eq!(watch(&gate, &stream, 1000), stream.len());
    let mut group = criterion.benchmark_group("a stream of 1 MiB");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    for chunk in [1, 64, 1024, 16_384, 65_536] {
        group.bench_function(format!("cut, chunks of {chunk}"), |bencher| {
            bencher.iter(|| cut(&stream, chunk))
        });
        group.bench_function(format!("judged, chunks of {chunk}"), |bencher| {
            bencher.iter(|| watch(&gate, &stream, chunk))
        });
    }
    group.finish();
}

/// Per event and per byte, for 1 MiB and ten times as much.
fn print_streams() {
    const SIZES: [usize; 2] = [1 << 20, 10 << 20];
    let gate = half();
    println!("\nA stream with every event judged, CPU time, in turns\n");
    println!(
        "{:>8} {:>12} {:>12} {:>12} {:>20}",
        "chunks", "per event", "1 MiB", "10 MiB", "10 MiB / 1 MiB / 10"
    );
    let streams = SIZES.map(input::event_stream);
    for chunk in [1, 64, 1024, 16_384, 65_536] {
        let gate = &gate;
        let mut runners: Vec<Runner<'_>> = streams
            .iter()
            .map(|(stream, _)| -> Runner<'_> {
                (
                    "",
                    Box::new(move || assert_eq!(watch(gate, stream, chunk), stream.len())),
                )
            })
            .collect();
        let times = compare(&mut runners, 5, Duration::from_millis(1));
        if let ([small, large], [(_, events), _]) = (times.as_slice(), &streams) {
            let events = u32::try_from(*events).unwrap_or(u32::MAX);
            println!(
                "{chunk:>8} {:>12} {:>12} {:>12} {:>20.2}",
                show(*small / events),
                show(*small),
                show(*large),
                ratio(*large, *small) / 10.0
            );
        }
    }
}
