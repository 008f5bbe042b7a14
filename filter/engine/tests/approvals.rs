//! The table of questions on its own: who may answer, what an answer releases, and what becomes of it in time, among
//! workers, and in a store that others write to.

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
use toolgate_engine::approvals::{
    self, Approver, AskError, Binding, Bound, DecideError, Question, State,
};
use toolgate_engine::counters::Store;
use toolgate_engine::identity::Principal;
use toolgate_engine::shares::Share;

const SLOTS: usize = 64;

fn binding(name: &str) -> Binding {
    let principal = Principal::anonymous();
    let bound = Bound {
        principal: &principal,
        server: "",
        kind: "tool",
        target: name,
        arguments: "{}",
        besides: "",
    };
    Binding::of_call(&bound).under("digest", "", "/tools/x/approval")
}

fn new(now: u64, timeout: i64) -> Question {
    let created = at(now).seconds();
    Question {
        id: String::new(),
        state: State::Pending,
        created,
        expires: created + timeout,
        held_until: 0,
        waiting: 0,
        binding: String::new(),
        principal: "ana".to_owned(),
        source: "grant".to_owned(),
        issuer: None,
        share: Share::of(&[b"grant", b"ana"]),
        label: None,
        session: None,
        server: None,
        policy: None,
        kind: "tool".to_owned(),
        target: "x".to_owned(),
        arguments: "{}".to_owned(),
        besides: None,
        rule: "/tools/x/approval".to_owned(),
        reason: "Ask.".to_owned(),
        approvers: Vec::new(),
        digest: "digest".to_owned(),
        decision_id: "1-1".to_owned(),
        round: 0,
        decided_by: None,
        decided_reason: None,
        decided_at: 0,
        used_at: 0,
        closed: false,
        announced: 2,
        announce_at: 0,
        tries: 0,
    }
}

fn ask(store: &mut Memory, now: u64, name: &str) -> Question {
    let new = new(now, 100);
    approvals::ask(store, at(now), SLOTS, binding(name), &new).expect("there is room")
}

const BOB: Approver<'_> = Approver {
    id: "bob",
    groups: &[],
    own: &[],
};

fn answer(store: &mut Memory, now: u64, question: &Question, yes: bool) -> State {
    let decided = approvals::decide(store, at(now), &question.id, yes, &BOB, "because");
    decided.expect("it is open").state
}

fn state(store: &mut Memory, now: u64, question: &Question) -> Option<State> {
    let found = approvals::look(store, at(now), &question.id).expect("the store works");
    found.map(|question| question.state)
}

#[test]
fn one_call_asks_once_and_another_call_asks_for_itself() {
    let mut store = Memory::default();
    let first = ask(&mut store, 0, "x");
    assert_eq!(first.state, State::Pending);
    assert_eq!(
        ask(&mut store, 1, "x").id,
        first.id,
        "it joins the question"
    );
    let other = ask(&mut store, 1, "y");
    assert_ne!(other.id, first.id);
    answer(&mut store, 2, &first, true);
    assert_eq!(state(&mut store, 2, &other), Some(State::Pending));
    assert_eq!(ask(&mut store, 3, "x").state, State::Approved);
    assert_eq!(ask(&mut store, 3, "y").state, State::Pending);
}

#[test]
fn an_approval_is_used_once() {
    let mut store = Memory::default();
    let question = ask(&mut store, 0, "x");
    let consume = |store: &mut Memory| approvals::consume(store, at(3), &question.id);
    assert_eq!(consume(&mut store), Ok(false), "nobody has said yes");
    answer(&mut store, 2, &question, true);
    assert_eq!(consume(&mut store), Ok(true));
    assert_eq!(consume(&mut store), Ok(false), "another worker was faster");
    let anew = ask(&mut store, 4, "x");
    assert_eq!(anew.state, State::Pending);
    assert_ne!(anew.id, question.id);
    assert_eq!(consume(&mut store), Ok(false), "that is another question");
}

#[test]
fn questions_in_one_slot_at_one_time_have_ids_of_their_own() {
    let mut store = Memory::default();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let question = ask(&mut store, 0, "x");
        assert!(!seen.contains(&question.id), "{seen:?}");
        answer(&mut store, 0, &question, true);
        assert_eq!(
            approvals::consume(&mut store, at(0), &question.id),
            Ok(true)
        );
        seen.push(question.id);
    }
}

