//! What one caller asks for takes nothing from another.

use serde_json::{Value, json};
use toolgate_engine::approvals::State;
use toolgate_engine::control;

use crate::common::at;
use crate::rig::{Got, Request, Rig, config, pay, told};

/// A table of 64 questions, and nobody waits for the answers.
fn rig() -> Rig {
    Rig::new(&not_held())
}

fn not_held() -> Value {
    let approval = json!({"timeout": "30m", "hold": "0s"});
    json!({"approvals": {"max_pending": 64}, "tools": {"pay": {"approval": approval}}})
}

/// Calls with these amounts: how many of them a person is asked about.
fn asks(rig: &mut Rig, caller: &str, amounts: std::ops::Range<u64>) -> usize {
    let asked = amounts.filter(|amount| {
        let (_, got) = rig.send(Request::new(caller, &pay(1, *amount)));
        match told(&got).1.as_str() {
            "/tools/pay/approval" => true,
            "/approvals/full" => false,
            other => panic!("{other}"),
        }
    });
    asked.count()
}

fn flood(rig: &mut Rig, caller: &str) {
    let asked = asks(rig, caller, 0..300);
    assert!(asked >= 55, "one caller alone may use the table: {asked}");
}

#[test]
fn one_callers_questions_leave_room_for_anothers() {
    let mut rig = rig();
    flood(&mut rig, "ana");
    assert_eq!(asks(&mut rig, "bea", 0..20), 20);
    // Those who asked for more than their share cannot take it back.
    asks(&mut rig, "ana", 1000..1300);
    let asked = rig.questions(State::Pending);
    let beas = asked.iter().filter(|question| question.principal == "bea");
    assert_eq!(beas.count(), 20);
    assert!(asked.len() > 55, "{}", asked.len());
    // The oldest stay: it is the newest that gives way.
    let anas = asked.iter().filter(|question| question.principal == "ana");
    assert!(anas.count() > 30);
}

#[test]
fn a_question_that_gave_way_is_told_to_who_waits_for_it() {
    let mut rig = Rig::new(&json!({"approvals": {"max_pending": 3}}));
    let mut calls: Vec<_> = (0..3)
        .map(|amount| {
            rig.now = amount;
            rig.hold(Request::new("ana", &pay(amount, amount)))
        })
        .collect();
    rig.hold(Request::new("bea", &pay(1, 1)));
    let got: Vec<Got> = calls.iter_mut().map(|call| rig.tick(call)).collect();
    assert_eq!(got[..2], [Got::Waits, Got::Waits]);
    assert_eq!(told(&got[2]).1, "/approvals/full", "the newest");
    let (_, got) = rig.send(Request::new("bea", &pay(2, 2)));
    assert_eq!(
        told(&got).1,
        "/approvals/full",
        "she has as much as another"
    );
}

#[test]
fn a_rejected_question_frees_its_place_at_once() {
    let mut rig = rig();
    flood(&mut rig, "ana");
    for question in rig.questions(State::Pending) {
        rig.decide(&question.id, false);
    }
    assert!(asks(&mut rig, "bea", 0..50) >= 48);
    // One that is still there is told, once.
    let mut rig = Rig::new(&not_held());
    asks(&mut rig, "ana", 0..1);
    rig.answer(false);
    let (_, got) = rig.send(Request::new("ana", &pay(1, 0)));
    assert!(told(&got).0.contains("Rejected by bob"), "{got:?}");
}

#[test]
fn a_revoked_grant_frees_its_places_at_once() {
    // By a person, and by a configuration.
    type Revoke<'a> = &'a dyn Fn(&mut Rig);
    let ways: [(&str, Revoke<'_>); 2] = [
        ("console", &|rig| {
            let revoked = control::revoke(&mut rig.store, at(0), "ana", "bob", "");
            assert_eq!(revoked, Ok(true));
        }),
        ("configuration", &|rig| {
            let mut more = not_held();
            more["grants"] = config(&json!({}))["grants"].clone();
            more["grants"][0]["revoked"] = json!(true);
            rig.update(&more);
        }),
    ];
    for (way, revoke) in ways {
        let mut rig = rig();
        flood(&mut rig, "ana");
        asks(&mut rig, "bea", 0..5);
        let id = rig.questions(State::Pending)[0].id.clone();
        rig.decide(&id, true);
        revoke(&mut rig);
        let open = [State::Pending, State::Approved].map(|state| rig.questions(state));
        let open = open.concat();
        assert_eq!(open.len(), 5, "{way}");
        assert!(
            open.iter().all(|question| question.principal == "bea"),
            "{way}"
        );
        assert!(asks(&mut rig, "bea", 5..55) >= 45, "{way}");
    }
}
