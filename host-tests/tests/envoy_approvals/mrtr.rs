//! Clients of 2026-07-28 that go on waiting by a signed `requestState`.

use serde_json::{Value, json};

use super::rig::{ALICE, BOB, Call, PATIENCE, Rig, policy};

fn asking() -> Value {
    policy(
        json!({"pay": {"approval": {"timeout": "30m", "hold": "1s"}}}),
        json!({"approvals": {"mode": "mrtr", "key": "a key of at least thirty-two bytes, this one"}}),
    )
}

/// A call whose spaces no serializer would write; `state` stands between its arguments and its metadata.
fn text(id: usize, state: &str) -> String {
    format!(
        r#"{{ "jsonrpc":"2.0", "id":{id},"method":"tools/call","params":{{"name":"pay","arguments":{{ "a": 1.0 }}{state},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    )
}

fn post(rig: &Rig, token: &str, text: &str) -> Call {
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "pay"),
    ];
    rig.post(token, text, &headers)
}

#[test]
fn a_client_that_retries_with_its_state_waits_on_and_the_server_never_sees_it() {
    let rig = Rig::start(&asking());
    let answer = post(&rig, ALICE, &text(1, "")).answer(PATIENCE).json();
    let id = rig.pending();
    assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
    let state = answer["result"]["requestState"].as_str().unwrap();
    let with = |state: &str| text(2, &format!(r#","requestState":"{state}""#));

    // Not another's, and not a changed one.
    for (token, state) in [
        (BOB, state.to_owned()),
        (ALICE, state.replace(char::is_numeric, "0")),
    ] {
        let refused = post(&rig, token, &with(&state)).answer(PATIENCE);
        assert!(!refused.ran(), "{refused:?}");
    }
    rig.upstream_saw_nothing();

    let again = post(&rig, ALICE, &with(state));
    rig.wait(|| rig.held() == 1);
    rig.approve(&id);
    assert!(again.answer(PATIENCE).ran());
    assert_eq!(rig.upstream_bodies(), [text(2, "")]);
}