#[test]
fn conflicts_are_tried_again() {
    let mut store = Memory {
        conflicts: 5,
        ..Memory::default()
    };
    let question = ask(&mut store, 0, "x");
    store.conflicts = 5;
    answer(&mut store, 1, &question, true);
    store.conflicts = 5;
    assert_eq!(
        approvals::consume(&mut store, at(1), &question.id),
        Ok(true)
    );
    assert_eq!(store.conflicts, 0);
    // A store in which nobody ever gets through is lost.
    store.conflicts = u32::MAX;
    let lost = approvals::ask(&mut store, at(2), SLOTS, binding("y"), &new(2, 100));
    assert_eq!(lost.map(|_| ()), Err(AskError::Lost));
}

#[test]
fn a_rejection_is_told_once() {
    let mut store = Memory::default();
    let question = ask(&mut store, 0, "x");
    assert_eq!(answer(&mut store, 1, &question, false), State::Rejected);
    let told = ask(&mut store, 2, "x");
    assert_eq!(
        (told.state, told.id == question.id),
        (State::Rejected, true)
    );
    assert_eq!(told.decided_by.as_deref(), Some("bob"));
    assert_eq!(told.decided_reason.as_deref(), Some("because"));
    assert_eq!(ask(&mut store, 3, "x").state, State::Pending);
    assert_eq!(
        approvals::consume(&mut store, at(3), &question.id),
        Ok(false)
    );
}

#[test]
fn time_runs_out_for_good() {
    let mut store = Memory::default();
    let pending = ask(&mut store, 0, "x");
    let approved = ask(&mut store, 0, "y");
    answer(&mut store, 50, &approved, true);
    assert_eq!(state(&mut store, 99, &pending), Some(State::Pending));
    assert_eq!(
        approvals::consume(&mut store, at(100), &approved.id),
        Ok(false)
    );
    let late = approvals::decide(&mut store, at(100), &pending.id, true, &BOB, "");
    assert_eq!(late, Err(DecideError::Closed(State::Expired)));
    // The clock goes back: what was seen to be over stays over.
    for question in [&pending, &approved] {
        assert_eq!(state(&mut store, 10, question), Some(State::Expired));
        assert_eq!(
            approvals::consume(&mut store, at(10), &question.id),
            Ok(false)
        );
    }
}

#[test]
fn a_clock_that_goes_far_back_opens_nothing() {
    let mut store = Memory::default();
    let question = ask(&mut store, 10_000, "x");
    answer(&mut store, 10_000, &question, true);
    let back = at(10_000 - 3601);
    assert_eq!(
        approvals::consume(&mut store, back, &question.id),
        Ok(false)
    );
    let mut store = Memory::default();
    let question = ask(&mut store, 10_000, "x");
    answer(&mut store, 10_000, &question, true);
    let little = at(10_000 - 60);
    assert_eq!(
        approvals::consume(&mut store, little, &question.id),
        Ok(true)
    );
}

#[test]
fn a_full_table_refuses_until_something_is_over() {
    let mut store = Memory::default();
    let ask = |store: &mut Memory, now: u64, name: &str| {
        approvals::ask(store, at(now), 4, binding(name), &new(now, 100))
    };
    let names = ["a", "b", "c", "d"];
    for (now, name) in (0..).zip(names) {
        ask(&mut store, now * 10, name).expect("there is room");
    }
    let full = ask(&mut store, 95, "e");
    assert_eq!(full.map(|_| ()), Err(AskError::Full { retry_after: 5 }));
    assert_eq!(
        ask(&mut store, 95, "b").map(|found| found.state),
        Ok(State::Pending)
    );
    let full = ask(&mut store, 31, "e");
    assert_eq!(
        full.map(|_| ()),
        Err(AskError::Full { retry_after: 60 }),
        "people may decide sooner"
    );
    let found = ask(&mut store, 100, "e").expect("the first has expired");
    assert_eq!(found.state, State::Pending);
    assert_eq!(store.keys("toolgate.approval.").len(), 4);
}

