//! The wasmtime host held against what Envoy does.
//!
//! Each case is a guest (callback bodies in wat), the events of one stream, and what must come out: the callbacks with
//! their arguments, the bytes on either side, the outcome. The expectations come from measurements on Envoy 1.40 and
//! from its source, not from the host. What holding requests depends on is measured by the tests themselves:
//! `holding.rs` runs its cases on the model and in a real Envoy.

#[path = "host_model/cases.rs"]
mod cases;
#[path = "host_model/guest.rs"]
mod guest;
#[path = "host_model/holding.rs"]
mod holding;
#[path = "host_model/reentry.rs"]
mod reentry;
#[path = "host_model/script.rs"]
mod script;

use std::sync::Arc;
use std::time::Duration;

use cases::CASES;
use guest::{guest, start};
use script::{play, transcript};
use toolgate_host::{
    Answer, Headers, Level, Message, Module, Outcome, SharedData, Status, Upstream, Vm, VmOptions,
    When,
};

#[test]
fn streams_behave_as_in_envoy() {
    let mut wrong = Vec::new();
    for case in CASES {
        let options = VmOptions {
            allow_on_headers_stop_iteration: case.allow,
            buffer_limit: 16,
            fuel_per_call: 1_000_000,
            ..VmOptions::default()
        };
        let vm = start(case.guest, options);
        let stream = vm.stream();
        for step in case.steps {
            play(&vm, &stream, step);
        }
        let got = transcript(&vm, stream);
        if got != case.expect {
            wrong.push(format!(
                "{}\n  expected {:#?}\n  got {got:#?}",
                case.name, case.expect
            ));
        }
        if !vm.panicked() {
            assert_eq!(vm.open_streams(), 0, "{}: a context leaked", case.name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

const DEAD: &[(&str, &str)] = &[("request_headers", "unreachable")];

#[test]
fn a_dead_vm_answers_503_without_calling_the_module() {
    let vm = start(DEAD, VmOptions::default());
    let first = vm.exchange(&Message::get("/"), Upstream::Silent);
    assert!(first.panicked && first.trap.is_some());
    let second = vm.exchange(&Message::get("/"), Upstream::Silent);
    assert_eq!(second.downstream.status, 503);
    assert_eq!(second.downstream.details, "wasm_fail_stream");
    assert!(second.upstream.is_none() && second.logs.is_empty());
}

#[test]
fn shared_data_is_one_store_with_envoys_cas() {
    let store = SharedData::new();
    assert!(
        store.set("a", b"k", b"1", u32::MAX),
        "an impossible cas creates"
    );
    assert!(
        !store.set("a", b"k", b"2", u32::MAX),
        "and does not overwrite"
    );
    let (value, cas) = store.get("a", b"k").expect("the key is there");
    assert_eq!(value, b"1");
    assert!(
        store.clone().set("a", b"k", b"2", cas),
        "the right cas writes"
    );
    assert!(!store.set("a", b"k", b"3", cas), "once");
    assert!(store.set("a", b"k", b"4", 0), "no cas writes always");
    assert_eq!(store.get("b", b"k"), None, "vm_ids do not mix");
    assert_eq!(store.keys("a"), [b"k".to_vec()]);
}

const SHARE: &[(&str, &str)] = &[(
    "request_headers",
    "(call $say (i32.const 304) (i32.const 5)
       (call $set_shared (i32.const 304) (i32.const 5) (i32.const 256) (i32.const 5) (i32.const -1)) (i32.const 0))
     (i32.const 0)",
)];

#[test]
fn workers_share_data_and_faults_reach_every_call() {
    let shared = SharedData::new();
    let options = || VmOptions {
        shared: shared.clone(),
        ..VmOptions::default()
    };
    let (one, two) = (start(SHARE, options()), start(SHARE, options()));
    let said = |vm: &Vm| {
        let done = vm.exchange(&Message::get("/"), Upstream::Silent);
        done.logs
            .iter()
            .find_map(|l| l.message.strip_prefix("state ").map(str::to_owned))
    };
    assert_eq!(said(&one).as_deref(), Some("0 0"));
    assert_eq!(
        said(&two).as_deref(),
        Some("8 0"),
        "the other worker was first"
    );
    two.faults().fail(
        "proxy_set_shared_data",
        When::From(2),
        Status::InternalFailure,
    );
    assert_eq!(said(&two).as_deref(), Some("10 0"));
    assert_eq!(two.faults().calls("proxy_set_shared_data"), 2);
    two.faults().trap("proxy_set_shared_data", When::Nth(3));
    two.faults().clear();
    two.faults().trap("proxy_log", When::Always);
    assert_eq!(said(&two), None);
    assert!(two.panicked());
}

/// Accepts a configuration of 6 bytes, rejects 3, traps on others.
const PICKY: &[(&str, &str)] = &[(
    "configure",
    "(if (i32.gt_u (local.get $a) (i32.const 6)) (then unreachable)) (i32.ge_u (local.get $a) (i32.const 6))",
)];

#[test]
fn a_bad_update_leaves_the_last_good_configuration() {
    let wasm = wat::parse_str(guest(PICKY)).expect("valid wat");
    let module = Module::from_bytes(&wasm).expect("loads");
    let fresh = Vm::start(&module, VmOptions::default()).expect("starts");
    assert!(!fresh.configure(b"bad").expect("runs"));
    assert!(Vm::configured(&module, VmOptions::default(), b"traps on it").is_err());

    let vm = start(PICKY, VmOptions::default());
    let held = vm.stream();
    held.request_headers(Message::request("POST", "/").headers, false);
    for (text, accepted) in [("bad", false), ("traps on it", false), ("second", true)] {
        assert_eq!(
            vm.configure(text.as_bytes()).expect("runs"),
            accepted,
            "{text}"
        );
        assert!(!vm.panicked(), "{text}: the live VM must survive");
    }
    held.request_data("x", true);
    held.answer(Message::response(200, "text/plain", "ok"));
    assert_eq!(
        held.done().outcome,
        Outcome::Answered,
        "streams of the old configuration finish"
    );
}

/// Calls out from the request headers; the answer resumes.
const CALLS: &[(&str, &str)] = &[
    (
        "request_headers",
        "(call $say (i32.const 304) (i32.const 5)
           (call $http_call (i32.const 320) (i32.const 7) (i32.const 544) (i32.const 61) (i32.const 256) (i32.const 5)
                            (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 200)) (i32.load (i32.const 200)))
         (i32.const 1)",
    ),
    (
        "http_call_response",
        "(drop (call $effective (i32.const 2))) (drop (call $continue (i32.const 0)))",
    ),
];

#[test]
fn callouts_are_recorded_and_answered() {
    let with = |responder| VmOptions {
        clusters: ["cluster".to_owned()].into(),
        responder,
        ..VmOptions::default()
    };
    let vm = start(CALLS, with(None));
    let stream = vm.stream();
    stream.request_headers(Message::request("GET", "/").headers, true);
    assert_eq!(stream.outcome(), Outcome::Hung);
    let [callout] = <[_; 1]>::try_from(vm.callouts()).expect("one callout");
    assert_eq!(
        (callout.cluster.as_str(), callout.timeout_millis),
        ("cluster", 1000)
    );
    let answer = Answer::Http {
        headers: Headers::from([(":status", "200")]),
        body: vec![],
        trailers: Headers::new(),
    };
    assert!(vm.answer(callout.token, answer.clone()));
    assert!(!vm.answer(callout.token, Answer::Failed), "once");
    assert_eq!(stream.outcome(), Outcome::Waiting);

    let vm = start(CALLS, with(Some(Arc::new(move |_| Some(answer.clone())))));
    let done = vm.exchange(
        &Message::get("/"),
        Message::response(200, "text/plain", "ok"),
    );
    assert!(done.forwarded());

    let vm = start(CALLS, VmOptions::default());
    let done = vm.exchange(&Message::get("/"), Upstream::Silent);
    assert_eq!(done.outcome, Outcome::Hung);
    assert!(
        done.logs.iter().any(|l| l.message == "state 2 0"),
        "an unknown cluster is BadArgument"
    );
}

/// Sets filter state in `on_log`, counts requests, reads a property.
const OBSERVED: &[(&str, &str)] = &[
    (
        "configure",
        "(drop (call $define (i32.const 0) (i32.const 304) (i32.const 5) (i32.const 128))) (i32.const 1)",
    ),
    (
        "request_headers",
        "(drop (call $increment (i32.load (i32.const 128)) (i64.const 1)))
         (drop (call $get_property (i32.const 336) (i32.const 12) (i32.const 200) (i32.const 204)))
         (drop (call $log (i32.const 3) (i32.load (i32.const 200)) (i32.load (i32.const 204))))
         (drop (call $now (i32.const 200)))
         (drop (call $log (i32.const 1) (i32.const 200) (i32.const 8)))
         (i32.const 0)",
    ),
    (
        "log",
        "(drop (call $set_property (i32.const 304) (i32.const 5) (i32.const 256) (i32.const 5)))",
    ),
];

#[test]
fn filter_state_metrics_properties_and_time_are_visible() {
    let vm = start(OBSERVED, VmOptions::default());
    let reply = Message::response(200, "text/plain", "ok");
    for (n, path) in [(1, "/a?b"), (2, "/c")] {
        let done = vm.exchange(&Message::get(path), reply.clone());
        assert_eq!(done.state_text("state").as_deref(), Some("hello"));
        assert_eq!(done.metrics.counter("state"), Some(n));
        let warned: Vec<_> = done
            .logs
            .iter()
            .filter(|l| l.level == Level::Warn)
            .collect();
        assert_eq!(warned.first().map(|l| l.message.as_str()), Some(path));
        done.check().expect("lengths match");
    }
    let own = Message::get("/").property(&["request", "path"], "/other");
    let done = vm.exchange(&own, reply);
    assert!(done.logs.iter().any(|l| l.message == "/other"));
    vm.clock().advance(Duration::from_secs(60));
    assert_eq!(
        vm.clock().nanos(),
        toolgate_host::START_NANOS + 60_000_000_000
    );
    assert!(vm.fuel_used() > 0 && vm.memory_bytes() >= 4 * 65536);
}

#[test]
fn a_wrong_content_length_is_found() {
    let vm = start(&[], VmOptions::default());
    let short = Message::response(200, "text/plain", "ok").with("content-length", "1");
    let done = vm.exchange(&Message::get("/"), short);
    let error = done.check().expect_err("two bytes under a length of one");
    assert_eq!(
        error,
        "downstream: content-length is `1` but the body has 2 bytes"
    );
}

#[test]
fn a_module_that_is_not_for_envoy_does_not_load() {
    for text in [
        "(module)",
        r#"(module (import "env" "proxy_unheard_of" (func)) (func (export "proxy_abi_version_0_2_1")))"#,
    ] {
        let wasm = wat::parse_str(text).expect("valid wat");
        assert!(Module::from_bytes(&wasm).is_err(), "{text}");
    }
}
