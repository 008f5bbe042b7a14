//! The stop switch, revoked grants, recent decisions and workers.

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
use toolgate_engine::control::{self, LANES, RING, Stop, Worker};
use toolgate_engine::counters::{Store, StoreLost};

#[test]
fn stop_and_resume() {
    let mut store = Memory::default();
    assert_eq!(control::stopped(&mut store), Ok(None));
    assert_eq!(control::resume(&mut store), Ok(None));
    control::stop(&mut store, at(0), "ana", "drill\n\u{202e}").expect("it works");
    let stop = Stop {
        by: "ana".to_owned(),
        reason: "drill\n\u{202e}".to_owned(),
        at: at(0).seconds(),
    };
    assert_eq!(control::stopped(&mut store), Ok(Some(stop.clone())));
    store.conflicts = 3;
    assert_eq!(control::resume(&mut store), Ok(Some(stop)));
    assert_eq!(control::stopped(&mut store), Ok(None));
    let long = "x".repeat(5000);
    let stop = control::stop(&mut store, at(1), "bob", &long).expect("it works");
    assert_eq!(stop.reason.len(), control::MAX_REASON);
}

#[test]
fn a_switch_that_cannot_be_read_is_on() {
    for value in [b"x".as_slice(), b"\xff", b"{}", b"null", b"false"] {
        let mut store = Memory::default();
        store.put("toolgate.stop", value).expect("it works");
        let stop = control::stopped(&mut store).expect("it works");
        assert!(stop.is_some(), "{value:?}");
        assert!(control::resume(&mut store).expect("it works").is_some());
        assert_eq!(control::stopped(&mut store), Ok(None));
    }
    let mut lost = Memory {
        failing: Some((0, true)),
        ..Memory::default()
    };
    assert_eq!(control::stopped(&mut lost), Err(StoreLost));
    assert_eq!(control::resume(&mut lost), Err(StoreLost));
}

#[test]
fn grants_are_taken_and_given_back() {
    let mut store = Memory::default();
    let hostile = "x\"},{\"grant\":\"y\u{0}";
    for grant in ["ana", hostile] {
        assert_eq!(control::is_revoked(&mut store, grant), Ok(false));
        assert_eq!(
            control::revoke(&mut store, at(0), grant, "bob", "lost"),
            Ok(true)
        );
        assert_eq!(
            control::revoke(&mut store, at(9), grant, "eve", ""),
            Ok(true)
        );
        assert_eq!(control::is_revoked(&mut store, grant), Ok(true));
    }
    assert_eq!(control::is_revoked(&mut store, "y"), Ok(false));
    assert_eq!(
        control::is_revoked(&mut store, "bob"),
        Ok(false),
        "he took it"
    );
    let all = control::revoked(&mut store).expect("it works");
    assert_eq!(all.len(), 2);
    assert!(
        all.iter()
            .all(|one| one.by == "bob" && one.at == at(0).seconds())
    );
    assert_eq!(control::reinstate(&mut store, "ana"), Ok(true));
    assert_eq!(control::reinstate(&mut store, "ana"), Ok(false));
    assert_eq!(control::is_revoked(&mut store, "ana"), Ok(false));
    assert_eq!(control::is_revoked(&mut store, hostile), Ok(true));
}

#[test]
fn lists_of_revoked_grants_are_bounded() {
    let mut store = Memory::default();
    let grants = (0..5000).map(|index| format!("grant-{index}"));
    let taken =
        grants.filter(|grant| control::revoke(&mut store, at(0), grant, "bob", "") == Ok(true));
    let taken = taken.count();
    assert!((2000..=4096).contains(&taken), "{taken}");
    assert_eq!(control::revoked(&mut store).map(|all| all.len()), Ok(taken));
    assert!(store.keys("toolgate.revoked.").len() <= 64);
}

#[test]
fn an_unreadable_list_names_nobody_innocent() {
    let mut store = Memory::default();
    control::revoke(&mut store, at(0), "ana", "bob", "").expect("it works");
    let key = store.keys("toolgate.revoked.")[0].to_owned();
    for value in [b"\xff".as_slice(), b"[{\"grant\":\"ana\"}]"] {
        store.put(&key, value).expect("it works");
        assert_eq!(control::is_revoked(&mut store, "ana"), Err(StoreLost));
        assert_eq!(
            control::revoke(&mut store, at(1), "ana", "bob", ""),
            Err(StoreLost)
        );
        assert_eq!(control::reinstate(&mut store, "ana"), Err(StoreLost));
    }
}

#[test]
fn recent_decisions_newest_first() {
    let mut store = Memory::default();
    let line = |seconds: u64| format!("{{\"time\":\"{}\"}}", at(seconds));
    for n in 0..200 {
        control::remember(&mut store, n % 3, n / 3, 64, &line(n));
    }
    let recent = control::recent(&mut store).expect("it works");
    assert_eq!(recent.len(), 3 * 64);
    assert_eq!(recent[0], line(199));
    assert!(recent.is_sorted_by(|newer, older| newer > older));
    let mut none = Memory::default();
    control::remember(&mut none, 0, 0, 0, "x");
    assert!(none.values.is_empty());
    for vm in 0..100 {
        for n in 0..100 {
            control::remember(&mut none, vm, n, 1000, "x");
        }
    }
    assert_eq!(none.values.len() as u64, LANES * RING);
}

#[test]
fn workers_are_seen_while_they_live() {
    let mut store = Memory::default();
    let worker = |vm: u64, seconds: u64| Worker {
        vm,
        digest: "d".to_owned(),
        mode: "enforce".to_owned(),
        stopped: false,
        at: at(seconds).seconds(),
        held: 3,
    };
    control::beat(&mut store, &worker(1, 0));
    control::beat(&mut store, &worker(2, 5));
    store
        .put("toolgate.worker.7", b"foreign")
        .expect("it works");
    let alive = |store: &mut Memory, now: u64| {
        let workers = control::workers(store, at(now)).expect("it works");
        workers.iter().map(|worker| worker.vm).collect::<Vec<_>>()
    };
    assert_eq!(alive(&mut store, 10), [1, 2]);
    assert_eq!(alive(&mut store, 11), [2]);
    assert_eq!(alive(&mut store, 16), Vec::<u64>::new());
    control::beat(&mut store, &worker(1, 16));
    assert_eq!(
        control::workers(&mut store, at(16)),
        Ok(vec![worker(1, 16)])
    );
}
