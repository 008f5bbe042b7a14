//! Cancellations of held calls: whose they are, that none is hidden by what others send, and what is stored of them.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod common;

use common::{Memory, at};
use toolgate_engine::approvals::{CallId, Heard, Line, cancel, hang_up, heard, listen};
use toolgate_engine::counters::Store as _;
use toolgate_engine::identity::Principal;

fn principal(id: &str) -> Principal {
    Principal {
        id: id.into(),
        ..Principal::anonymous()
    }
}

fn call(caller: &str, id: &str) -> CallId {
    CallId::new(&principal(caller), None, id)
}

/// A line for this call, in ana's share.
fn open(store: &mut Memory, call: &CallId) -> Line {
    let share = principal("ana").share();
    let line = listen(store, at(0), call, share, at(60).seconds());
    line.expect("it works").expect("there is room")
}

/// Holds a call of this caller for 60 seconds.
fn hold(store: &mut Memory, caller: &str, id: &str) -> Option<Line> {
    let share = principal(caller).share();
    let until = at(60).seconds();
    listen(store, at(0), &call(caller, id), share, until).expect("it works")
}

#[track_caller]
fn hears(store: &mut Memory, line: &Line) -> Heard {
    heard(store, line).expect("it works")
}

/// Ids whose calls share the mailbox of call 3 of ana: whoever knows how mailboxes are chosen finds them in no time.
fn beside(caller: &str, count: usize) -> Vec<String> {
    let mailbox = |store: &Memory| store.keys("toolgate.line.")[0].to_owned();
    let mut store = Memory::default();
    hold(&mut store, "ana", "3").expect("there is room");
    let wanted = mailbox(&store);
    let ids = (0..).map(|id: u32| id.to_string()).filter(|id| {
        let mut store = Memory::default();
        hold(&mut store, caller, id).expect("there is room");
        mailbox(&store) == wanted
    });
    ids.take(count).collect()
}

#[test]
fn a_cancellation_is_for_one_call_of_one_caller() {
    let mut store = Memory::default();
    let (ana, eve) = (principal("ana"), principal("eve"));
    let cafe = CallId::new(&ana, Some("s"), "\"caf\u{e9}\"");
    let first = open(&mut store, &cafe);
    let others = [
        CallId::new(&eve, Some("s"), "\"caf\u{e9}\""),
        CallId::new(&ana, Some("t"), "\"caf\u{e9}\""),
        CallId::new(&ana, None, "\"caf\u{e9}\""),
        CallId::new(&ana, Some("s"), "\"cafe\""),
        CallId::new(&ana, Some("s"), "5"),
        CallId::new(&ana, Some("s"), "\"5\""),
    ];
    let lines = others.map(|call| open(&mut store, &call));
    let spelled = CallId::new(&ana, Some("s"), "\"caf\\u00e9\"");
    cancel(&mut store, &spelled).expect("it works");
    assert_eq!(hears(&mut store, &first), Heard::Cancelled, "by value");
    for line in &lines {
        assert_eq!(hears(&mut store, line), Heard::Nothing, "{line:?}");
    }
    let again = open(&mut store, &cafe);
    assert_eq!(
        hears(&mut store, &again),
        Heard::Nothing,
        "the id came again"
    );
}

#[test]
fn what_others_send_hides_no_cancellation() {
    let ids = beside("eve", 200);
    let flood = |store: &mut Memory| {
        for id in &ids {
            cancel(store, &call("eve", id)).expect("it works");
        }
    };
    let held = |store: &mut Memory| {
        for id in &ids {
            hold(store, "eve", id);
        }
    };
    type Act<'a> = &'a dyn Fn(&mut Memory);
    let before_and_after: [(&str, Act<'_>, Act<'_>); 5] = [
        ("nothing", &|_| {}, &|_| {}),
        ("cancellations behind it", &|_| {}, &flood),
        ("cancellations before it", &flood, &flood),
        ("calls of another that are held", &held, &held),
        (
            "all of that",
            &|store| (held(store), flood(store)).1,
            &|store| (held(store), flood(store)).1,
        ),
    ];
    for (what, before, after) in before_and_after {
        let mut store = Memory::default();
        before(&mut store);
        let line = hold(&mut store, "ana", "3").expect(what);
        after(&mut store);
        assert_eq!(hears(&mut store, &line), Heard::Nothing, "{what}");
        cancel(&mut store, &call("ana", "3")).expect("it works");
        after(&mut store);
        assert_eq!(hears(&mut store, &line), Heard::Cancelled, "{what}");
    }
}

#[test]
fn who_holds_most_of_a_mailbox_gives_way() {
    let mut store = Memory::default();
    let ids = beside("eve", 200);
    let lines: Vec<Line> = ids
        .iter()
        .filter_map(|id| hold(&mut store, "eve", id))
        .collect();
    assert!(lines.len() < 200, "there is an end");
    for id in beside("ana", 10) {
        let line = hold(&mut store, "ana", &id).expect("a share of it is hers");
        assert_eq!(hears(&mut store, &line), Heard::Nothing);
    }
    let states: Vec<Heard> = lines.iter().map(|line| hears(&mut store, line)).collect();
    let lost = states.iter().filter(|heard| **heard == Heard::Lost).count();
    assert_eq!(lost, 10);
    assert!(states.ends_with(&[Heard::Lost; 10]), "the newest");
    assert_eq!(hold(&mut store, "eve", &ids[199]), None);
    // What is over makes room; a clock may go back.
    let share = principal("eve").share();
    let until = at(200).seconds();
    let late = listen(&mut store, at(61), &call("eve", &ids[199]), share, until);
    assert!(late.expect("it works").is_some());
}

#[test]
fn only_what_is_held_is_stored() {
    let mut store = Memory::default();
    for id in 0..10_000 {
        cancel(&mut store, &call("eve", &id.to_string())).expect("it works");
    }
    assert!(store.values.is_empty(), "no call is held");
    let mut lines = Vec::new();
    for caller in ["ana", "bea", "eve"] {
        for id in 0..3000 {
            lines.extend(hold(&mut store, caller, &id.to_string()));
        }
    }
    let boxes = store.keys("toolgate.line.").len();
    let bytes: usize = store.values.values().map(|(value, _)| value.len()).sum();
    assert!(boxes <= 256 && bytes < 256 * 64 * 96, "{boxes} {bytes}");
    for line in &lines {
        hang_up(&mut store, line).expect("it works");
    }
    let bytes: usize = store.values.values().map(|(value, _)| value.len()).sum();
    assert!(bytes < 256 * 8, "{bytes}");
    assert_eq!(hears(&mut store, &lines[0]), Heard::Lost);
}

#[test]
fn mailboxes_hold_anything() {
    let mut store = Memory::default();
    hold(&mut store, "ana", "7").expect("there is room");
    let keys: Vec<String> = store.values.keys().cloned().collect();
    for key in keys {
        store.put(&key, b"\xff\n \n0 x\n").expect("it works");
    }
    let line = hold(&mut store, "ana", "7").expect("there is room");
    assert_eq!(hears(&mut store, &line), Heard::Nothing);
    cancel(&mut store, &call("ana", "7")).expect("it works");
    assert_eq!(hears(&mut store, &line), Heard::Cancelled);
}