#[test]
fn most_of_a_table_can_be_used() {
    for slots in [1, 2, 3, 31, 32, 33, 100, 256, 300] {
        let mut store = Memory::default();
        let asked = (0..slots).filter(|index| {
            let name = format!("tool {index}");
            approvals::ask(&mut store, at(0), slots, binding(&name), &new(0, 100)).is_ok()
        });
        let asked = asked.count();
        // Every slot up to 32; beyond, 32 of them are tried.
        let least = if slots <= 32 { slots } else { slots * 9 / 10 };
        assert!(asked >= least, "{asked} of {slots}");
    }
}

#[test]
fn a_slot_is_the_next_questions_when_the_last_is_over() {
    let mut store = Memory::default();
    let first = approvals::ask(&mut store, at(0), 1, binding("a"), &new(0, 100)).expect("room");
    let second = approvals::ask(&mut store, at(0), 1, binding("b"), &new(0, 100));
    assert!(matches!(second, Err(AskError::Full { .. })));
    answer(&mut store, 1, &first, true);
    assert_eq!(approvals::consume(&mut store, at(1), &first.id), Ok(true));
    let second = approvals::ask(&mut store, at(2), 1, binding("b"), &new(2, 100)).expect("room");
    assert_eq!(state(&mut store, 2, &first), None, "its slot is another's");
    assert_eq!(
        approvals::decide(&mut store, at(2), &first.id, true, &BOB, ""),
        Err(DecideError::Unknown)
    );
    assert_eq!(state(&mut store, 2, &second), Some(State::Pending));
}

#[test]
fn what_is_no_question_releases_nothing() {
    let mut sound = Memory::default();
    let question = ask(&mut sound, 0, "x");
    answer(&mut sound, 0, &question, true);
    let (text, _) = sound.values.values().next().expect("one slot").clone();
    let text = String::from_utf8(text).expect("text");
    let foreign: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"null".to_vec(),
        b"\xff\xfe".to_vec(),
        b"{}".to_vec(),
        text.replace("approved", "Approved").into_bytes(),
        text.replace("\"expires\":", "\"expires\":\"never\",\"x\":")
            .into_bytes(),
        text.replace("\"approvers\":[]", "\"approvers\":[7]")
            .into_bytes(),
        text.trim_end_matches('}').as_bytes().to_vec(),
        vec![b'['; 100_000],
    ];
    for value in foreign {
        let mut store = Memory::default();
        let slots = 2;
        for slot in 0..slots {
            store
                .put(&format!("toolgate.approval.{slot}"), &value)
                .expect("it works");
        }
        approvals::announce_slots(&mut store, slots).expect("it works");
        let shown = String::from_utf8_lossy(&value).into_owned();
        let asked = approvals::ask(&mut store, at(0), slots, binding("x"), &new(0, 100));
        assert!(matches!(asked, Err(AskError::Full { .. })), "{shown}");
        assert_eq!(
            approvals::list(&mut store, at(0)),
            Ok(Vec::new()),
            "{shown}"
        );
        assert!(approvals::due(&mut store, at(0)).is_empty(), "{shown}");
        for slot in 0..slots {
            let id = format!("{slot}-0123456789abcdef");
            assert_eq!(
                approvals::consume(&mut store, at(0), &id),
                Ok(false),
                "{shown}"
            );
            let decided = approvals::decide(&mut store, at(0), &id, true, &BOB, "");
            assert_eq!(decided, Err(DecideError::Unknown), "{shown}");
        }
    }
}

#[test]
fn ids_that_are_none() {
    let mut store = Memory::default();
    let question = ask(&mut store, 0, "x");
    let (slot, digits) = question.id.split_once('-').expect("an id");
    let none = [
        "".to_owned(),
        "-".to_owned(),
        slot.to_owned(),
        format!("{slot}-"),
        format!("{slot}-{}", digits.replace(|_: char| true, "0")),
        format!("{slot}0-{digits}"),
        format!("+{slot}-{digits}"),
        format!(" {slot}-{digits}"),
        format!("0{slot}-{digits}"),
        format!("{slot}-{}", digits.to_uppercase() + "x"),
        format!("99999999999999999999-{digits}"),
        "../../toolgate.stop".to_owned(),
    ];
    for id in none {
        let decided = approvals::decide(&mut store, at(0), &id, true, &BOB, "");
        assert_eq!(decided, Err(DecideError::Unknown), "{id}");
    }
}

