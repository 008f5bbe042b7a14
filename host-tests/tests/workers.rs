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
