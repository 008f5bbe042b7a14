//! Each way a wait can begin, end and be misused.

use serde_json::{Value, json};
use toolgate_engine::approvals::State;
use toolgate_engine::control;

use crate::common::at;
use crate::rig::{Got, Request, Rig, pay, told};

fn decision(call: &crate::rig::Call) -> String {
    let record = call.exchange.records().last().expect("a record");
    record.decision.word().to_owned()
}

#[test]
fn a_yes_releases_the_call_and_charges_it_once() {
    let mut rig = Rig::new(&json!({}));
    let mut call = rig.hold(Request::new("ana", &pay(7, 40)));
    assert_eq!(decision(&call), "hold");
    rig.now = 10;
    assert_eq!(rig.tick(&mut call), Got::Waits);
    assert_eq!(rig.paid(), 0);
    let question = rig.question(State::Pending);
    assert_eq!(question.arguments, r#"{"amount":40}"#);
    assert_eq!(
        (&*question.principal, &*question.source, question.waiting),
        ("ana", "grant", 1)
    );
    assert_eq!(question.held_until, at(45).seconds());
    rig.answer(true);
    rig.now = 11;
    assert_eq!(rig.tick(&mut call), Got::Forwarded(None));
    let record = call.exchange.records().last().expect("a record");
    assert_eq!(
        (record.decision.word(), record.counters.len()),
        ("approve", 1)
    );
    let notice = record.approval.as_ref().expect("an approval");
    assert_eq!((notice.state, notice.by.as_deref()), ("used", Some("bob")));
    assert_eq!(record.rule.as_deref(), Some("/tools/pay/approval"));
    assert_eq!(rig.paid(), 1);
    assert_eq!(rig.question(State::Used).used_at, at(11).seconds());
}

#[test]
fn a_no_is_told_with_its_reason() {
    let mut rig = Rig::new(&json!({}));
    let mut call = rig.hold(Request::new("ana", &pay(7, 40)));
    let id = rig.answer(false);
    let got = rig.tick(&mut call);
    let (text, rule) = told(&got);
    assert_eq!(
        text,
        format!("[POLICY DENIED] Rejected by bob (approval {id}): Too much.")
    );
    assert_eq!(rule, "/tools/pay/approval");
    assert_eq!((decision(&call).as_str(), rig.paid()), ("deny", 0));
    rig.hold(Request::new("ana", &pay(8, 40)));
    assert_ne!(rig.question(State::Pending).id, id, "a repeat asks anew");
}

#[test]
fn held_long_enough_it_is_repeated_later() {
    let mut rig = Rig::new(&json!({}));
    let mut call = rig.hold(Request::new("ana", &pay(7, 40)));
    rig.now = 44;
    assert_eq!(rig.tick(&mut call), Got::Waits);
    rig.now = 45;
    let got = rig.tick(&mut call);
    let id = rig.question(State::Pending).id;
    let text = format!(
        "[POLICY DENIED] Payments are checked. It waits for a person (approval {id}): repeat the same call once it is approved, before 2026-01-15T10:10:00.000Z."
    );
    assert_eq!(told(&got), (text, "/tools/pay/approval".to_owned()));
    let Got::Answered(_, body) = &got else {
        panic!()
    };
    let notice = json!({"id": id, "state": "pending", "expires": "2026-01-15T10:10:00.000Z"});
    assert_eq!(
        body.pointer("/result/_meta/toolgate~1denial/approval"),
        Some(&notice)
    );
    assert_eq!((decision(&call).as_str(), rig.paid()), ("expire", 0));
    rig.now = 300;
    rig.answer(true);
    let (_, got) = rig.send(Request::new("ana", &pay(8, 40)));
    assert_eq!((got, rig.paid()), (Got::Forwarded(None), 1));
    let (_, got) = rig.send(Request::new("ana", &pay(9, 40)));
    assert_eq!(
        (got, rig.paid()),
        (Got::Held, 1),
        "an approval is used once"
    );
}

#[test]
fn a_question_ends_before_its_call_is_held_long_enough() {
    let mut rig = Rig::new(&json!({"tools": {"pay": {"approval": {"timeout": "30s"}}}}));
    let mut call = rig.hold(Request::new("ana", &pay(7, 40)));
    let id = rig.question(State::Pending).id;
    rig.now = 30;
    let (text, _) = told(&rig.tick(&mut call));
    let expected = format!(
        "[POLICY DENIED] Nobody answered in time (approval {id}). Repeat the call to ask again."
    );
    assert_eq!(text, expected);
    assert_eq!(decision(&call), "expire");
    rig.now = 0;
    let (_, got) = rig.send(Request::new("ana", &pay(8, 40)));
    assert_eq!(got, Got::Held, "the clock goes back and finds nothing open");
    assert_ne!(rig.question(State::Pending).id, id);
}

#[test]
fn an_approval_past_its_time_releases_nothing() {
    let mut rig = Rig::new(&json!({}));
    let mut call = rig.hold(Request::new("ana", &pay(7, 40)));
    rig.answer(true);
    rig.now = 600;
    let (text, _) = told(&rig.tick(&mut call));
    assert!(text.contains("Nobody answered in time"), "{text}");
    let (_, got) = rig.send(Request::new("ana", &pay(8, 40)));
    assert_eq!((got, rig.paid()), (Got::Held, 0));
}

#[test]
fn an_answer_is_for_that_call_alone() {
    let others = [
        Request::new("ana", &pay(8, 41)),
        Request::new("bea", &pay(8, 40)),
        Request::new(
            "ana",
            &json!({"jsonrpc": "2.0", "id": 8, "method": "tools/call",
                "params": {"name": "gift", "arguments": {"amount": 40}}}),
        ),
        Request::new(
            "ana",
            &json!({"jsonrpc": "2.0", "id": 8, "method": "tools/call",
                "params": {"name": "pay", "arguments": {"amount": "40"}}}),
        ),
        Request::new(
            "ana",
            &json!({"jsonrpc": "2.0", "id": 8, "method": "tools/call",
                "params": {"name": "pay", "arguments": {"amount": 40, "to": null}}}),
        ),
    ];
    // What else it carries is part of the call.
    let laden = [
        ("_meta", json!({"vendor/target": "PROD", "force": true})),
        ("_meta", json!({"progressToken": 1, "baggage": "tier=gold"})),
        ("task", json!({"ttl": 100})),
        (
            "inputResponses",
            json!({"confirm": {"action": "accept", "content": {"scope": "all"}}}),
        ),
        ("requestState", json!("another's")),
        ("uri", json!("file:///etc/passwd")),
        ("dryRun", json!(false)),
    ];
    let laden = laden.map(|(key, value)| {
        let mut body = pay(8, 40);
        body["params"][key] = value;
        Request::new("ana", &body)
    });
    for other in others.into_iter().chain(laden) {
        let mut rig = Rig::new(&json!({}));
        rig.hold(Request::new("ana", &pay(7, 40)));
        rig.answer(true);
        let shown = String::from_utf8_lossy(&other.body).into_owned();
        let (_, got) = rig.send(other);
        assert_eq!(got, Got::Held, "{shown}");
    }
    // The same call in other words is the same call.
    let mut rig = Rig::new(&json!({}));
    rig.hold(Request::new("ana", &pay(7, 40)));
    rig.answer(true);
    let mut same = Request::new("ana", &Value::Null);
    same.body = br#"{"params":{"inputResponses":{},"_meta":{"progressToken":3,"traceparent":"00-1","tracestate":"a=b"},"arguments":{"\u0061mount": 4.0e1},"name":"pay"},"method":"tools/call","id":"x","jsonrpc":"2.0"}"#.to_vec();
    assert_eq!(rig.send(same).1, Got::Forwarded(None));
}

#[test]
fn another_configuration_asks_anew() {
    let mut rig = Rig::new(&json!({}));
    let mut call = rig.hold(Request::new("ana", &pay(7, 40)));
    let old = rig.answer(true);
    rig.now = 5;
    rig.update(&json!({"description": "another"}));
    assert_eq!(rig.tick(&mut call), Got::Held);
    assert_eq!(rig.question(State::Withdrawn).id, old);
    let new = rig.question(State::Pending);
    assert_ne!(new.id, old);
    assert_eq!(
        new.held_until,
        at(45).seconds(),
        "held from its beginning on"
    );
    rig.answer(true);
    assert_eq!((rig.tick(&mut call), rig.paid()), (Got::Forwarded(None), 1));

    // A configuration that refuses the call refuses it now.
    let mut call = rig.hold(Request::new("ana", &pay(7, 41)));
    rig.update(&json!({"hide": ["pay"]}));
    let (_, rule) = told(&rig.tick(&mut call));
    assert_eq!(rule, "/hide");
    // One that does not know the caller any more turns it away; one that no longer asks lets it go.
    rig.update(&json!({}));
    let mut call = rig.hold(Request::new("ana", &pay(7, 42)));
    rig.update(&json!({"grants": []}));
    assert!(matches!(rig.tick(&mut call), Got::Answered(401, _)));
    rig.update(&json!({}));
    let mut call = rig.hold(Request::new("ana", &pay(7, 43)));
    rig.update(&json!({"tools": {"pay": {"approval": {"when":
        [{"path": "args.amount", "op": "gt", "value": 100}]}}}}));
    assert_eq!(rig.tick(&mut call), Got::Forwarded(None));
}

#[test]
fn one_yes_releases_one_of_two_calls_that_are_alike() {
    let mut rig = Rig::new(&json!({}));
    let mut first = rig.hold(Request::new("ana", &pay(7, 40)));
    let mut second = rig.hold(Request::new("ana", &pay(8, 40)));
    assert_eq!(rig.question(State::Pending).waiting, 2);
    rig.answer(true);
    assert_eq!(rig.tick(&mut second), Got::Forwarded(None));
    assert_eq!(rig.tick(&mut first), Got::Held, "it asks for itself");
    assert_eq!(rig.paid(), 1);
    rig.answer(true);
    assert_eq!(
        (rig.tick(&mut first), rig.paid()),
        (Got::Forwarded(None), 2)
    );
}

#[test]
fn one_no_is_told_to_both_that_wait() {
    let mut rig = Rig::new(&json!({}));
    let mut first = rig.hold(Request::new("ana", &pay(7, 40)));
    let mut second = rig.hold(Request::new("ana", &pay(8, 40)));
    rig.answer(false);
    for call in [&mut first, &mut second] {
        let (text, _) = told(&rig.tick(call));
        assert!(text.contains("Rejected by bob"), "{text}");
    }
}

#[test]
fn a_limit_that_fills_up_meanwhile_refuses() {
    let mut rig = Rig::new(&json!({}));
    let mut calls: Vec<_> = (0..6)
        .map(|n| rig.hold(Request::new("ana", &pay(n, n))))
        .collect();
    for question in rig.questions(State::Pending) {
        rig.decide(&question.id, true);
    }
    let got: Vec<Got> = calls.iter_mut().map(|call| rig.tick(call)).collect();
    let forwarded = got.iter().filter(|got| **got == Got::Forwarded(None));
    assert_eq!((forwarded.count(), rig.paid()), (5, 5));
    let (_, rule) = told(&got[5]);
    assert_eq!(rule, "/tools/pay/limits/paid");
    assert_eq!(
        rig.questions(State::Approved).len(),
        1,
        "its approval was not used"
    );
    // Nobody is asked about what would be refused anyway.
    let (_, got) = rig.send(Request::new("ana", &pay(9, 99)));
    assert_eq!(told(&got).1, "/tools/pay/limits/paid");
    assert!(rig.questions(State::Pending).is_empty());
}

fn cancelled(id: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}})
}

