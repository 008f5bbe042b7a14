//! Counters are exact across workers: several VMs with common shared data race for the last place of a limit, and
//! exactly one gets it.

use std::sync::Barrier;

use toolgate_host::wasm;
use toolgate_host::{Message, Module, SharedData, Upstream, Vm, VmOptions};

const WORKERS: usize = 3;
const ROUNDS: usize = 200;

const POLICY: &str = r#"{
  "version": "1",
  "tools": {"pay": {"limits": [
    {"counter": "calls", "max": 1, "window": "day"},
    {"counter": "spend", "max": 10, "window": "day", "increment_from": "args.amount"}
  ]}}
}"#;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"amount":7}}}"#;

fn call() -> Message {
    Message::post("/mcp", CALL)
}

#[test]
fn the_size_of_the_table_is_no_part_of_what_is_counted() {
    let module = Module::from_file(wasm::artifact().unwrap()).unwrap();
    let document = |more: &str| {
        format!(
            r#"{{"version": "1", "tools": {{"pay": {{"limits": [{{"counter": "calls", "max": 3, "window": "month"}}]}}}}{more}}}"#
        )
    };
    let passes = |vm: &Vm| vm.exchange(&call(), Upstream::Silent).forwarded();
    let vm = Vm::configured(&module, VmOptions::default(), document("").as_bytes()).unwrap();
    let passed = [(); 5].map(|()| passes(&vm));
    assert_eq!(passed, [true, true, true, false, false]);
    let changes = [
        r#", "hide": ["x"]"#,
        r#", "counters": {"max_entries": 128}"#,
        r#", "counters": {"max_entries": 256}"#,
        r#", "counters": {"max_entries": 16777216}"#,
        "",
    ];
    for change in changes {
        assert!(vm.configure(document(change).as_bytes()).unwrap());
        assert!(!passes(&vm), "{change}");
    }
    // Nor is it for another gate in the process.
    let beside = VmOptions {
        shared: vm.shared(),
        ..VmOptions::default()
    };
    let other = document(changes[1]);
    let other = Vm::configured(&module, beside, other.as_bytes()).unwrap();
    assert!(!passes(&other));
}

#[test]
fn one_of_many_workers_gets_the_last_place() {
    let module = Module::from_file(wasm::artifact().unwrap()).unwrap();
    let module = &module;
    for round in 0..ROUNDS {
        // Nothing is stored yet: every round also races for the creation of the counters.
        let shared = SharedData::default();
        let start = &Barrier::new(WORKERS);
        let forwarded: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..WORKERS)
                .map(|_| {
                    let shared = shared.clone();
                    scope.spawn(move || {
                        let options = VmOptions {
                            shared,
                            ..VmOptions::default()
                        };
                        let vm = Vm::configured(module, options, POLICY.as_bytes()).unwrap();
                        start.wait();
                        usize::from(vm.exchange(&call(), Upstream::Silent).forwarded())
                    })
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap())
                .sum()
        });
        assert_eq!(forwarded, 1, "calls forwarded in round {round}");
    }
}
