//! Judged is executed: whatever the gate forwards, independent parsers read the same call in it.
//!
//! Bodies come from a grammar of calls, changed in twelve ways. Those the gate forwards are read by serde_json, by Node's
//! `JSON.parse`, by Python's `json`, and by models of Go's `encoding/json`, of Jackson and of a parser that keeps the first
//! of two keys. The method, the name and the arguments must be what the gate read. A parser may refuse a body; it may not
//! read another one.
//!
//! `TOOLGATE_AGREEMENT=200000 cargo test -p toolgate-engine --test agreement -- --nocapture` is the long run, and
//! `TOOLGATE_AGREEMENT_SEED` another one.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

#[path = "agreement/classes.rs"]
mod classes;
#[path = "agreement/draft.rs"]
mod draft;
#[path = "agreement/lenient.rs"]
mod lenient;
#[path = "agreement/reading.rs"]
mod reading;
#[path = "agreement/shapes.rs"]
mod shapes;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use toolgate_checks::Random;
use toolgate_engine::config::Gate;
use toolgate_engine::counters::Memory;
use toolgate_engine::exchange::{Context, Exchange, Step};
use toolgate_engine::time::Timestamp;

fn forwards(gate: &Gate, body: &[u8]) -> bool {
    let mut store = Memory::default();
    let mut cx = Context {
        gate,
        store: &mut store,
        now: Timestamp::from_nanos(0),
        held: 0,
    };
    let headers = [
        (":method", "POST"),
        (":path", "/mcp"),
        ("content-type", "application/json"),
    ]
    .map(|(name, value)| (name.into(), value.into()));
    let mut exchange = Exchange::new(String::new());
    assert!(matches!(
        exchange.request_headers(&mut cx, &headers, false),
        Step::Buffer
    ));
    matches!(exchange.request_end(&mut cx, body), Step::Forward(..))
}

/// Whether the parsers at hand read different calls in a body.
fn is_ambiguous(body: &[u8]) -> bool {
    let readings = [
        reading::serde(body),
        reading::lenient(body, lenient::GO),
        reading::lenient(body, lenient::JACKSON),
        reading::lenient(body, lenient::FIRST),
    ];
    let mut known = readings.iter().flatten();
    let first = known.next();
    known.any(|other| first.is_some_and(|first| !reading::agree(first, other, 2)))
}

/// What a parser in a process of its own reads; `None` for all if it is not installed.
fn child(program: &str, script: &str, bodies: &[Vec<u8>]) -> Option<Vec<Option<String>>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/agreement")
        .join(script);
    let mut child = Command::new(program)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut input = child.stdin.take().expect("a pipe");
    let output = child.stdout.take().expect("a pipe");
    let readings = std::thread::scope(|scope| {
        scope.spawn(move || {
            for body in bodies {
                let mut line: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
                line.push('\n');
                if input.write_all(line.as_bytes()).is_err() {
                    break;
                }
            }
        });
        let lines = BufReader::new(output)
            .lines()
            .map(|line| line.expect("text"));
        lines
            .map(|line| (line != "!").then_some(line))
            .collect::<Vec<_>>()
    });
    assert!(child.wait().expect("an end").success(), "{program} failed");
    assert_eq!(readings.len(), bodies.len(), "{program} read all bodies");
    Some(readings)
}

#[derive(Default)]
struct Count {
    bodies: usize,
    forwarded: usize,
}

#[test]
fn every_parser_reads_what_was_judged() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let total = number("TOOLGATE_AGREEMENT", 6_000);
    let seed = number("TOOLGATE_AGREEMENT_SEED", 1);
    let gate = Gate::from_bytes(br#"{"version": "1", "default": "allow", "hide": ["delete"]}"#)
        .expect("a policy");

    let mut random = Random::new(seed);
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut forwarded: Vec<Vec<u8>> = Vec::new();
    let mut ambiguous = 0;
    for index in 0..total {
        let (class, make) = classes::CLASSES[index as usize % classes::CLASSES.len()];
        let body = make(&mut random);
        let count = counts.entry(class).or_default();
        count.bodies += 1;
        if forwards(&gate, &body) {
            count.forwarded += 1;
            forwarded.push(body);
        } else if is_ambiguous(&body) {
            ambiguous += 1;
        }
    }

    let within = |read: &dyn Fn(&[u8]) -> Option<String>| {
        forwarded.iter().map(|body| read(body)).collect::<Vec<_>>()
    };
    let judged = within(&reading::gate);
    let readers = [
        ("serde_json", Some(within(&reading::serde))),
        (
            "Go, modelled",
            Some(within(&|body| reading::lenient(body, lenient::GO))),
        ),
        (
            "Jackson, modelled",
            Some(within(&|body| reading::lenient(body, lenient::JACKSON))),
        ),
        (
            "first key, modelled",
            Some(within(&|body| reading::lenient(body, lenient::FIRST))),
        ),
        ("Python", child("python3", "reader.py", &forwarded)),
        ("Node", child("node", "reader.mjs", &forwarded)),
    ];

    // Were there none, agreement would say little.
    assert!(ambiguous > 0, "all bodies mean the same to all parsers");
    println!("{ambiguous} bodies that were refused have more than one reading");
    let mut wrong = Vec::new();
    println!("seed {seed}, {total} bodies, {} forwarded", forwarded.len());
    for (class, count) in &counts {
        println!(
            "{class:<16} {:>7} bodies {:>7} forwarded",
            count.bodies, count.forwarded
        );
        if count.forwarded * 100 < count.bodies * 30 {
            wrong.push(format!(
                "{class}: hardly anything is forwarded, so hardly anything is tested"
            ));
        }
    }
    for (reader, readings) in &readers {
        let Some(readings) = readings else {
            // Rust and Python are what these tests may ask for.
            assert_eq!(*reader, "Node", "{reader} is not installed");
            println!("{reader:<20} not installed");
            continue;
        };
        let refused = readings.iter().filter(|reading| reading.is_none()).count();
        // Without its feature `float_roundtrip` it reads some numbers a unit or two in the last place off.
        let units = if *reader == "serde_json" { 2 } else { 0 };
        let mut differing = 0;
        for ((body, judged), reading) in forwarded.iter().zip(&judged).zip(readings) {
            let same = |reading: &String| {
                judged
                    .as_ref()
                    .is_some_and(|judged| reading::agree(judged, reading, units))
            };
            if !reading.as_ref().is_none_or(same) {
                differing += 1;
                let body = String::from_utf8_lossy(body);
                wrong.push(format!(
                    "{reader}: {body:?}\n  judged {judged:?}\n  read   {reading:?}"
                ));
            }
        }
        println!(
            "{reader:<20} {} read, {refused} refused, {differing} read otherwise",
            readings.len() - refused
        );
    }
    wrong.truncate(20);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