#[test]
fn a_cancelled_call_is_dropped() {
    let mut rig = Rig::new(&json!({}));
    let in_session = |request: Request| request.header("mcp-session-id", "s1");
    let mut call = rig.hold(in_session(Request::new("ana", &pay(7, 40))));
    // Not this caller, not this session, not this id.
    let others = [
        in_session(Request::new("bea", &cancelled(&json!(7)))),
        Request::new("ana", &cancelled(&json!(7))),
        Request::new("ana", &cancelled(&json!(7))).header("mcp-session-id", "s2"),
        in_session(Request::new("ana", &cancelled(&json!(8)))),
        in_session(Request::new("ana", &cancelled(&json!("7")))),
    ];
    for other in others {
        assert_eq!(rig.send(other).1, Got::Forwarded(None), "it passes");
        assert_eq!(rig.tick(&mut call), Got::Waits);
    }
    rig.answer(true);
    let (_, got) = rig.send(in_session(Request::new("ana", &cancelled(&json!(7)))));
    assert_eq!(got, Got::Forwarded(None));
    assert_eq!(rig.tick(&mut call), Got::Answered(202, Value::Null));
    assert_eq!((decision(&call).as_str(), rig.paid()), ("expire", 0));
    rig.question(State::Withdrawn);
    // The id comes again: what was cancelled was the other call.
    rig.now = 1;
    let mut call = rig.hold(in_session(Request::new("ana", &pay(7, 40))));
    assert_eq!(rig.tick(&mut call), Got::Waits);
}