#[test]
fn who_may_decide() {
    let mut store = Memory::default();
    let mut asked = new(0, 100);
    asked.approvers = vec!["finance".into(), "leads".into()];
    let question =
        approvals::ask(&mut store, at(0), SLOTS, binding("x"), &asked).expect("there is room");
    let mut decide = |approve: bool, groups: &[&str], own: &[&str]| {
        let [groups, own] = [groups, own].map(|texts| {
            let texts = texts.iter().map(|text| Box::from(*text));
            texts.collect::<Vec<Box<str>>>()
        });
        let by = Approver {
            id: "eve",
            groups: &groups,
            own: &own,
        };
        approvals::decide(&mut store, at(1), &question.id, approve, &by, "").map(|done| done.state)
    };
    assert_eq!(decide(true, &[], &[]), Err(DecideError::NotApprover));
    assert_eq!(
        decide(false, &["Finance"], &[]),
        Err(DecideError::NotApprover)
    );
    assert_eq!(
        decide(true, &["finance"], &["ana"]),
        Err(DecideError::OwnCall)
    );
    assert_eq!(
        decide(true, &["other", "leads"], &["bea"]),
        Ok(State::Approved)
    );
    let again = Err(DecideError::Closed(State::Approved));
    assert_eq!(
        decide(false, &["finance"], &[]),
        again,
        "one answer is enough"
    );
}

#[test]
fn a_person_may_reject_an_own_call() {
    let mut store = Memory::default();
    let question = ask(&mut store, 0, "x");
    let own: [Box<str>; 1] = ["ana".into()];
    let by = Approver { own: &own, ..BOB };
    let decided = approvals::decide(&mut store, at(0), &question.id, false, &by, "");
    assert_eq!(decided.map(|done| done.state), Ok(State::Rejected));
}

#[test]
fn a_question_ends_with_the_last_call_that_waits_for_it() {
    let mut store = Memory::default();
    let mut held = new(0, 100);
    held.waiting = 1;
    held.held_until = at(45).seconds();
    let join = |store: &mut Memory| {
        approvals::ask(store, at(0), SLOTS, binding("x"), &held).expect("there is room")
    };
    let question = join(&mut store);
    assert_eq!(join(&mut store).waiting, 2);
    approvals::leave(&mut store, &question.id, true).expect("it works");
    assert_eq!(state(&mut store, 1, &question), Some(State::Pending));
    approvals::leave(&mut store, &question.id, false).expect("it works");
    assert_eq!(
        state(&mut store, 1, &question),
        Some(State::Pending),
        "it may be repeated"
    );
    join(&mut store);
    answer(&mut store, 1, &question, true);
    approvals::leave(&mut store, &question.id, true).expect("it works");
    assert_eq!(state(&mut store, 1, &question), Some(State::Withdrawn));
    assert_eq!(
        approvals::consume(&mut store, at(1), &question.id),
        Ok(false)
    );
}

#[test]
fn a_lost_store_decides_nothing() {
    let mut sound = Memory::default();
    let question = ask(&mut sound, 0, "x");
    for first in 0..2 {
        let failing = || Memory {
            operations: 0,
            failing: Some((first, true)),
            ..sound.clone()
        };
        let asked = approvals::ask(&mut failing(), at(0), SLOTS, binding("y"), &new(0, 100));
        assert_eq!(asked.map(|_| ()), Err(AskError::Lost), "{first}");
        let decided = approvals::decide(&mut failing(), at(0), &question.id, true, &BOB, "");
        assert_eq!(decided, Err(DecideError::Lost), "{first}");
        let mut approved = sound.clone();
        answer(&mut approved, 0, &question, true);
        approved.failing = Some((approved.operations + first, true));
        let used = approvals::consume(&mut approved, at(0), &question.id);
        assert!(used.is_err(), "{first}");
    }
}

