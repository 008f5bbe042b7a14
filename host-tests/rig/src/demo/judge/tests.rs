use bytes::Bytes;
use http::{HeaderMap, Method, Version};
use serde_json::{Value, json};

use super::super::client::RawReply;
use super::*;

const RULE: &str = "/tools/create_refund/limits/refunds";

fn step(expect: Expect) -> Step {
    let (era, tool) = (Era::Sessions, "create_refund");
    let arguments = json!({"payment": "p1", "amount": 40});
    let act = Act::Call {
        era,
        tool,
        arguments,
    };
    Step {
        call: tool.to_owned(),
        note: "",
        act,
        expect,
    }
}

fn limited() -> Step {
    step(Expect::Denied {
        rule: RULE,
        retry: true,
    })
}

fn result(is_error: bool, meta: Value) -> Reply {
    let result =
        json!({"content": [{"type": "text", "text": "x"}], "isError": is_error, "_meta": meta});
    Reply::Result(serde_json::from_value(result).unwrap())
}

fn denial(rule: &str) -> Reply {
    result(
        true,
        json!({"toolgate/denial": {"rule": rule, "retry_after": 60}}),
    )
}

fn raw(status: u16, body: &str) -> Reply {
    Reply::Raw(RawReply {
        status,
        body: body.to_owned(),
    })
}

fn arrived(arguments: &Value) -> Record {
    let call = json!({"method": "tools/call", "params": {"name": "create_refund", "arguments": arguments}});
    Record {
        method: Method::POST,
        path: "/mcp".to_owned(),
        version: Version::HTTP_11,
        headers: HeaderMap::new(),
        body: Some(Bytes::from(call.to_string())),
        reply: None,
    }
}

fn as_sent() -> Record {
    arrived(&json!({"payment": "p1", "amount": 40}))
}

fn not_enforced(judged: Result<(), Fault>) -> bool {
    matches!(judged, Err(Fault::NotEnforced(_)))
}

fn unexpected(judged: Result<(), Fault>) -> bool {
    matches!(judged, Err(Fault::Unexpected(_)))
}

#[test]
fn a_denial_needs_the_rule_the_time_and_silence_upstream() {
    assert_eq!(judge(&limited(), &denial(RULE), &[]), Ok(()));
    assert!(not_enforced(judge(&limited(), &denial(RULE), &[as_sent()])));
    let headers_only = Record {
        body: None,
        ..as_sent()
    };
    assert!(not_enforced(judge(
        &limited(),
        &denial(RULE),
        &[headers_only]
    )));
    assert!(unexpected(judge(&limited(), &denial("/default"), &[])));
    assert!(unexpected(judge(
        &limited(),
        &result(true, json!({"toolgate/denial": {"rule": RULE}})),
        &[]
    )));
    assert!(unexpected(judge(&limited(), &result(true, json!({})), &[])));
    assert!(unexpected(judge(
        &limited(),
        &result(false, json!({})),
        &[]
    )));
    assert!(unexpected(judge(
        &limited(),
        &Reply::None("reset".to_owned()),
        &[]
    )));
}

#[test]
fn an_allowed_call_arrives_once_and_as_it_was_sent() {
    let allowed = step(Expect::Allowed);
    let done = || result(false, json!({}));
    assert_eq!(judge(&allowed, &done(), &[as_sent()]), Ok(()));
    assert!(unexpected(judge(&allowed, &done(), &[])));
    assert!(unexpected(judge(
        &allowed,
        &done(),
        &[as_sent(), as_sent()]
    )));
    assert!(unexpected(judge(
        &allowed,
        &done(),
        &[arrived(&json!({"payment": "p1", "amount": 41}))]
    )));
    assert!(unexpected(judge(&allowed, &denial(RULE), &[as_sent()])));
}

#[test]
fn what_is_no_request_gets_the_reply_it_should() {
    let error = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}"#;
    assert_eq!(
        judge(&step(Expect::Rejected), &raw(400, error), &[]),
        Ok(())
    );
    assert!(unexpected(judge(
        &step(Expect::Rejected),
        &raw(200, error),
        &[]
    )));
    assert!(unexpected(judge(
        &step(Expect::Rejected),
        &raw(400, "no"),
        &[]
    )));
    assert!(not_enforced(judge(
        &step(Expect::Rejected),
        &raw(400, error),
        &[as_sent()]
    )));

    assert_eq!(judge(&step(Expect::Dropped), &raw(202, ""), &[]), Ok(()));
    assert!(unexpected(judge(
        &step(Expect::Dropped),
        &raw(202, "{}"),
        &[]
    )));
    assert!(not_enforced(judge(
        &step(Expect::Dropped),
        &raw(202, ""),
        &[as_sent()]
    )));
}

#[test]
fn a_batch_has_a_reply_for_each_id() {
    let batch = step(Expect::BatchRefused { rule: "/default" });
    let replies = json!([
        {"id": 3, "error": {"code": 1403, "message": "not executed"}},
        {"id": 4, "result": {"isError": true, "_meta": {"toolgate/denial": {"rule": "/default"}}}},
    ]);
    assert_eq!(judge(&batch, &raw(200, &replies.to_string()), &[]), Ok(()));
    assert!(unexpected(judge(
        &batch,
        &raw(200, &json!([replies[1]]).to_string()),
        &[]
    )));
    assert!(not_enforced(judge(
        &batch,
        &raw(200, &replies.to_string()),
        &[as_sent()]
    )));
}

#[test]
fn a_list_shows_what_it_should_and_no_more() {
    let list = Step {
        act: Act::List(Era::Stateless),
        ..step(Expect::Listed(&["get_balance"]))
    };
    let reply = Some(crate::upstream::Reply {
        status: 200,
        content_type: "application/json".to_owned(),
    });
    let asked = [Record { reply, ..as_sent() }];
    let seen = |names: &[&str]| Reply::List(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(judge(&list, &seen(&["get_balance"]), &asked), Ok(()));
    assert!(not_enforced(judge(
        &list,
        &seen(&["get_balance", "close_account"]),
        &asked
    )));
    assert!(unexpected(judge(&list, &seen(&[]), &asked)));
    assert!(unexpected(judge(&list, &seen(&["get_balance"]), &[])));
}