#[test]
fn a_call_whose_stream_is_gone_costs_nothing() {
    let mut rig = Rig::new(&json!({}));
    let mut call = rig.hold(Request::new("ana", &pay(7, 40)));
    assert!(rig.with(|cx| call.exchange.abandoned(cx)));
    assert!(!rig.with(|cx| call.exchange.abandoned(cx)));
    assert_eq!(decision(&call), "expire");
    // An old client may have lost it by accident: the repeat finds its answer.
    rig.answer(true);
    assert_eq!(rig.paid(), 0);
    let (_, got) = rig.send(Request::new("ana", &pay(8, 40)));
    assert_eq!((got, rig.paid()), (Got::Forwarded(None), 1));
    // A new one cancels by closing.
    let mut call = rig.hold(Request::modern("ana", pay(7, 41)));
    assert!(rig.with(|cx| call.exchange.abandoned(cx)));
    rig.question(State::Withdrawn);
    assert_eq!(rig.paid(), 1);
}

#[test]
fn stop_refuses_what_is_held_and_what_comes() {
    let mut rig = Rig::new(&json!({}));
    let mut call = rig.hold(Request::new("ana", &pay(7, 40)));
    let mut unanswered = rig.hold(Request::new("bea", &pay(7, 40)));
    let question = rig.questions(State::Pending);
    let anas = question.iter().find(|question| question.principal == "ana");
    rig.decide(&anas.expect("ana's").id, true);
    control::stop(&mut rig.store, at(0), "bob", "Drill.").expect("it works");
    let stopped = "[POLICY DENIED] All calls are stopped by the operator: Drill.".to_owned();
    let expected = (stopped, "/stopped".to_owned());
    assert_eq!(told(&rig.tick(&mut call)), expected);
    assert_eq!(
        told(&rig.tick(&mut unanswered)),
        expected,
        "nobody waits on"
    );
    let (_, got) = rig.send(Request::new("ana", &pay(8, 40)));
    assert_eq!(told(&got), expected);
    assert_eq!(rig.paid(), 0);
    control::resume(&mut rig.store).expect("it works");
    let (_, got) = rig.send(Request::new("ana", &pay(8, 40)));
    assert_eq!(
        (got, rig.paid()),
        (Got::Forwarded(None), 1),
        "the yes still stands"
    );
}

