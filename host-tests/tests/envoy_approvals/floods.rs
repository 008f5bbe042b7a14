//! Floods of one caller, on two workers: others ask, cancel, begin sessions and are seen as if there were none.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use toolgate_engine::approvals::{CallId, listen};
use toolgate_engine::counters::Memory;
use toolgate_engine::identity::Principal;
use toolgate_engine::time::Timestamp;

use super::rig::{ALICE, Answer, BOB, Call, PATIENCE, Rig, body, policy};

fn asking(hold: &str, more: Value) -> Value {
    policy(
        json!({"pay": {"approval": {"timeout": "30m", "hold": hold}}}),
        more,
    )
}

/// Calls with these numbers, all different: how many of them a person is asked about.
fn asks(rig: &Rig, token: &str, numbers: std::ops::Range<usize>) -> usize {
    let answers = numbers.map(|n| rig.call(token, "pay", &json!({"n": n})).answer(PATIENCE));
    let asked = answers.filter(|answer| match answer.rule().as_str() {
        "/tools/pay/approval" => true,
        "/approvals/full" => false,
        other => panic!("{other}"),
    });
    asked.count()
}

/// How many questions of a caller the console shows, of how many.
fn shown(rig: &Rig, caller: &str) -> usize {
    let seen = rig.look("approvals?state=pending");
    let shown = seen["approvals"].as_array().unwrap().iter();
    shown
        .filter(|question| question["principal"] == caller)
        .count()
}

#[test]
fn a_flood_of_questions_refuses_no_other_caller() {
    let rig = Rig::start(&asking("0s", json!({})));
    assert!(asks(&rig, ALICE, 0..455) > 200);
    // A question may stand in some of the slots only, and one that finds more of its own there than of others' is refused.
    let asked = asks(&rig, BOB, 0..100);
    assert!(asked >= 90, "{asked}");
    asks(&rig, ALICE, 1000..1100);
    assert!(asks(&rig, BOB, 0..100) >= asked, "they are still there");
    assert!(shown(&rig, "bob") >= 40, "the console shows some of each");

    // A person rejects some of the flooder's and revokes it: all its places are free.
    let questions = rig.questions("pending", 256);
    let alices = questions
        .iter()
        .filter(|question| question["principal"] == "alice");
    for question in alices.take(10) {
        rig.reject(question["id"].as_str().unwrap(), "no");
    }
    let revoke = json!({"grant": "alice", "reason": "flood", "confirm": true});
    let revoked = rig.console("POST", "grants/revoke", Some(&revoke));
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    let left = rig.look("approvals?state=pending")["total"]
        .as_u64()
        .unwrap();
    assert!((90..=100).contains(&left), "{left}");
    assert!(asks(&rig, BOB, 100..220) >= 110);
    rig.upstream_saw_nothing();
}

#[test]
fn rejected_questions_of_a_caller_that_does_not_ask_free_their_places() {
    let rig = Rig::start(&asking("0s", json!({"approvals": {"max_pending": 64}})));
    asks(&rig, ALICE, 0..200);
    for question in rig.look("approvals?state=pending")["approvals"]
        .as_array()
        .unwrap()
    {
        rig.reject(question["id"].as_str().unwrap(), "no");
    }
    assert!(asks(&rig, BOB, 0..50) >= 48);
}

#[test]
fn held_calls_of_one_caller_leave_room_for_anothers() {
    let rig = Rig::start(&asking("45s", json!({"approvals": {"max_held": 8}})));
    // Eight for each of two workers.
    let flood: Vec<Call> = (0..40)
        .map(|n| rig.call(ALICE, "pay", &json!({"n": n})))
        .collect();
    rig.wait(|| rig.held() == 16);
    let innocent: Vec<Call> = (0..4)
        .map(|n| rig.call(BOB, "pay", &json!({"n": n})))
        .collect();
    rig.wait(|| shown(&rig, "bob") == 4);
    for question in rig.look("approvals?state=pending")["approvals"]
        .as_array()
        .unwrap()
    {
        if question["principal"] == "bob" {
            rig.approve(question["id"].as_str().unwrap());
        }
    }
    for call in innocent {
        assert!(call.answer(PATIENCE).ran(), "it was held, and went on");
    }
    drop(flood);
}

/// Ids whose cancellations, sent by `caller`, are looked for where those of call 3 of alice are: found in no time.
fn beside(caller: &str, count: usize) -> Vec<usize> {
    let mailbox = |caller: &str, id: usize| {
        let principal = Principal {
            id: caller.into(),
            source: "grant",
            ..Principal::anonymous()
        };
        let mut store = Memory::default();
        let call = CallId::new(&principal, None, &id.to_string());
        let now = Timestamp::from_seconds(0);
        listen(&mut store, now, &call, principal.share(), 60).unwrap();
        store.values.keys().next().unwrap().clone()
    };
    let wanted = mailbox("alice", 3);
    let ids = (0..).filter(|id| mailbox(caller, *id) == wanted);
    ids.take(count).collect()
}

fn cancelled(id: usize) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}})
}

