//! Clients of 2026-07-28 that wait by retrying with a signed state.

use serde_json::{Value, json};
use toolgate_engine::approvals::State;
use toolgate_engine::exchange::{Exchange, Step};

use crate::rig::{Call, Got, Request, Rig, pay, told};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn rig() -> Rig {
    Rig::new(&json!({"approvals": {"mode": "mrtr", "key": KEY}}))
}

/// Waits the hold out; the state that came.
fn wait_out(rig: &mut Rig, call: &mut Call) -> String {
    rig.now += 45;
    let Got::Answered(200, body) = rig.tick(call) else {
        panic!("no answer");
    };
    assert_eq!(body["result"]["resultType"], "input_required", "{body}");
    assert_eq!(body["id"], 7);
    body["result"]["requestState"]
        .as_str()
        .expect("a state")
        .to_owned()
}

fn retry(amount: u64, state: &str) -> Request {
    let mut body = pay(8, amount);
    body["params"]["requestState"] = json!(state);
    // So do clients that were asked for nothing.
    body["params"]["inputResponses"] = json!({});
    Request::modern("ana", body)
}

#[test]
fn a_client_waits_by_its_state() {
    let mut rig = rig();
    let mut call = rig.hold(Request::modern("ana", pay(7, 40)));
    let state = wait_out(&mut rig, &mut call);
    let mut call = rig.hold(retry(40, &state));
    assert_eq!(rig.question(State::Pending).waiting, 1);
    rig.answer(true);
    let Got::Forwarded(Some(body)) = rig.tick(&mut call) else {
        panic!("it is not forwarded");
    };
    let mut expected: Value = serde_json::from_slice(&call.request.body).expect("JSON");
    expected["params"]
        .as_object_mut()
        .expect("an object")
        .remove("requestState");
    assert_eq!(
        body, expected,
        "without the gate's state and otherwise as it came"
    );
    assert_eq!(rig.paid(), 1);
    let (_, got) = rig.send(retry(40, &state));
    assert_eq!(got, Got::Held, "the state is no approval");
}