#[test]
fn a_revoked_or_expired_grant_ends_the_wait() {
    let mut rig = Rig::new(&json!({}));
    let mut unanswered = rig.hold(Request::new("ana", &pay(7, 41)));
    control::revoke(&mut rig.store, at(0), "ana", "bob", "").expect("it works");
    let got = rig.tick(&mut unanswered);
    assert!(matches!(got, Got::Answered(401, _)), "{got:?}");
    let mut rig = Rig::new(&json!({}));
    let mut call = rig.hold(Request::new("ana", &pay(7, 40)));
    rig.answer(true);
    control::revoke(&mut rig.store, at(0), "ana", "bob", "").expect("it works");
    let got = rig.tick(&mut call);
    assert!(matches!(got, Got::Answered(401, _)), "{got:?}");
    let record = call.exchange.records().last().expect("a record");
    assert_eq!(record.rule.as_deref(), Some("/identity/revoked"));
    let (_, got) = rig.send(Request::new("ana", &pay(8, 40)));
    assert!(matches!(got, Got::Answered(401, _)), "{got:?}");
    let (_, got) = rig.send(Request::new("bea", &pay(8, 40)));
    assert_eq!(got, Got::Held, "others go on");
    control::reinstate(&mut rig.store, "ana").expect("it works");
    let (_, got) = rig.send(Request::new("ana", &pay(8, 40)));
    assert_eq!(got, Got::Held, "what was approved before is asked anew");

    let mut config = crate::rig::config(&json!({}));
    config["grants"][0]["expires"] = json!("2026-01-15T10:00:20Z");
    let mut rig = Rig::new(&json!({"grants": config["grants"]}));
    let mut call = rig.hold(Request::new("ana", &pay(7, 40)));
    rig.answer(true);
    rig.now = 20;
    let got = rig.tick(&mut call);
    assert!(matches!(got, Got::Answered(401, _)), "{got:?}");
    assert_eq!(rig.paid(), 0);
}

