//! Approved, rejected, and not decided in time.

use std::time::Instant;

use serde_json::json;

use super::rig::{ALICE, Call, PATIENCE, Rig, body, policy};

/// One tool that waits for a person as long as `hold` says.
fn asking(hold: &str) -> serde_json::Value {
    let limit = json!([{"counter": "paid", "max": 2, "window": "day"}]);
    policy(
        json!({"pay": {"approval": {"timeout": "30m", "hold": hold, "on_deny": "A person pays."}, "limits": limit}}),
        json!({}),
    )
}

#[test]
fn an_approved_call_goes_on_as_it_came_and_once() {
    let rig = Rig::start(&asking("20s"));
    // Spaces, order and escapes as no serializer would write them.
    let text = r#"{ "method":"tools/call", "id" : "a\u0031", "jsonrpc":"2.0","params":{"arguments":{"b":1.0,"a":"\/"},"name":"pay"} }"#;
    let call = rig.post(ALICE, text, &[]);
    let question = &rig.questions("pending", 1)[0];
    assert_eq!(question["target"], "pay");
    assert_eq!(question["principal"], "alice");
    assert_eq!(question["rule"], "/tools/pay/approval");
    rig.wait(|| rig.held() == 1);
    rig.upstream_saw_nothing();

    rig.approve(&rig.pending());
    let approved = Instant::now();
    let answer = call.answer(PATIENCE);
    println!("released {:?} after the approval", approved.elapsed());
    assert!(answer.ran(), "{answer:?}");
    assert_eq!(answer.json()["id"], "a1");
    assert_eq!(rig.upstream_bodies(), [text]);
    assert_eq!(rig.questions("used", 1).len(), 1);
    rig.wait(|| rig.held() == 0);

    let record = &rig.records("approve")[0];
    assert_eq!(record["approval"]["by"], "operator", "{record}");
    assert_eq!(record["approval"]["reason"], "fine", "{record}");
    assert_eq!(record["counters"][0]["after"], "1", "{record}");

    // It was for one call.
    let again = rig.post(ALICE, text, &[]);
    rig.questions("pending", 1);
    drop(again);
}

#[test]
fn a_rejected_call_is_told_who_and_why() {
    let rig = Rig::start(&asking("20s"));
    let call = rig.call(ALICE, "pay", &json!({}));
    rig.reject(&rig.pending(), "Not on a Friday.");
    let answer = call.answer(PATIENCE);
    assert_eq!(answer.rule(), "/tools/pay/approval");
    assert!(answer.text().contains("Not on a Friday."), "{answer:?}");
    assert!(answer.text().contains("operator"), "{answer:?}");
    rig.upstream_saw_nothing();
    // Told once; the same call asks anew.
    let again = rig.call(ALICE, "pay", &json!({}));
    rig.questions("pending", 1);
    drop(again);
}

#[test]
fn a_call_that_was_not_decided_in_time_is_repeated_after_the_approval_and_runs_once() {
    let rig = Rig::start(&asking("1s"));
    let began = Instant::now();
    let answer = rig.call(ALICE, "pay", &json!({"n": 1})).answer(PATIENCE);
    println!("told to repeat the call after {:?}", began.elapsed());
    let id = rig.pending();
    let denial = answer.denial();
    assert_eq!(
        (&denial["approval"]["id"], &denial["approval"]["state"]),
        (&json!(id), &json!("pending")),
        "{denial}"
    );
    assert!(
        answer.text().contains("A person pays.") && answer.text().contains(&id),
        "{answer:?}"
    );
    rig.upstream_saw_nothing();

    // A repeat joins the question.
    let joined = rig.call(ALICE, "pay", &json!({"n": 1})).answer(PATIENCE);
    assert_eq!(joined.denial()["approval"]["id"], json!(id));

    rig.approve(&id);
    // The same arguments, spelled otherwise, under another id.
    let repeat = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"arguments":{"n":1.0},"name":"pay"}}"#;
    assert!(rig.post(ALICE, repeat, &[]).answer(PATIENCE).ran());
    assert_eq!(rig.upstream_bodies(), [repeat]);

    let second = rig.call(ALICE, "pay", &json!({"n": 1})).answer(PATIENCE);
    assert_ne!(second.denial()["approval"]["id"], json!(id), "held anew");
    assert_eq!(rig.upstream_bodies().len(), 1);
}

