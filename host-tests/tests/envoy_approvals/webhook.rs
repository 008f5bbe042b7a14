//! Announcements: every event at least once, signed, and never in the way of a decision.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use toolgate_rig::wire::http1::{self, Message, Parsed};

use super::rig::{ALICE, PATIENCE, Rig, policy};

const SECRET: &str = "a secret of at least 16 bytes";

fn asking(notify: Value) -> Value {
    policy(
        json!({
            "pay": {"approval": {"timeout": "30m", "hold": "30s"}},
            "soon": {"approval": {"timeout": "2s", "hold": "0s"}},
        }),
        json!({"approvals": {"notify": notify}}),
    )
}

fn notify() -> Value {
    json!({
        "cluster": "approvals_webhook",
        "path": "/hooks/approvals?from=gate",
        "authority": "hooks.example",
        "hmac_secret": SECRET,
    })
}

/// A port nobody listens on.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A receiver that keeps what it is told, and answers with a status.
fn receive(address: SocketAddr, status: &'static str) -> Arc<Mutex<Vec<Message>>> {
    let listener = TcpListener::bind(address).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let told = Arc::clone(&told);
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let mut piece = [0; 16 << 10];
                while let Ok(read @ 1..) = stream.read(&mut piece) {
                    bytes.extend_from_slice(&piece[..read]);
                    while let Parsed::Whole(message, used) = http1::request(&bytes) {
                        bytes.drain(..used);
                        told.lock().unwrap().push(message);
                        let reply = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                        stream.write_all(reply.as_bytes()).unwrap();
                    }
                }
            });
        }
    });
    seen
}

/// How often each event was announced, after checking every announcement as a receiver has to.
fn events(seen: &Mutex<Vec<Message>>) -> BTreeMap<(String, String), usize> {
    let mut events = BTreeMap::new();
    for message in seen.lock().unwrap().iter() {
        let header = |name| http1::field(&message.headers, name).unwrap_or_default();
        assert_eq!(message.target(), ("POST", "/hooks/approvals?from=gate"));
        assert_eq!(header("host"), "hooks.example");
        assert_eq!(header("content-type"), "application/json");
        let signature = header("x-toolgate-signature");
        let (time, code) = signature
            .strip_prefix("t=")
            .and_then(|rest| rest.split_once(",v1="))
            .unwrap_or_else(|| panic!("{signature}"));
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        assert!(now.abs_diff(time.parse().unwrap()) < 120, "{signature}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signed = [time.as_bytes(), b".", &message.body].concat();
        let expected = hmac::sign(&key, &signed);
        let expected = toolgate_engine::hex(expected.as_ref());
        assert_eq!(code, expected);

        let body: Value = serde_json::from_slice(&message.body).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (event, id) = (text(&body["event"]), text(&body["approval"]["id"]));
        assert_eq!(header("idempotency-key"), format!("{id}-{event}"));
        *events.entry((event, id)).or_default() += 1;
    }
    events
}

fn stat(rig: &Rig, name: &str) -> u64 {
    let name = format!("wasmcustom.toolgate.webhook.{name}");
    rig.envoy
        .stats(&name)
        .unwrap()
        .get(&name)
        .copied()
        .unwrap_or(0)
}

#[test]
fn every_event_reaches_a_receiver_that_is_down_at_first() {
    let address = free_address();
    let rig = Rig::with(&asking(notify()), |config| config.second(address).unwrap());
    let call = rig.call(ALICE, "pay", &json!({"n": 1}));
    let first = rig.pending();
    rig.wait(|| stat(&rig, "failed") > 1);
    // Nobody hears of it, and still it is decided.
    rig.approve(&first);
    assert!(call.answer(PATIENCE).ran());

    let seen = receive(address, "204 No Content");
    let call = rig.call(ALICE, "pay", &json!({"n": 2}));
    let second = rig.pending();
    rig.reject(&second, "no");
    assert!(!call.answer(PATIENCE).ran());
    let third = rig
        .call(ALICE, "soon", &json!({}))
        .answer(PATIENCE)
        .denial();
    let third = third["approval"]["id"].as_str().unwrap().to_owned();

    let expected = [
        ("pending", &first),
        ("approved", &first),
        ("pending", &second),
        ("rejected", &second),
        ("pending", &third),
        ("expired", &third),
    ];
    let expected = expected.map(|(event, id)| (event.to_owned(), id.clone()));
    rig.wait_long(|| events(&seen).len() >= expected.len());
    std::thread::sleep(Duration::from_secs(3));
    let events = events(&seen);
    println!("{events:#?}");
    let found: Vec<_> = events.keys().cloned().collect();
    let mut wanted = expected.to_vec();
    wanted.sort();
    assert_eq!(found, wanted);
    assert!(stat(&rig, "sent") >= 6);
}

#[test]
fn a_receiver_that_refuses_is_tried_again() {
    let address = free_address();
    let seen = receive(address, "500 Internal Server Error");
    let rig = Rig::with(&asking(notify()), |config| config.second(address).unwrap());
    let call = rig.call(ALICE, "pay", &json!({}));
    let id = rig.pending();
    let tries = || {
        events(&seen)
            .get(&("pending".to_owned(), id.clone()))
            .copied()
    };
    rig.wait(|| tries() >= Some(3));
    rig.approve(&id);
    assert!(call.answer(PATIENCE).ran());
    assert_eq!(stat(&rig, "sent"), 0);
}

#[test]
fn a_webhook_that_cannot_be_reached_decides_nothing() {
    let mut unknown = notify();
    unknown["cluster"] = json!("nowhere");
    // Accepts connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    for notify in [unknown, notify()] {
        let rig = Rig::with(&asking(notify.clone()), |config| {
            config.second(address).unwrap()
        });
        let call = rig.call(ALICE, "pay", &json!({}));
        rig.approve(&rig.pending());
        assert!(call.answer(PATIENCE).ran(), "{notify}");
        rig.wait(|| stat(&rig, "failed") > 0);
        let complaints = rig.envoy.log().matches("was not told of approval").count();
        // Once a minute, by each of the two workers and the main thread.
        assert!((1..=3).contains(&complaints), "{complaints}");
    }
}
