//! Callers that leave or cancel while their call is held: nothing runs, and nothing is counted.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{ALICE, BOB, PATIENCE, Rig, policy};

fn asking() -> Value {
    let limit = json!([{"counter": "paid", "max": 1, "window": "day"}]);
    policy(
        json!({"pay": {"approval": {"timeout": "30m", "hold": "20s"}, "limits": limit}}),
        json!({}),
    )
}

/// The one call of the day is still there.
fn costs_nothing(rig: &Rig) {
    let call = rig.call(ALICE, "pay", &json!({"last": true}));
    rig.approve(&rig.pending());
    assert!(call.answer(PATIENCE).ran());
    assert_eq!(rig.upstream_bodies().len(), 1);
}

/// What `cancelled` leaves of a held call when a person says yes afterwards, if anybody can.
fn never_runs(rig: &Rig, id: &str) {
    let path = format!("approvals/{id}/approve");
    rig.console("POST", &path, Some(&json!({})));
    rig.wait(|| rig.held() == 0);
    std::thread::sleep(Duration::from_millis(300));
    rig.upstream_saw_nothing();
}

#[test]
fn a_client_that_hangs_up_while_held_runs_nothing() {
    let rig = Rig::start(&asking());
    let call = rig.call(ALICE, "pay", &json!({}));
    let id = rig.pending();
    rig.wait(|| rig.held() == 1);
    drop(call);
    rig.wait(|| rig.records("expire").len() == 1);
    rig.wait(|| rig.held() == 0);
    // An older client may have lost its connection, and repeats the call: the question is still there for that.
    assert_eq!(rig.pending(), id);
    never_runs(&rig, &id);
    // The yes is for that call; it is not this one.
    costs_nothing(&rig);
}

#[test]
fn a_client_of_2026_that_closes_its_stream_has_cancelled() {
    let rig = Rig::start(&asking());
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{},"_meta":{
        "io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "pay"),
    ];
    let call = rig.post(ALICE, text, &headers);
    let id = rig.pending();
    drop(call);
    assert_eq!(rig.questions("withdrawn", 1)[0]["id"], json!(id));
    never_runs(&rig, &id);
    costs_nothing(&rig);
}

#[test]
fn a_cancelled_call_ends_without_running() {
    let rig = Rig::start(&asking());
    let session = [("mcp-session-id", "s1")];
    let text = r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"pay","arguments":{}}}"#;
    let mut call = rig.post(ALICE, text, &session);
    let id = rig.pending();
    let cancel =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x"}}"#;
    // Neither another caller's cancellation, nor one of another session or another request.
    rig.post(BOB, cancel, &session).answer(PATIENCE);
    rig.post(ALICE, cancel, &[("mcp-session-id", "s2")])
        .answer(PATIENCE);
    rig.post(ALICE, &cancel.replace("\"x\"", "\"y\""), &session)
        .answer(PATIENCE);
    assert!(call.poll(Duration::from_millis(500)).is_none());

    rig.post(ALICE, cancel, &session).answer(PATIENCE);
    let answer = call.answer(PATIENCE);
    assert_eq!((answer.status, &*answer.body), (202, ""));
    assert_eq!(rig.questions("withdrawn", 1)[0]["id"], json!(id));
    let ran = |text: &String| text.contains("tools/call");
    assert!(!rig.upstream_bodies().iter().any(ran));
}