#[test]
fn what_would_be_refused_anyway_is_not_asked() {
    let rig = Rig::start(&asking("20s"));
    for n in 0..2 {
        let call = rig.call(ALICE, "pay", &json!({"n": n}));
        rig.approve(&rig.pending());
        assert!(call.answer(PATIENCE).ran());
    }
    let third = rig.call(ALICE, "pay", &json!({"n": 3})).answer(PATIENCE);
    assert_eq!(third.rule(), "/tools/pay/limits/paid");
    assert!(rig.questions("pending", 0).is_empty());
}

#[test]
fn a_hold_of_nothing_answers_at_once() {
    let rig = Rig::start(&asking("0s"));
    let answer = rig.call(ALICE, "pay", &json!({})).answer(PATIENCE);
    assert_eq!(answer.denial()["approval"]["state"], "pending");
}

#[test]
fn the_published_finance_policy_waits_for_the_closing_of_an_account() {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/finance/policy.yaml"
    ))
    .unwrap();
    let rig = Rig::with(&policy(json!({}), json!({})), |config| {
        config.policy_yaml(&text).unwrap()
    });
    let close = json!({"account": "GB-7", "reason": "fraud"});
    let call = rig.call("", "close_account", &close);
    let question = &rig.questions("pending", 1)[0];
    assert_eq!(
        question["reason"],
        "A person has to approve the closing of an account."
    );
    let open = question["expires"].as_i64().unwrap() - question["created"].as_i64().unwrap();
    assert_eq!(open, 30 * 60);
    rig.approve(&rig.pending());
    assert!(call.answer(PATIENCE).ran());
    assert_eq!(rig.upstream_bodies(), [body(1, "close_account", &close)]);

    let call = rig.call(
        "",
        "close_account",
        &json!({"account": "GB-8", "reason": "dormant"}),
    );
    rig.reject(&rig.pending(), "It is not dormant.");
    assert!(call.answer(PATIENCE).text().contains("It is not dormant."));
    assert_eq!(rig.upstream_bodies().len(), 1);
}

#[test]
fn an_http2_client_waits_too() {
    let rig = Rig::start(&asking("20s"));
    let port = rig.envoy.listener("mcp").unwrap().port();
    let case: toolgate_rig::wire::RequestCase = serde_json::from_value(json!({
        "id": "held", "class": "held", "expect": "allow-same-as-canonical", "body": body(1, "pay", &json!({})),
        "headers": [["content-type", "application/json"], ["accept", "application/json"], ["authorization", format!("Bearer {ALICE}")]],
    })).unwrap();
    let sending = std::thread::spawn(move || toolgate_rig::wire::send_http2(port, &case).unwrap());
    rig.approve(&rig.pending());
    match sending.join().unwrap() {
        toolgate_rig::wire::Outcome::Answered(answers) => assert_eq!(answers[0].status, 200),
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.upstream_bodies(), [body(1, "pay", &json!({}))]);
}

#[test]
fn a_held_body_in_chunks_and_with_trailers_goes_on_whole() {
    let rig = Rig::start(&asking("20s"));
    let text = body(1, "pay", &json!({}));
    let (first, second) = text.split_at(20);
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {ALICE}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n"
    );
    let chunks = format!(
        "{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\nx-t: 1\r\n\r\n",
        first.len(),
        second.len()
    );
    let call = Call::send(
        rig.envoy.listener("mcp").unwrap(),
        &format!("{head}{chunks}"),
    );
    rig.approve(&rig.pending());
    assert!(call.answer(PATIENCE).ran());
    assert_eq!(rig.upstream_bodies(), [text]);
}
