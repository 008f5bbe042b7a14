//! Held calls on the wasmtime host: what waits costs what it says, and what is over costs nothing.

use std::time::Duration;

use toolgate_host::{Message, Module, Vm, VmOptions};

const POLICY: &str = r#"{"version": "1", "default": "deny", "tools": {"read": {}, "pay": {
    "approval": {"timeout": "30m", "hold": "45s"}}}, "approvals": {"max_pending": 64, "max_held": 512}}"#;

fn vm(options: VmOptions) -> Vm {
    let module = Module::from_file(toolgate_host::wasm::artifact().unwrap()).unwrap();
    Vm::configured(&module, options, POLICY.as_bytes()).unwrap()
}

fn call(n: usize, tool: &str) -> Message {
    // A kilobyte of arguments, and few enough of them to have a place in the table.
    let padding = "x".repeat(1000);
    let n = n % 8;
    Message::post(
        "/mcp",
        format!(
            r#"{{"jsonrpc":"2.0","id":{n},"method":"tools/call","params":{{"name":"{tool}","arguments":{{"n":{n},"p":"{padding}"}}}}}}"#
        ),
    )
}

fn tick(vm: &Vm) {
    vm.clock().advance(Duration::from_millis(100));
    vm.tick();
}

#[test]
fn ten_thousand_calls_that_were_held_and_given_up_leave_nothing_behind() {
    let vm = vm(VmOptions::default());
    let round = |rounds: usize| {
        for n in 0..rounds {
            let streams: Vec<_> = (0..100)
                .map(|m| {
                    let stream = vm.stream();
                    stream.send(&call(n * 100 + m, "pay"));
                    stream
                })
                .collect();
            tick(&vm);
            assert!(streams.iter().all(|stream| stream.upstream().is_none()));
            assert_eq!(vm.open_streams(), 100);
            drop(streams);
            vm.take_logs();
        }
    };
    round(10);
    let before = vm.memory_bytes();
    round(100);
    let after = vm.memory_bytes();
    println!("linear memory: {before} bytes after 1,000 calls, {after} after 11,000");
    assert_eq!(before, after);
    assert_eq!(vm.open_streams(), 0);
    let shared = vm.shared().bytes("toolgate");
    println!("shared data: {shared} bytes");
    assert!(shared < 1 << 20);
}

#[test]
fn ticks_come_faster_while_something_waits() {
    let vm = vm(VmOptions::default());
    assert_eq!(vm.tick_period(), 1000);
    let held = vm.stream();
    held.send(&call(1, "pay"));
    assert_eq!(vm.tick_period(), 100);
    tick(&vm);
    assert_eq!(vm.tick_period(), 100);
    drop(held);
    tick(&vm);
    assert_eq!(vm.tick_period(), 1000);
}

#[test]
fn a_host_without_ticks_holds_nothing() {
    let options = VmOptions::default();
    let status = toolgate_host::Status::Unimplemented;
    let call_name = "proxy_set_tick_period_milliseconds";
    options
        .faults
        .fail(call_name, toolgate_host::When::Always, status);
    let vm = vm(options);
    let stream = vm.stream();
    stream.send(&call(1, "pay"));
    let exchange = stream.done();
    assert!(!exchange.forwarded());
    let text = exchange.downstream.text();
    assert!(
        text.contains(r#""state":"pending""#) && text.contains("isError"),
        "{text}"
    );
}

#[test]
fn a_tick_looks_after_no_more_than_it_has_to() {
    let vm = vm(VmOptions::default());
    let cost = |vm: &Vm| {
        let before = vm.fuel_used();
        for _ in 0..10 {
            tick(vm);
        }
        (vm.fuel_used() - before) / 10
    };
    let hold = |count: usize| -> Vec<_> {
        let held = (0..count).map(|n| {
            let stream = vm.stream();
            stream.send(&call(n, "pay"));
            stream
        });
        held.collect()
    };
    let idle = cost(&vm);
    let some = hold(32);
    let few = cost(&vm);
    let more = hold(288);
    let many = cost(&vm);
    println!("instructions of a tick: {idle} idle, {few} with 32 held calls, {many} with 320");
    assert!(many < 2 * few);
    drop((some, more));
}