#[test]
fn a_flood_of_cancellations_hides_none() {
    let rig = Rig::start(&asking("20s", json!({})));
    let batches: Vec<String> = beside("bob", 64)
        .chunks(16)
        .map(|ids| Value::from_iter(ids.iter().map(|id| cancelled(*id))).to_string())
        .collect();
    let headers = [("mcp-protocol-version", "2025-03-26")];
    for round in 0..4 {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let before = round % 2 == 1;
            let flood = || {
                for batch in batches.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    assert!(rig.post(BOB, batch, &headers).answer(PATIENCE).status < 300);
                }
            };
            if before {
                scope.spawn(flood);
            }
            let mut call = rig.post(ALICE, &body(3, "pay", &json!({"round": round})), &[]);
            let id = rig.pending();
            rig.wait(|| rig.held() == 1);
            let cancel = cancelled(3).to_string();
            assert_eq!(rig.post(ALICE, &cancel, &[]).answer(PATIENCE).status, 202);
            for batch in &batches {
                rig.post(BOB, batch, &headers).answer(PATIENCE);
            }
            if !before {
                scope.spawn(flood);
            }
            // A person is too late.
            rig.console("POST", &format!("approvals/{id}/approve"), Some(&json!({})));
            let answer = call.poll(PATIENCE).expect("it is dropped");
            stop.store(true, Ordering::Relaxed);
            assert!(!answer.ran(), "round {round}: {}", answer.body);
            rig.wait(|| rig.held() == 0);
        });
    }
    let ran = rig.upstream_bodies();
    assert!(
        ran.iter().all(|body| !body.contains("tools/call")),
        "{ran:?}"
    );
}

/// A server that issues a session with every answer.
fn issuing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let issued = AtomicUsize::new(0);
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let number = issued.fetch_add(1_000_000, Ordering::Relaxed);
            thread::spawn(move || issue(&mut stream, number));
        }
    });
    address
}

/// Answers what comes over a connection until it is closed.
fn issue(stream: &mut TcpStream, mut number: usize) {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 << 10];
    while let Ok(read @ 1..) = stream.read(&mut piece) {
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, rest)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        if rest.len() < length {
            continue;
        }
        bytes.drain(..head.len() + 4 + length);
        number += 1;
        let body =
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"done"}]}}"#;
        let reply = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: s-{number}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

/// Posts from an address of this machine; the session that came with the answer.
fn post(rig: &Rig, from: [u8; 4], session: Option<&str>, body: &str) -> (Answer, Option<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let address = rig.envoy.listener("mcp").unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        socket.connect(address).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    let session = session.map_or(String::new(), |session| {
        format!("mcp-session-id: {session}\r\n")
    });
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: gate\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         {session}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut call = Call::send_over(stream, &request);
    let answer = call.poll(PATIENCE).expect("an answer");
    (answer, call.header("mcp-session-id"))
}

#[test]
fn a_flood_of_sessions_leaves_others_theirs() {
    let limit = json!({"counter": "c", "max": 3, "window": "day", "scope": "session"});
    let policy = json!({"version": "1", "tools": {"pay": {"limits": [limit]}}});
    let wasm = toolgate_host::wasm::artifact().unwrap();
    let rig = Rig::before(Some(issuing()), &wasm, &policy, |config| config);
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;
    let (evil, good) = ([127, 0, 0, 1], [127, 0, 0, 2]);
    let mut last = None;
    for _ in 0..1005 {
        last = post(&rig, evil, None, initialize).1;
    }
    let call = body(1, "pay", &json!({}));
    let (answer, _) = post(&rig, evil, last.as_deref(), &call);
    assert_eq!(
        answer.json()["error"]["data"]["toolgate/denial"]["rule"],
        "/protocol/session",
        "the flooder has had enough"
    );
    for from in [good, [127, 0, 0, 3], [127, 1, 0, 1]] {
        let (_, session) = post(&rig, from, None, initialize);
        let (answer, _) = post(&rig, from, session.as_deref(), &call);
        assert!(answer.ran(), "{from:?}: {}", answer.body);
    }
}

#[test]
fn strangers_push_no_decision_off_the_console() {
    let rig = Rig::start(&asking("0s", json!({})));
    assert_eq!(asks(&rig, ALICE, 0..5), 5);
    for n in 0..3 {
        let denied = rig.call(BOB, "steal", &json!({"n": n})).answer(PATIENCE);
        assert_eq!(denied.rule(), "/default");
    }
    for n in 0..600 {
        let answer = rig
            .call("nobody-nobody-nobody", "pay", &json!({"n": n}))
            .answer(PATIENCE);
        assert_eq!(answer.status, 401);
    }
    let seen = rig.look("decisions");
    let decisions = seen["decisions"].as_array().unwrap();
    let of = |caller: &str| {
        let theirs = decisions
            .iter()
            .filter(|record| record["principal"] == caller);
        theirs
            .filter(|record| record["decision"] != "reject")
            .count()
    };
    assert_eq!((of("alice"), of("bob")), (5, 3));
    assert!(decisions.len() <= 100);
}