#[test]
fn what_callers_write_is_shown_and_moves_nothing() {
    let mut store = Memory::default();
    let mut hostile = new(0, 100);
    hostile.target = "</script>\u{202e}\u{0}\u{1b}[2J\"'&\n\u{2028}\u{feff}\u{85}".to_owned();
    hostile.arguments = "{\"a\":\"\u{200b}\u{e0041}é\"}".to_owned();
    let question =
        approvals::ask(&mut store, at(0), SLOTS, binding("x"), &hostile).expect("there is room");
    let json = question.to_json();
    let unseen = |char: char| {
        char.is_control() || ('\u{2000}'..'\u{2070}').contains(&char) || char == '\u{feff}'
    };
    assert!(!json.contains(unseen) && json.contains('é'), "{json}");
    approvals::announce_slots(&mut store, SLOTS).expect("it works");
    let listed = approvals::list(&mut store, at(0)).expect("it works");
    assert_eq!(listed, [question]);
}

#[test]
fn announcements_come_in_order_and_at_least_once() {
    let mut store = Memory::default();
    approvals::announce_slots(&mut store, SLOTS).expect("it works");
    let mut announced = new(0, 1000);
    announced.announced = 0;
    let question =
        approvals::ask(&mut store, at(0), SLOTS, binding("x"), &announced).expect("there is room");
    let kinds = |store: &mut Memory, now: u64| -> Vec<&'static str> {
        let events = approvals::due(store, at(now));
        events.iter().map(|event| event.kind).collect()
    };
    assert_eq!(kinds(&mut store, 0), ["pending"]);
    assert!(kinds(&mut store, 29).is_empty(), "it is another worker's");
    let event = approvals::due(&mut store, at(30)).remove(0);
    assert_eq!(
        (event.kind, event.tries),
        ("pending", 2),
        "that worker is gone"
    );
    assert!(event.body.contains(&question.id) && event.body.starts_with(r#"{"event":"pending""#));
    approvals::failed(&mut store, at(31), &event).expect("it works");
    assert!(kinds(&mut store, 32).is_empty());
    let event = approvals::due(&mut store, at(33)).remove(0);
    assert_eq!(event.tries, 3, "two seconds later");
    answer(&mut store, 33, &question, true);
    approvals::delivered(&mut store, &event).expect("it works");
    approvals::delivered(&mut store, &event).expect("twice is once");
    let event = approvals::due(&mut store, at(33)).remove(0);
    assert_eq!((event.kind, event.tries), ("approved", 1));
    // It is used before the answer is announced; that is announced all the same.
    assert_eq!(
        approvals::consume(&mut store, at(34), &question.id),
        Ok(true)
    );
    approvals::delivered(&mut store, &event).expect("it works");
    assert!(kinds(&mut store, 10_000).is_empty());
}

#[test]
fn announcements_of_every_end() {
    let ends = [
        ("rejected", Some(false)),
        ("approved", Some(true)),
        ("expired", None),
    ];
    for (kind, yes) in ends {
        let mut store = Memory::default();
        approvals::announce_slots(&mut store, SLOTS).expect("it works");
        let mut announced = new(0, 100);
        announced.announced = 0;
        let question = approvals::ask(&mut store, at(0), SLOTS, binding("x"), &announced);
        let question = question.expect("there is room");
        if let Some(yes) = yes {
            answer(&mut store, 1, &question, yes);
        }
        for expected in ["pending", kind] {
            let events = approvals::due(&mut store, at(100));
            assert_eq!(
                events.iter().map(|event| event.kind).collect::<Vec<_>>(),
                [expected]
            );
            approvals::delivered(&mut store, &events[0]).expect("it works");
        }
        assert!(approvals::due(&mut store, at(1000)).is_empty(), "{kind}");
    }
    // A clock that was put back does not hold up what is due.
    let mut store = Memory::default();
    approvals::announce_slots(&mut store, SLOTS).expect("it works");
    let mut announced = new(2000, 5000);
    announced.announced = 0;
    approvals::ask(&mut store, at(2000), SLOTS, binding("x"), &announced).expect("room");
    assert_eq!(approvals::due(&mut store, at(2000)).len(), 1);
    assert_eq!(approvals::due(&mut store, at(100)).len(), 1);
}
