//! A VM dies: the console's takes nothing with it, the gate's comes back with everything people decided.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use serde_json::{Value, json};

use super::rig::{ALICE, Call, PATIENCE, Rig, policy};

fn asking() -> Value {
    policy(
        json!({"read": {}, "pay": {"approval": {"timeout": "30m", "hold": "60s"}}}),
        json!({}),
    )
}

/// Two listeners, one build that panics when asked to, and whatever is changed.
fn rig(change: &[(&str, &str)]) -> Rig {
    let wasm = toolgate_host::wasm::trapping().unwrap();
    Rig::of(&wasm, &asking(), |config| {
        let change = change.iter();
        change.fold(config, |config, (from, to)| {
            config.replace(from, to).unwrap()
        })
    })
}

/// Makes the VM behind a listener panic, on every worker.
fn trap(address: SocketAddr) {
    for _ in 0..20 {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let request =
            "GET / HTTP/1.1\r\nhost: x\r\nx-toolgate-trap: 1\r\nconnection: close\r\n\r\n";
        client.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        client.read_to_string(&mut reply).unwrap();
        assert!(reply.starts_with("HTTP/1.1 503"), "{reply}");
    }
}

fn read(rig: &Rig) -> Call {
    rig.call(ALICE, "read", &json!({}))
}

/// Waits until no worker is without a VM: a dead one answers 503 until it has been replaced.
fn recover(rig: &Rig) {
    rig.wait_long(|| {
        let gate = |_| read(rig).answer(PATIENCE).status;
        let console = |_| rig.console("GET", "state", None).status;
        (0..20)
            .map(gate)
            .chain((0..20).map(console))
            .all(|status| status == 200)
    });
}

/// VMs that have died since the start.
fn deaths(rig: &Rig) -> usize {
    rig.envoy.log().matches("a test asked for it").count()
}

#[test]
fn a_dead_console_takes_no_call_with_it() {
    let rig = rig(&[]);
    let held = rig.call(ALICE, "pay", &json!({}));
    let id = rig.pending();
    trap(rig.envoy.listener("console").unwrap());
    assert!(deaths(&rig) >= 1);
    for _ in 0..50 {
        assert!(read(&rig).answer(PATIENCE).ran());
    }
    // It comes back by itself, and knows what was asked before.
    recover(&rig);
    assert_eq!(rig.pending(), id);
    rig.approve(&id);
    assert!(held.answer(PATIENCE).ran());
}

#[test]
fn without_a_configuration_of_its_own_the_console_would_share_the_gates_vm() {
    // What is dead stays dead.
    let closed = ("failure_policy: FAIL_RELOAD", "failure_policy: FAIL_CLOSED");
    let rig = rig(&[("value: console", "value: gate"), closed]);
    assert!(read(&rig).answer(PATIENCE).ran());
    trap(rig.envoy.listener("console").unwrap());
    let refused = |_: &usize| read(&rig).answer(PATIENCE).status == 503;
    assert!((0..20).filter(refused).count() > 0);
}

#[test]
fn a_stop_and_an_approval_outlast_the_death_of_the_gates_vm() {
    let rig = rig(&[]);
    let held = rig.call(ALICE, "pay", &json!({}));
    let id = rig.pending();
    rig.approve(&id);
    assert!(held.answer(PATIENCE).ran());
    let held = rig.call(ALICE, "pay", &json!({"n": 2}));
    let id = rig.pending();

    let stop = json!({"reason": "trap", "confirm": true});
    assert_eq!(rig.console("POST", "stop", Some(&stop)).status, 200);
    assert_eq!(held.answer(PATIENCE).rule(), "/stopped");
    trap(rig.envoy.listener("mcp").unwrap());
    recover(&rig);
    for _ in 0..10 {
        assert_eq!(read(&rig).answer(PATIENCE).rule(), "/stopped");
    }
    rig.console("POST", "resume", Some(&json!({"confirm": true})));
    rig.approve(&id);
    assert!(
        rig.call(ALICE, "pay", &json!({"n": 2}))
            .answer(PATIENCE)
            .ran()
    );
    assert_eq!(rig.upstream_bodies().len(), 2);
}

#[test]
fn a_call_held_by_a_vm_that_dies_is_never_forwarded() {
    let rig = rig(&[("stream_idle_timeout: 300s", "stream_idle_timeout: 5s")]);
    let held = rig.call(ALICE, "pay", &json!({}));
    let id = rig.pending();
    let began = Instant::now();
    trap(rig.envoy.listener("mcp").unwrap());
    rig.approve(&id);
    let answer = held.answer(PATIENCE);
    println!(
        "a call whose VM died was answered {} after {:?}",
        answer.status,
        began.elapsed()
    );
    assert!(answer.status >= 500, "{answer:?}");
    rig.upstream_saw_nothing();
    // The approval is still there for the repeat.
    recover(&rig);
    assert!(rig.call(ALICE, "pay", &json!({})).answer(PATIENCE).ran());
    let bodies = rig.upstream_bodies();
    let paid = bodies.iter().filter(|body| body.contains("\"pay\""));
    assert_eq!(paid.count(), 1);
}