#[test]
fn what_cannot_be_held_is_told_at_once() {
    let unheld = [
        json!({"http": {"hold_request_headers": false}}),
        json!({"approvals": {"max_held": 0}}),
        json!({"tools": {"pay": {"approval": {"hold": "0s"}}}}),
    ];
    for more in unheld {
        let mut rig = Rig::new(&more);
        let (call, got) = rig.send(Request::new("ana", &pay(7, 40)));
        assert!(told(&got).0.contains("It waits for a person"), "{more}");
        assert_eq!(decision(&call), "hold");
        assert_eq!(rig.question(State::Pending).held_until, 0);
        rig.answer(true);
        assert_eq!(
            rig.send(Request::new("ana", &pay(8, 40))).1,
            Got::Forwarded(None)
        );
    }
    let mut rig = Rig::new(&json!({"approvals": {"max_held": 3}}));
    rig.held = 2;
    rig.hold(Request::new("ana", &pay(7, 40)));
    rig.held = 3;
    let (_, got) = rig.send(Request::new("ana", &pay(7, 41)));
    assert!(told(&got).0.contains("It waits for a person"));
}

#[test]
fn a_full_table_is_a_clear_refusal() {
    let mut rig = Rig::new(&json!({"approvals": {"max_pending": 2}}));
    rig.hold(Request::new("ana", &pay(1, 1)));
    rig.hold(Request::new("ana", &pay(2, 2)));
    let (call, got) = rig.send(Request::new("ana", &pay(3, 3)));
    let (text, rule) = told(&got);
    assert_eq!(rule, "/approvals/full");
    assert_eq!(
        text,
        "[POLICY DENIED] Too many calls wait for a person already, so nobody was asked about this one. Try again in 60 seconds."
    );
    let record = call.exchange.records().last().expect("a record");
    assert_eq!(
        (record.decision.word(), record.retry_after),
        ("deny", Some(60))
    );
}

#[test]
fn in_a_batch_nobody_is_asked() {
    let mut rig = Rig::new(&json!({}));
    let batch = json!([pay(1, 1), {"jsonrpc": "2.0", "id": 2, "method": "ping"}]);
    let (_, got) = rig.send(Request::new("ana", &batch));
    let Got::Answered(200, body) = got else {
        panic!()
    };
    let text = "[POLICY DENIED] Payments are checked. A batch cannot wait for a person: make this call by itself.";
    assert_eq!(body[0]["result"]["content"][0]["text"], text);
    assert!(rig.questions(State::Pending).is_empty());
}

#[test]
fn answers_have_the_shape_the_caller_expects() {
    let prompt =
        json!({"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": {"name": "letter"}});
    let mut task = pay(1, 1);
    task["params"]["task"] = json!({"ttl": 1000});
    for body in [prompt, task] {
        let mut rig = Rig::new(&json!({}));
        let mut call = rig.hold(Request::new("ana", &body));
        rig.answer(false);
        let Got::Answered(200, answer) = rig.tick(&mut call) else {
            panic!()
        };
        assert_eq!(answer["error"]["code"], 1403, "{answer}");
        assert_eq!(
            answer["error"]["data"]["toolgate/denial"]["approval"]["state"],
            "rejected"
        );
    }
    // The id comes back as it was written.
    let mut rig = Rig::new(&json!({}));
    let mut request = Request::new("ana", &Value::Null);
    request.body = br#"{"jsonrpc":"2.0","id":"\u0041\n","method":"tools/call","params":{"name":"pay","arguments":{}}}"#.to_vec();
    let mut call = rig.hold(request);
    rig.answer(false);
    let mut kept = call.request.clone();
    let step = rig.with(|cx| call.exchange.held(cx, &mut kept));
    let toolgate_engine::exchange::Step::Reply(reply) = step else {
        panic!()
    };
    let text = String::from_utf8(reply.body).expect("text");
    assert!(
        text.starts_with(r#"{"jsonrpc":"2.0","id":"\u0041\n","result""#),
        "{text}"
    );
}

#[test]
fn approvers_of_the_rule_or_of_the_tool() {
    let cases = [
        (json!({}), vec![]),
        (json!({"approvers": ["leads"]}), vec!["leads"]),
        (
            json!({"approval": {"approvers": ["finance"]}}),
            vec!["finance"],
        ),
        (
            json!({"approvers": ["leads"], "approval": {"approvers": ["finance"]}}),
            vec!["finance"],
        ),
    ];
    for (rules, expected) in cases {
        let mut rig = Rig::new(&json!({"tools": {"pay": rules}}));
        rig.hold(Request::new("ana", &pay(1, 1)));
        let approvers: Vec<String> = rig
            .question(State::Pending)
            .approvers
            .iter()
            .map(|group| group.to_string())
            .collect();
        assert_eq!(approvers, expected);
    }
    // A rule on every tool leaves it to those the tool names.
    let mut rig =
        Rig::new(&json!({"tools": {"free": {"approvers": ["leads"]}, "*": {"approval": {}}}}));
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "free"}});
    rig.hold(Request::new("ana", &body));
    assert_eq!(rig.question(State::Pending).approvers, ["leads".into()]);
}