#[test]
fn every_other_byte_stays_as_it_is() {
    let mut rig = rig();
    let mut call = rig.hold(Request::modern("ana", pay(7, 40)));
    let state = wait_out(&mut rig, &mut call);
    rig.answer(true);
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
    let member = format!(r#""requestState":"{state}""#);
    let escaped = member.replace("requestState", r"\u0072equestState");
    // Before and after the other members: as it comes, and what is left of it.
    let forms = [
        ([format!(" {member} , "), String::new()], ["  ", ""]),
        ([format!("{escaped},"), String::new()], ["", ""]),
        ([String::new(), format!(" , {member}")], ["", " "]),
        ([String::new(), format!(",{member} ")], ["", " "]),
    ];
    for ([before, after], [left_before, left_after]) in forms {
        let mut rig = crate::mrtr::rig();
        rig.hold(Request::modern("ana", pay(7, 40)));
        rig.answer(true);
        let text = |before: &str, after: &str| {
            format!(
                r#"{{"jsonrpc":"2.0", "id":8,"method":"tools/call","params":{{{before}"name":"pay","arguments":{{"amount":4.0E1}},{meta}{after}}} }}"#
            )
        };
        let mut request = Request::modern("ana", pay(8, 40));
        request.body = text(&before, &after).into_bytes();
        let mut exchange = Exchange::new("x".to_owned());
        let step = rig.with(|cx| {
            exchange.request_headers(cx, &request.headers, false);
            exchange.request_end(cx, &request.body)
        });
        let Step::Forward(_, _, Some(body)) = step else {
            panic!("{step:?}");
        };
        let body = String::from_utf8(body).expect("text");
        assert_eq!(body, text(left_before, left_after));
    }
}

#[test]
fn the_upstreams_own_state_is_wrapped_and_given_back() {
    let mut rig = rig();
    let upstream = "toolgate.x \"their\" state \u{1F600}";
    let body = {
        let mut body = pay(7, 40);
        body["params"]["requestState"] = json!(upstream);
        body
    };
    let mut call = rig.hold(Request::modern("ana", body));
    let state = wait_out(&mut rig, &mut call);
    assert_ne!(state, upstream);
    let mut call = rig.hold(retry(40, &state));
    let state = {
        rig.now += 45;
        let Got::Answered(_, body) = rig.tick(&mut call) else {
            panic!()
        };
        body["result"]["requestState"]
            .as_str()
            .expect("a state")
            .to_owned()
    };
    rig.answer(true);
    let (_, got) = rig.send(retry(40, &state));
    let Got::Forwarded(Some(body)) = got else {
        panic!("{got:?}")
    };
    assert_eq!(body["params"]["requestState"], upstream);
    // One that is none of the gate's is none of its business.
    let mut rig = crate::mrtr::rig();
    let mut theirs = pay(7, 40);
    theirs["params"]["requestState"] = json!(upstream);
    rig.hold(Request::modern("ana", theirs));
    rig.answer(true);
    assert_eq!(rig.send(retry(40, upstream)).1, Got::Forwarded(None));
}

#[test]
fn a_call_that_answers_the_server_is_not_sent_round_by_a_state() {
    let mut rig = rig();
    let mut body = pay(7, 40);
    body["params"]["inputResponses"] = json!({"a": {"action": "accept"}});
    let mut call = rig.hold(Request::modern("ana", body));
    // A client that retries with a state answers what came with that state: nothing.
    rig.now += 45;
    let (text, rule) = told(&rig.tick(&mut call));
    assert!(text.contains("repeat the same call"), "{text}");
    assert_eq!(rule, "/tools/pay/approval");
    // Nor is the state of another call one for answers.
    let mut call = rig.hold(Request::modern("ana", pay(7, 40)));
    let state = wait_out(&mut rig, &mut call);
    let mut other = retry(40, &state);
    let mut body: Value = serde_json::from_slice(&other.body).expect("JSON");
    body["params"]["inputResponses"] = json!({"a": {"action": "accept"}});
    other.body = body.to_string().into_bytes();
    assert_eq!(told(&rig.send(other).1).1, "/approvals/state");
}

#[test]
fn a_state_is_good_for_one_call_of_one_caller_in_its_time() {
    let mut rig = rig();
    let mut call = rig.hold(Request::modern("ana", pay(7, 40)));
    let state = wait_out(&mut rig, &mut call);
    rig.answer(true);
    let as_bea = {
        let mut request = retry(40, &state);
        for (name, value) in &mut request.headers {
            if name == b"authorization" {
                *value = b"Bearer bea".to_vec();
            }
        }
        request
    };
    let last = state.len() - 1;
    let mut forged = state.clone();
    forged.replace_range(last.., if state.ends_with('0') { "1" } else { "0" });
    let mut bad = vec![
        retry(41, &state),
        as_bea,
        retry(40, &forged),
        retry(40, &state.replace(".0", ".1x")),
        retry(40, "toolgate.1."),
        retry(40, "toolgate.1.0-0000000000000000.99999999999.00.0"),
    ];
    let refused = |rig: &mut Rig, request: Request| {
        let shown = String::from_utf8_lossy(&request.body).into_owned();
        let (call, got) = rig.send(request);
        assert_eq!(told(&got).1, "/approvals/state", "{shown}");
        assert_eq!(call.exchange.records()[0].decision.word(), "deny");
    };
    for request in bad.drain(..) {
        refused(&mut rig, request);
    }
    assert_eq!(rig.paid(), 0);
    rig.now = 600;
    refused(&mut rig, retry(40, &state));
    // Another key: nobody else's state is good here.
    let mut other = Rig::new(&json!({"approvals": {"mode": "mrtr", "key": KEY.replace('0', "x")}}));
    refused(&mut other, retry(40, &state));
    // Another configuration under the same key: the state is good, and asks anew.
    let mut rig = crate::mrtr::rig();
    let mut call = rig.hold(Request::modern("ana", pay(7, 40)));
    let state = wait_out(&mut rig, &mut call);
    rig.answer(true);
    rig.update(&json!({"description": "x", "approvals": {"mode": "mrtr", "key": KEY}}));
    assert_eq!(rig.send(retry(40, &state)).1, Got::Held);
}

#[test]
fn older_clients_are_told_in_words() {
    let mut rig = rig();
    let mut call = rig.hold(Request::new("ana", &pay(7, 40)));
    rig.now = 45;
    let got = rig.tick(&mut call);
    assert!(told(&got).0.contains("It waits for a person"));
    // And whoever cannot be held, or it would retry without a pause.
    rig.held = 1000;
    let (_, got) = rig.send(Request::modern("ana", pay(7, 41)));
    assert!(told(&got).0.contains("It waits for a person"));
}
