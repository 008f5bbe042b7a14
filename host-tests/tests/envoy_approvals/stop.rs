//! The stop switch: at once, everywhere, for as long as it is on.

use std::time::Instant;

use serde_json::{Value, json};

use super::rig::{ALICE, Answer, PATIENCE, Rig, policy};

fn open(more: Value) -> Value {
    policy(
        json!({"read": {}, "pay": {"approval": {"timeout": "30m", "hold": "30s"}}}),
        more,
    )
}

fn stop(rig: &Rig) -> Answer {
    rig.console(
        "POST",
        "stop",
        Some(&json!({"reason": "runaway", "confirm": true})),
    )
}

fn resume(rig: &Rig) -> Answer {
    rig.console("POST", "resume", Some(&json!({"confirm": true})))
}

fn read(rig: &Rig) -> Answer {
    rig.call(ALICE, "read", &json!({})).answer(PATIENCE)
}

#[test]
fn a_stop_takes_effect_on_the_next_call_of_every_worker() {
    let rig = Rig::start(&open(json!({})));
    for _ in 0..20 {
        assert!(read(&rig).ran());
    }
    let held = rig.call(ALICE, "pay", &json!({}));
    rig.pending();
    let began = Instant::now();
    assert_eq!(stop(&rig).status, 200);
    let effective = began.elapsed();
    // Connections are spread over the workers; not one call passes.
    for _ in 0..50 {
        let answer = read(&rig);
        assert_eq!(answer.rule(), "/stopped");
        assert!(answer.text().contains("runaway"), "{answer:?}");
    }
    println!("the stop was set and answered in {effective:?}; the 50 calls after it were refused");
    let answer = held.answer(PATIENCE);
    println!("the held call was refused after {:?}", began.elapsed());
    assert_eq!(answer.rule(), "/stopped");
    assert_eq!(rig.upstream_bodies().len(), 20);
    assert_eq!(rig.look("state")["stop"]["by"], "operator");

    assert_eq!(resume(&rig).status, 200);
    assert!(read(&rig).ran());
    assert_eq!(resume(&rig).status, 409, "nothing is stopped");
    for act in ["console/stop", "console/resume"] {
        rig.wait(|| {
            rig.records("allow")
                .iter()
                .any(|record| record["method"] == act)
        });
    }
}

#[test]
fn a_stop_outlasts_a_new_configuration() {
    let rig = Rig::start(&open(json!({})));
    assert!(read(&rig).ran());
    stop(&rig);
    rig.publish(&open(json!({"hide": ["other"]})));
    for _ in 0..10 {
        assert_eq!(read(&rig).rule(), "/stopped");
    }
    resume(&rig);
    assert!(read(&rig).ran());
}
