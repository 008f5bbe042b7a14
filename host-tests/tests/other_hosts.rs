//! Hosts that lack something the filter relies on: what is missing is in the log, what cannot be kept is refused, and what is
//! taken decides as everywhere.

use toolgate_host::wasm;
use toolgate_host::{
    Faults, Flaw, Message, Module, SharedData, Status, Upstream, Vm, VmOptions, When,
};

const PLAIN: &str = r#"{"version": "1", "default": "deny", "tools": {"echo": {}}}"#;
const TELLS: &str = r#"{"version": "1", "default": "deny", "tools": {"echo": {}},
    "approvals": {"notify": {"cluster": "hook", "path": "/", "hmac_secret": "0123456789abcdef"}}}"#;
const UNLOGGED: &str =
    r#"{"version": "1", "default": "deny", "tools": {"echo": {}}, "audit": {"log": false}}"#;
const ROUTES: &str = r#"{"version": "1", "default": "deny", "tools": {"echo": {}}, "servers": {"a": {"route": "b"}}}"#;
const CONSOLE: &str = r#"{"version": "1", "console": {"token_sha256": "0000000000000000000000000000000000000000000000000000000000000001"}}"#;

/// A configuration, and whether it is taken.
type Taken = (&'static str, bool);

/// A function that a host does not have, whether the plain configuration is taken there, and others.
const FUNCTIONS: [(&str, bool, &[Taken]); 14] = [
    (
        "proxy_get_current_time_nanoseconds",
        false,
        &[(CONSOLE, false)],
    ),
    ("proxy_get_shared_data", false, &[(CONSOLE, false)]),
    ("proxy_set_shared_data", false, &[(CONSOLE, false)]),
    ("proxy_get_buffer_bytes", false, &[(CONSOLE, false)]),
    ("proxy_get_header_map_pairs", false, &[(CONSOLE, false)]),
    ("proxy_replace_header_map_value", false, &[]),
    ("proxy_remove_header_map_value", false, &[]),
    ("proxy_set_buffer_bytes", false, &[]),
    ("proxy_continue_stream", false, &[]),
    (
        "proxy_get_property",
        true,
        &[(ROUTES, false), (CONSOLE, true)],
    ),
    ("proxy_set_property", true, &[(UNLOGGED, false)]),
    ("proxy_http_call", true, &[(TELLS, false)]),
    ("proxy_close_stream", true, &[]),
    ("proxy_define_metric", true, &[]),
];

/// Without these no call is held: one line names both.
const TICKS: [&str; 2] = [
    "proxy_set_tick_period_milliseconds",
    "proxy_set_effective_context",
];

fn module() -> Module {
    Module::from_file(wasm::artifact().expect("the filter builds")).expect("a module")
}

/// A host without this function that was given this configuration, and whether it was taken.
fn without(module: &Module, function: &str, configuration: &str) -> (Vm, bool) {
    let faults = Faults::none();
    faults.fail(function, When::Always, Status::Unimplemented);
    let options = VmOptions {
        faults,
        ..VmOptions::default()
    };
    let vm = Vm::start(module, options).expect("a VM");
    let taken = vm.configure(configuration.as_bytes()).expect("a decision");
    (vm, taken)
}

fn log(vm: &Vm) -> String {
    let lines: Vec<String> = vm.logs().into_iter().map(|line| line.message).collect();
    lines.join("\n")
}

fn call(vm: &Vm, tool: &str) -> (bool, String) {
    let body =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#);
    let ran = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
    let reply = Upstream::Reply(Message::response(200, "application/json", ran));
    let exchange = vm.exchange(&Message::post("/mcp", body), reply);
    (exchange.forwarded(), exchange.downstream.text())
}

fn decides(vm: &Vm, function: &str) {
    let (forwarded, text) = call(vm, "echo");
    assert!(forwarded && text.contains("content"), "{function}: {text}");
    let (forwarded, text) = call(vm, "other");
    assert!(
        !forwarded && text.contains("[POLICY DENIED]"),
        "{function}: {text}"
    );
    assert!(!vm.panicked(), "{function}: {:?}", vm.trap());
}

#[test]
fn what_a_host_lacks_is_named_and_what_cannot_be_kept_is_refused() {
    let module = module();
    for (function, spared, others) in FUNCTIONS {
        for (configuration, expected) in
            std::iter::once((PLAIN, spared)).chain(others.iter().copied())
        {
            let (vm, taken) = without(&module, function, configuration);
            let log = log(&vm);
            assert_eq!(taken, expected, "{function}, {configuration}: {log}");
            if !expected {
                assert!(
                    log.contains("refused")
                        || log.contains("cannot read")
                        || log.contains("no clock"),
                    "{function}: {log}"
                );
            }
            if configuration == PLAIN && taken {
                assert!(
                    log.contains(&format!("no `{function}`")),
                    "{function}: {log}"
                );
                decides(&vm, function);
            }
        }
    }
    for function in TICKS {
        let (vm, taken) = without(&module, function, PLAIN);
        assert!(
            taken && log(&vm).contains(function),
            "{function}: {}",
            log(&vm)
        );
        decides(&vm, function);
    }
}

#[test]
fn a_host_with_everything_says_nothing() {
    let module = module();
    for configuration in [PLAIN, TELLS, UNLOGGED, ROUTES] {
        let vm =
            Vm::configured(&module, VmOptions::default(), configuration.as_bytes()).expect("taken");
        assert!(!log(&vm).contains("this host"), "{}", log(&vm));
    }
}

#[test]
fn shared_data_without_versions_is_refused() {
    let module = module();
    for (flaw, says) in [
        (Flaw::Forgets, "forgets"),
        (Flaw::CreatesAgain, "creates what is there already"),
        (Flaw::OneVersion, "takes a version that is no longer there"),
    ] {
        let options = VmOptions {
            shared: SharedData::flawed(flaw),
            ..VmOptions::default()
        };
        let vm = Vm::start(&module, options).expect("a VM");
        let taken = vm.configure(PLAIN.as_bytes()).expect("a decision");
        let log = log(&vm);
        assert!(!taken && log.contains(says), "{flaw:?}: {log}");
    }
}