#[test]
fn what_else_a_call_carries_is_shown_and_bound() {
    let mut rig = Rig::new(&json!({}));
    let laden = |id: u64| {
        let mut body = pay(id, 40);
        body["params"]["_meta"] = json!({"progressToken": id, "vendor/target": "PROD", "a": 1.50});
        body["params"]["task"] = json!({"ttl": 100});
        Request::new("ana", &body)
    };
    let call = rig.hold(laden(7));
    let question = rig.question(State::Pending);
    let besides = r#"{"_meta":{"a":1.5,"vendor/target":"PROD"},"task":{"ttl":100}}"#;
    assert_eq!(question.besides.as_deref(), Some(besides));
    rig.answer(true);
    drop(call);
    assert_eq!(rig.send(Request::new("ana", &pay(8, 40))).1, Got::Held);
    assert_eq!(rig.send(laden(9)).1, Got::Forwarded(None));
}

#[test]
fn of_what_cannot_be_shown_whole_nobody_is_asked() {
    let call = |name: &str, arguments: Value, meta: Value| {
        let params = json!({"name": name, "arguments": arguments, "_meta": meta});
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    };
    let long = |bytes: usize| "é".repeat(bytes / 2);
    let name = format!("gift_{}", long(20_000));
    let too_long = [
        call(
            "pay",
            json!({"pad": long(16_400), "zz_target": "PROD"}),
            json!({}),
        ),
        call("pay", json!({}), json!({"vendor/pad": long(16_400)})),
        call("pay", json!({"a": long(8_200)}), json!({"b": long(8_200)})),
        call(&name, json!({}), json!({})),
    ];
    let more = json!({"tools": {name.clone(): {"approval": {}}}});
    for body in too_long {
        let mut rig = Rig::new(&more);
        let (call, got) = rig.send(Request::new("ana", &body));
        let (text, rule) = told(&got);
        assert_eq!(rule, "/approvals/size");
        assert!(text.contains("16384 can be shown"), "{text}");
        assert_eq!((decision(&call).as_str(), rig.paid()), ("deny", 0));
        assert!(rig.questions(State::Pending).is_empty());
    }
    // As much as there is room for is shown to its last byte.
    let mut rig = Rig::new(&more);
    let arguments = json!({"a": "x".repeat(16_384 - "pay".len() - r#"{"a":""}"#.len())});
    let mut held = rig.hold(Request::new("ana", &call("pay", arguments, json!({}))));
    assert_eq!(rig.question(State::Pending).arguments.len(), 16_381);
    rig.answer(true);
    assert_eq!(rig.tick(&mut held), Got::Forwarded(None));
}

#[test]
fn a_host_that_cannot_tell_any_more_ends_in_a_refusal() {
    struct Gone(bool);
    impl toolgate_engine::exchange::HeldRequest for Gone {
        fn headers(&mut self) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
            self.0.then(|| Request::new("ana", &Value::Null).headers)
        }
        fn body(&mut self) -> Option<Vec<u8>> {
            None
        }
    }
    for headers in [false, true] {
        let mut rig = Rig::new(&json!({}));
        let mut call = rig.hold(Request::new("ana", &pay(7, 40)));
        rig.answer(true);
        let step = rig.with(|cx| call.exchange.held(cx, &mut Gone(headers)));
        let got = crate::rig::got(step);
        assert!(
            matches!(got, Got::Answered(status, _) if status >= 400),
            "{got:?}"
        );
        assert_eq!(rig.paid(), 0);
    }
    // Nothing was held at all.
    let mut rig = Rig::new(&json!({}));
    let (mut call, _) = rig.send(Request::new(
        "ana",
        &json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}),
    ));
    let got = rig.tick(&mut call);
    assert!(
        matches!(got, Got::Answered(status, _) if status >= 400),
        "{got:?}"
    );
}
