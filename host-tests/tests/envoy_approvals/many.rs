//! Many at once: each gets its own answer, and nobody else is kept waiting.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::rig::{ALICE, Call, PATIENCE, Rig, body, id, policy};

const CALLS: usize = 200;

fn asking(more: Value) -> Value {
    policy(
        json!({"pay": {"approval": {"timeout": "30m", "hold": "60s"}}, "read": {}}),
        more,
    )
}

/// Holds this many calls with arguments of their own.
fn hold(rig: &Rig, calls: usize) -> Vec<Call> {
    let calls: Vec<Call> = (0..calls)
        .map(|n| rig.post(ALICE, &body(n, "pay", &json!({"n": n})), &[]))
        .collect();
    let count = u64::try_from(calls.len()).unwrap();
    rig.wait(|| rig.held() == count);
    calls
}

fn total(rig: &Rig, state: &str) -> u64 {
    rig.look(&format!("approvals?state={state}"))["total"]
        .as_u64()
        .unwrap()
}

#[test]
fn two_hundred_held_calls_each_get_their_own_answer() {
    let rig = Rig::start(&asking(json!({})));
    let calls = hold(&rig, CALLS);
    let workers = rig.look("state")["workers"].as_array().unwrap().clone();
    let holding = workers
        .iter()
        .filter(|worker| worker["held"].as_u64() > Some(0));
    assert!(
        holding.count() > 1,
        "one worker holds them all: {workers:?}"
    );
    assert_eq!(
        rig.envoy.stats("wasmcustom.toolgate.held").unwrap()["wasmcustom.toolgate.held"],
        200
    );

    // Even ones yes, odd ones no, in whatever order they are listed.
    let began = Instant::now();
    let mut decided = 0;
    while decided < CALLS {
        for question in rig.look("approvals")["approvals"].as_array().unwrap() {
            let arguments: Value =
                serde_json::from_str(question["arguments"].as_str().unwrap()).unwrap();
            // Canonical numbers may have an exponent.
            let n = arguments["n"].as_f64().unwrap();
            if n % 2.0 == 0.0 {
                rig.approve(&id(question));
            } else {
                rig.reject(&id(question), &format!("no to {n}"));
            }
            decided += 1;
        }
    }
    for (n, call) in calls.into_iter().enumerate() {
        let answer = call.answer(PATIENCE);
        assert_eq!(answer.json()["id"], json!(n));
        match n % 2 {
            0 => assert!(answer.ran(), "{n}: {answer:?}"),
            _ => assert!(
                answer.text().contains(&format!("no to {n}")),
                "{n}: {answer:?}"
            ),
        }
    }
    println!(
        "{CALLS} held calls decided and answered in {:?}",
        began.elapsed()
    );
    let mut bodies = rig.upstream_bodies();
    bodies.sort();
    let mut expected: Vec<_> = (0..CALLS)
        .step_by(2)
        .map(|n| body(n, "pay", &json!({"n": n})))
        .collect();
    expected.sort();
    assert_eq!(bodies, expected);
    assert_eq!((total(&rig, "used"), total(&rig, "pending")), (100, 0));
}

#[test]
fn many_equal_calls_share_a_question_and_one_of_them_runs() {
    let rig = Rig::start(&asking(json!({})));
    let mut calls: Vec<Call> = (0..10)
        .map(|n| rig.post(ALICE, &body(n, "pay", &json!({})), &[]))
        .collect();
    rig.wait(|| rig.held() == 10);
    rig.approve(&rig.pending());
    rig.wait(|| rig.upstream_bodies().len() == 1);
    let mut ran = 0;
    calls.retain_mut(|call| {
        let answer = call.poll(Duration::from_millis(300));
        ran += usize::from(answer.as_ref().is_some_and(super::rig::Answer::ran));
        answer.is_none()
    });
    assert_eq!((ran, calls.len()), (1, 9), "the others ask for themselves");
    assert_eq!(rig.questions("pending", 1).len(), 1, "together");
    assert_eq!(rig.upstream_bodies().len(), 1);
}

#[test]
fn more_than_may_be_held_are_told_at_once_and_more_than_may_be_asked_are_refused() {
    let limits = json!({"approvals": {"max_held": 2, "max_pending": 8}});
    let rig = Rig::start(&asking(limits));
    let mut calls: Vec<Call> = (0..20)
        .map(|n| rig.post(ALICE, &body(n, "pay", &json!({"n": n})), &[]))
        .collect();
    let answers: Vec<_> = calls
        .iter_mut()
        .map(|call| call.poll(Duration::from_secs(1)))
        .collect();
    let held = answers.iter().filter(|answer| answer.is_none()).count();
    let rules: Vec<String> = answers
        .iter()
        .flatten()
        .map(super::rig::Answer::rule)
        .collect();
    let count = |rule: &str| rules.iter().filter(|found| *found == rule).count();
    // Two workers, who share the questions.
    assert!((1..=4).contains(&held), "{held}");
    assert_eq!(held + count("/tools/pay/approval"), 8, "{rules:?}");
    assert_eq!(count("/approvals/full"), 12, "{rules:?}");
    rig.upstream_saw_nothing();
}

#[test]
fn others_are_not_kept_waiting_while_two_hundred_are_held() {
    let rig = Rig::start(&asking(json!({})));
    let read = |count: usize| {
        let mut times: Vec<Duration> = (0..count)
            .map(|_| {
                let began = Instant::now();
                assert!(rig.call(ALICE, "read", &json!({})).answer(PATIENCE).ran());
                began.elapsed()
            })
            .collect();
        times.sort();
        (times[count / 2], times[count * 99 / 100])
    };
    let before = read(1000);
    let calls = hold(&rig, CALLS);
    let during = read(1000);
    println!(
        "a call that nobody has to approve: median and 99th percentile {before:?} before, {during:?} while {CALLS} are held"
    );
    for question in rig.look("approvals")["approvals"].as_array().unwrap() {
        rig.approve(&id(question));
    }
    drop(calls);
}
