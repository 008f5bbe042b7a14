//! One decision, beside other engines: the same twenty rules on the same call, compiled beforehand, in CPU time and in turns.
//!
//! Two ways of counting. *From the bytes*: each reads the body as it best can and decides. *Parsed*: each begins with the
//! call in its own form (its context, its value, its event; ours is the strict document), so that only deciding is left. A
//! copy of that form is in the time where an engine takes it by value.
//!
//! The others count nothing, read no headers, refuse no ambiguous JSON and leave no record. Ours is shown with and without
//! what they do not do.

mod cedar;
mod dogwood;
mod expressions;
mod rego;

use std::hint::black_box;
use std::time::Duration;

use benches::clock::{Runner, compare, ratio, show};
use benches::{Memory, NOW_NANOS, exchange, gate, headers, input};
use cedar::Cedar;
use dogwood::Dogwood;
use expressions::{Cel, by_hand};
use rego::Regorus;
use serde_json::Value;
use toolgate_engine::config::Gate;
use toolgate_engine::identity::Principal;
use toolgate_engine::json::{Document, Limits};
use toolgate_engine::pdp::{self, AccessRequest, Decision, Target};
use toolgate_engine::rpc::{self, Message};
use toolgate_engine::time::Timestamp;

const SIZES: [usize; 2] = [300, 65_536];
const TURNS: usize = 15;
const SLICE: Duration = Duration::from_millis(20);

fn main() {
    agree();
    for size in SIZES {
        let body = input::call(size);
        report(size, "from the bytes", from_bytes(&body));
        report(size, "parsed", parsed(&body));
    }
}

fn report(size: usize, way: &str, mut runners: Vec<Runner<'_>>) {
    println!("\n{size} bytes, {way}\n");
    println!("{:>28} {:>12} {:>9}", "", "per call", "÷ ours");
    let times = compare(&mut runners, TURNS, SLICE);
    let first = times.first().copied().unwrap_or_default();
    for ((name, _), time) in runners.iter().zip(&times) {
        println!(
            "{name:>28} {:>12} {:>8.2}×",
            show(*time),
            ratio(*time, first)
        );
    }
}

/// Makes sure that all decide alike, before anybody measures what it costs.
fn agree() {
    let gate = gate(&input::policy(20, 20));
    let (cedar, mut regorus, cel, mut dogwood) =
        (Cedar::new(), Regorus::new(), Cel::new(), Dogwood::new());
    let calls = [input::call(300), input::call(65_536), input::refused_call()];
    for (body, expected) in calls.iter().zip([true, true, false]) {
        let ours = exchange(&gate, &mut Memory::default(), &headers(body.len()), body);
        let call: Value = serde_json::from_slice(body).unwrap();
        let theirs = [
            cedar.permits(call.clone()),
            regorus.permits(Regorus::parsed(body)),
            regorus.permits_bytecode(Regorus::parsed(body)),
            cel.permits(Cel::parsed(&call)),
            dogwood.permits(&Dogwood::parsed(&call)),
            by_hand(&call),
        ];
        assert_eq!((ours, theirs), (expected, [expected; 6]));
    }
}

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(black_box(body)).unwrap()
}

fn from_bytes(body: &[u8]) -> Vec<Runner<'_>> {
    let (cedar, cel) = (Cedar::new(), Cel::new());
    let (mut interpreted, mut machine, mut dogwood) =
        (Regorus::new(), Regorus::new(), Dogwood::new());
    let (whole, bare) = (gate(&input::policy(20, 20)), gate(&input::policy(20, 20)));
    let (mut store, headers) = (Memory::default(), headers(body.len()));
    vec![
        (
            "toolgate: read and decide",
            Box::new(move || {
                let document = Document::parse(black_box(body), &Limits::WIRE).unwrap();
                assert!(decide(&bare, &document, None));
            }),
        ),
        (
            "toolgate, whole",
            Box::new(move || assert!(exchange(&whole, &mut store, &headers, black_box(body)))),
        ),
        (
            "cedar-policy",
            Box::new(move || assert!(cedar.permits(read(body)))),
        ),
        (
            "regorus",
            Box::new(move || assert!(interpreted.permits(Regorus::parsed(black_box(body))))),
        ),
        (
            "regorus bytecode",
            Box::new(move || assert!(machine.permits_bytecode(Regorus::parsed(black_box(body))))),
        ),
        (
            "dogwood-local-engine",
            Box::new(move || assert!(dogwood.permits(&Dogwood::parsed(&read(body))))),
        ),
        (
            "cel",
            Box::new(move || assert!(cel.permits(Cel::parsed(&read(body))))),
        ),
        (
            "serde_json + if",
            Box::new(move || assert!(by_hand(&read(body)))),
        ),
    ]
}

fn parsed(body: &[u8]) -> Vec<Runner<'_>> {
    let call = read(body);
    let (cedar, cel) = (Cedar::new(), Cel::new());
    let (mut interpreted, mut machine, mut dogwood) =
        (Regorus::new(), Regorus::new(), Dogwood::new());
    let (ours, counting) = (gate(&input::policy(20, 20)), gate(&input::policy(20, 20)));
    let mut store = Memory::default();
    let document = Document::parse(body, &Limits::WIRE).unwrap();
    let again = Document::parse(body, &Limits::WIRE).unwrap();
    let (for_cedar, for_cel) = (Cedar::parsed(call.clone()), Cel::parsed(&call));
    let (for_rego, for_machine) = (Regorus::parsed(body), Regorus::parsed(body));
    let event = Dogwood::parsed(&call);
    vec![
        (
            "toolgate",
            Box::new(move || assert!(decide(&ours, black_box(&document), None))),
        ),
        (
            "toolgate, counted",
            Box::new(move || assert!(decide(&counting, black_box(&again), Some(&mut store)))),
        ),
        (
            "cedar-policy",
            Box::new(move || assert!(cedar.decide(for_cedar.clone()))),
        ),
        (
            "regorus",
            Box::new(move || assert!(interpreted.permits(for_rego.clone()))),
        ),
        (
            "regorus bytecode",
            Box::new(move || assert!(machine.permits_bytecode(for_machine.clone()))),
        ),
        (
            "dogwood-local-engine",
            Box::new(move || assert!(dogwood.permits(black_box(&event)))),
        ),
        (
            "cel",
            Box::new(move || assert!(cel.permits(for_cel.clone()))),
        ),
        (
            "serde_json + if",
            Box::new(move || assert!(by_hand(black_box(&call)))),
        ),
    ]
}

/// Rules and, with a store, the counter.
fn decide(gate: &Gate, document: &Document<'_>, store: Option<&mut Memory>) -> bool {
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
