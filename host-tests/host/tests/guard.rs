//! The example's filter, tested as an author would test theirs.

use toolgate_host::{Message, Module, Outcome, Status, Vm, VmOptions, When};

fn start(options: VmOptions) -> Vm {
    let wasm = wat::parse_str(include_str!("../examples/guard.wat")).expect("the wat is valid");
    let module = Module::from_bytes(&wasm).expect("the filter loads");
    Vm::configured(&module, options, b"").expect("the filter accepts its configuration")
}

#[test]
fn nobody_passes_without_a_key_and_no_key_leaves() {
    let vm = start(VmOptions::default());
    let answer = || Message::response(200, "text/plain", "hello");

    let refused = vm.exchange(&Message::get("/"), answer());
    assert_eq!(refused.downstream.headers.status(), 403);
    assert_eq!(refused.downstream.text(), "a key, please");
    assert!(refused.upstream.is_none(), "not one byte leaves");

    let passed = vm.exchange(&Message::get("/").with("x-key", "secret"), answer());
    assert_eq!(passed.outcome, Outcome::Answered);
    assert_eq!(passed.downstream.text(), "hello");
    let sent = passed.upstream.expect("it reaches the upstream");
    assert_eq!(sent.headers.get("x-key"), None);
    assert_eq!(vm.open_streams(), 0);
}

/// What every filter that guards something should be asked: does a host call that fails let anybody in?
#[test]
fn a_failing_host_call_lets_nobody_in() {
    let vm = start(VmOptions::default());
    vm.faults().fail(
        "proxy_get_header_map_value",
        When::Always,
        Status::InternalFailure,
    );
    let request = Message::get("/").with("x-key", "secret");
    let exchange = vm.exchange(&request, Message::response(200, "text/plain", "hello"));
    assert!(!exchange.forwarded());
    assert_eq!(exchange.downstream.headers.status(), 403);
}
