//! What an approval is not for: other arguments, another caller, another configuration, a second time, later.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{ALICE, BOB, PATIENCE, Rig, body, id, policy};

fn asking(approval: Value, more: Value) -> Value {
    policy(json!({"pay": {"approval": approval}}), more)
}

#[test]
fn an_approval_is_for_the_call_it_was_given_for_and_no_other() {
    let rig = Rig::start(&asking(json!({"timeout": "30m", "hold": "0s"}), json!({})));
    let ask = |token: &str, arguments: &Value| rig.call(token, "pay", arguments).answer(PATIENCE);
    ask(ALICE, &json!({"amount": 1}));
    rig.approve(&rig.pending());
    let others = [
        (BOB, json!({"amount": 1})),
        (ALICE, json!({"amount": 2})),
        (ALICE, json!({"amount": "1"})),
        (ALICE, json!({"amount": 1, "to": "me"})),
        (ALICE, json!({})),
    ];
    for (token, arguments) in &others {
        let answer = ask(token, arguments);
        assert_eq!(
            answer.denial()["approval"]["state"],
            "pending",
            "{arguments}"
        );
    }
    // What else it carries is part of the call, and the person sees it.
    let laden = [
        r#""_meta":{"vendor/target":"PROD","force":true}"#,
        r#""inputResponses":{"confirm":{"action":"accept"}},"requestState":"another's""#,
        r#""task":{"ttl":100}"#,
    ];
    for also in laden {
        let text = body(1, "pay", &json!({"amount": 1}))
            .replace("\"arguments\"", &format!("{also},\"arguments\""));
        let answer = rig.post(ALICE, &text, &[]).answer(PATIENCE);
        assert!(
            answer.body.contains("waits for a person"),
            "{also}: {}",
            answer.body
        );
        assert!(!answer.ran());
    }
    let long = ask(
        ALICE,
        &json!({"pad": "x".repeat(17_000), "zz_target": "PROD"}),
    );
    assert_eq!(long.rule(), "/approvals/size");
    rig.upstream_saw_nothing();
    let pending = rig.questions("pending", others.len() + laden.len());
    assert_eq!(pending.len(), others.len() + laden.len());
    let mut besides: Vec<&str> = pending
        .iter()
        .filter_map(|question| question["besides"].as_str())
        .collect();
    besides.sort_unstable();
    let shown = [
        r#"{"_meta":{"force":true,"vendor/target":"PROD"}}"#,
        r#"{"inputResponses":{"confirm":{"action":"accept"}},"requestState":"another's"}"#,
        r#"{"task":{"ttl":100}}"#,
    ];
    assert_eq!(besides, shown);
    assert!(ask(ALICE, &json!({"amount": 1.0})).ran());
    // Used up.
    assert!(!ask(ALICE, &json!({"amount": 1})).ran());
}

#[test]
fn an_expired_approval_releases_nothing() {
    let rig = Rig::start(&asking(json!({"timeout": "2s", "hold": "0s"}), json!({})));
    let first = rig.call(ALICE, "pay", &json!({})).answer(PATIENCE);
    rig.approve(&rig.pending());
    std::thread::sleep(Duration::from_secs(3));
    let late = rig.call(ALICE, "pay", &json!({})).answer(PATIENCE);
    assert_ne!(
        late.denial()["approval"]["id"],
        first.denial()["approval"]["id"]
    );
    rig.upstream_saw_nothing();
}

#[test]
fn a_question_nobody_answers_expires_while_its_call_is_held() {
    let rig = Rig::start(&asking(json!({"timeout": "1s", "hold": "20s"}), json!({})));
    let answer = rig.call(ALICE, "pay", &json!({})).answer(PATIENCE);
    assert_eq!(
        answer.denial()["approval"]["state"],
        "expired",
        "{answer:?}"
    );
    rig.upstream_saw_nothing();
}

/// Two configurations that both ask, and do not differ in what they ask.
fn two() -> [Value; 2] {
    let hold = json!({"timeout": "30m", "hold": "30s"});
    [
        asking(hold.clone(), json!({})),
        asking(hold, json!({"hide": ["other"]})),
    ]
}

#[test]
fn a_held_call_is_decided_anew_under_a_new_configuration() {
    let [old, new] = two();
    let rig = Rig::start(&old);
    let call = rig.call(ALICE, "pay", &json!({}));
    let before = rig.pending();
    rig.publish(&new);
    // It asks anew: the old question is nobody's any more.
    rig.wait(|| {
        let pending = rig.questions("pending", 1);
        pending[0]["id"] != json!(before)
    });
    let answer = rig.console(
        "POST",
        &format!("approvals/{before}/approve"),
        Some(&json!({})),
    );
    assert_eq!(answer.status, 409, "{}", answer.body);
    rig.upstream_saw_nothing();
    rig.approve(&rig.pending());
    assert!(call.answer(PATIENCE).ran());
    assert_eq!(rig.upstream_bodies(), [body(1, "pay", &json!({}))]);
}

#[test]
fn an_approval_crosses_no_configuration() {
    let [old, new] = two();
    let rig = Rig::start(&old);
    // Told to repeat it, approved, and then the configuration changes.
    drop(rig.call(ALICE, "pay", &json!({})));
    rig.approve(&rig.pending());
    rig.publish(&new);
    let call = rig.call(ALICE, "pay", &json!({}));
    rig.pending();
    rig.upstream_saw_nothing();
    drop(call);
}

#[test]
fn a_held_call_obeys_what_the_new_configuration_says() {
    let [old, _] = two();
    for (tools, ran) in [
        (json!({"pay": {}}), true),
        (json!({"pay": {"deny": true}}), false),
        (json!({}), false),
    ] {
        let rig = Rig::start(&old);
        let call = rig.call(ALICE, "pay", &json!({}));
        rig.pending();
        rig.publish(&policy(tools.clone(), json!({})));
        assert_eq!(call.answer(PATIENCE).ran(), ran, "{tools}");
        assert_eq!(rig.upstream_bodies().len(), usize::from(ran), "{tools}");
        assert!(rig.questions("pending", 0).is_empty(), "{tools}");
    }
}

#[test]
fn a_held_call_of_a_grant_that_is_revoked_ends() {
    let [old, _] = two();
    let rig = Rig::start(&old);
    let (call, other) = (
        rig.call(ALICE, "pay", &json!({})),
        rig.call(BOB, "pay", &json!({})),
    );
    rig.questions("pending", 2);
    let revoke = json!({"grant": "alice", "reason": "lost", "confirm": true});
    assert_eq!(
        rig.console("POST", "grants/revoke", Some(&revoke)).status,
        200
    );
    assert_eq!(call.answer(PATIENCE).status, 401);
    assert_eq!(
        rig.call(ALICE, "pay", &json!({})).answer(PATIENCE).status,
        401
    );
    rig.upstream_saw_nothing();
    // Another's is not concerned.
    let pending = rig.questions("pending", 1);
    let bobs = pending
        .iter()
        .find(|question| question["principal"] == "bob");
    rig.approve(&id(bobs.unwrap()));
    assert!(other.answer(PATIENCE).ran());
}
