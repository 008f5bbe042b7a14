//! The hostile corpus on a real Envoy, and the promise that it serves: what is refused leaves no byte upstream.
//!
//! The cases are data, under `corpus/`. `cargo run -p toolgate-rig --bin wire -- --help` replays them with a table.

use toolgate_rig::envoy::DEFAULT_VERSION;
use toolgate_rig::wire::run::{self, Downstream, Plan};
use toolgate_rig::wire::{
    DEFAULT_POLICY, Lane, Outcome, RequestCase, Rig, Verdict, corpus, judge, send_http1,
    send_http2, tool_denial,
};
use toolgate_rig::wire::{Observed, Report};

fn requests(downstream: Downstream) -> Report {
    let wasm = toolgate_host::wasm::artifact().unwrap();
    let plan = Plan {
        envoy: DEFAULT_VERSION,
        wasm: Some(&wasm),
        downstream,
        progress: &|_, _| (),
    };
    run::requests(&plan, &corpus::requests().unwrap()).unwrap()
}

fn replies(downstream: Downstream) -> Report {
    let wasm = toolgate_host::wasm::artifact().unwrap();
    let plan = Plan {
        envoy: DEFAULT_VERSION,
        wasm: Some(&wasm),
        downstream,
        progress: &|_, _| (),
    };
    run::replies(&plan, &corpus::replies().unwrap()).unwrap()
}

#[test]
fn hostile_requests_of_http1_clients_do_not_pass() {
    let report = requests(Downstream::Http1);
    assert!(report.is_clean(), "\n{report}");
    assert!(
        report.sent() > 700,
        "only {} cases were sent",
        report.sent()
    );
}

#[test]
fn hostile_requests_of_http2_clients_do_not_pass() {
    let report = requests(Downstream::Http2);
    assert!(report.is_clean(), "\n{report}");
    assert!(
        report.sent() > 600,
        "only {} cases were sent",
        report.sent()
    );
}

#[test]
fn hidden_tools_do_not_come_back_to_http1_clients() {
    let report = replies(Downstream::Http1);
    assert!(report.is_clean(), "\n{report}");
}

#[test]
fn hidden_tools_do_not_come_back_to_http2_clients() {
    let report = replies(Downstream::Http2);
    assert!(report.is_clean(), "\n{report}");
}

/// Promises 1 and 2: judged is executed, and a refused call leaves zero bytes at the upstream, headers included.
#[test]
fn a_denied_call_leaves_no_byte_upstream_and_an_allowed_one_arrives_as_it_was_sent() {
    let wasm = toolgate_host::wasm::artifact().unwrap();
    let rig = Rig::start(DEFAULT_VERSION, Some(&wasm), DEFAULT_POLICY).unwrap();
    rig.probe(Lane::Plain).unwrap();
    type Send = fn(u16, &RequestCase) -> anyhow::Result<Outcome>;
    for send in [send_http1 as Send, send_http2 as Send] {
        let denied = call("wipe_disk");
        let start = rig.mark(Lane::Plain);
        let outcome = send(rig.port(Lane::Plain), &denied).unwrap();
        assert_eq!(rig.probe(Lane::Plain).unwrap(), None);
        let seen = rig.upstream.seen(start, None);
        assert_eq!((seen.connections, seen.bytes), (0, 0), "{seen:?}");
        let Outcome::Answered(answers) = outcome else {
            panic!("{outcome:?}")
        };
        tool_denial(&denied.body(), &answers[0]).unwrap();

        let allowed = call("echo");
        let start = rig.mark(Lane::Plain);
        let outcome = send(rig.port(Lane::Plain), &allowed).unwrap();
        assert_eq!(rig.probe(Lane::Plain).unwrap(), None);
        let upstream = rig.upstream.seen(start, None);
        assert_eq!(upstream.requests.len(), 1);
        assert_eq!(upstream.requests[0].body, allowed.body());
        let observed = Observed {
            outcome,
            upstream,
            trouble: None,
        };
        assert_eq!(judge(&allowed, &observed), Verdict::Right);
    }
    assert_eq!(rig.reloads().unwrap(), 0);
}

/// The runner must be able to fail: without the gate the same cases get through, and the judge says so.
#[test]
fn without_the_gate_the_judge_finds_the_bypasses() {
    let plan = Plan {
        envoy: DEFAULT_VERSION,
        wasm: None,
        downstream: Downstream::Http1,
        progress: &|_, _| (),
    };
    let cases: Vec<_> = corpus::requests()
        .unwrap()
        .into_iter()
        .filter(|case| case.class.starts_with("control-"))
        .collect();
    let report = run::requests(&plan, &cases).unwrap();
    for row in &report.rows {
        let denied = row.class == "control-deny";
        assert_eq!(
            matches!(row.verdict, Verdict::Bypass(_)),
            denied,
            "{}: {:?}",
            row.id,
            row.verdict
        );
        assert_eq!(row.leaked > 0, denied, "{}", row.id);
    }
}

fn call(tool: &str) -> RequestCase {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":"call-7","method":"tools/call","params":{{"name":"{tool}"}}}}"#
    );
    serde_json::from_value(serde_json::json!({"id": tool, "class": "promise", "body": body, "expect": "deny", "also_ok": ["allow-same-as-canonical"]})).unwrap()
}
