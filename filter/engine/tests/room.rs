//! What takes the place of a held reply is never longer than the reply and 32 KiB, whatever makes it longer.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod common;

use common::{Memory, at};
use toolgate_engine::config::Gate;
use toolgate_engine::exchange::{
    Context, Exchange, ReplyEdit, ReplyStep, SURE_ROOM, Start, Step, has_room,
};

/// A secret that its mask is longer than.
const SECRET: &str = "a@b.cc ";

/// Results in which that is masked.
const REDACT: &str = r#""results":{"redact":["email"]}"#;

#[derive(Clone, Copy)]
struct Case<'a> {
    name: &'a str,
    config: &'a str,
    request: &'a str,
    media: &'a str,
    status: u32,
    body: &'a str,
    /// What must be in what is shown.
    shows: &'a str,
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;
/// What stands for it where there is no room for its mask.
const STARS: &str = "****** ****** ";
const ROOM: &str = r#""rule":"/results/room""#;

fn result(text: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
    )
}

fn context<'a>(gate: &'a Gate, store: &'a mut Memory) -> Context<'a> {
    Context {
        gate,
        store,
        now: at(0),
        held: 0,
    }
}

fn pairs(headers: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pair = |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    headers.iter().map(pair).collect()
}

/// A gate with this in its configuration, and an exchange whose request has been forwarded.
fn forwarded(config: &str, request: &str, method: &str) -> (Gate, Memory, Exchange) {
    let config = format!(r#"{{"version":"1","default":"allow",{config}}}"#);
    let gate = Gate::from_json(config.as_bytes(), false).expect("a configuration");
    let mut store = Memory::default();
    let mut exchange = Exchange::new("x".to_owned());
    let accept = ("accept", "application/json, text/event-stream");
    let head = [
        (":method", method),
        (":path", "/mcp"),
        accept,
        ("content-type", "application/json"),
    ];
    let mut cx = context(&gate, &mut store);
    let mut step = exchange.request_headers(&mut cx, &pairs(&head), request.is_empty());
    if matches!(step, Step::Buffer) {
        step = exchange.request_end(&mut cx, request.as_bytes());
    }
    assert!(matches!(step, Step::Forward(..)), "{step:?}");
    (gate, store, exchange)
}

fn edit(case: Case<'_>) -> ReplyEdit {
    let (gate, mut store, mut exchange) = forwarded(case.config, case.request, "POST");
    let mut cx = context(&gate, &mut store);
    let length = case.body.len().to_string();
    let headers = pairs(&[("content-type", case.media), ("content-length", &length)]);
    let step = exchange.reply_headers(&mut cx, case.status, &headers, false, "");
    assert_eq!(step, ReplyStep::Hold, "{}", case.name);
    exchange
        .reply_end(&mut cx, case.body.as_bytes())
        .expect(case.name)
}

fn check(case: Case<'_>) {
    let edit = edit(case);
    let text = String::from_utf8(edit.body).expect("UTF-8");
    assert!(
        has_room(case.body.len(), text.len()),
        "{}: {}",
        case.name,
        text.len()
    );
    assert!(!text.contains(SECRET.trim()), "{}", case.name);
    assert!(text.contains(case.shows), "{}: {text:.300}", case.name);
}

#[test]
fn held_replies_stay_within_their_room() {
    let many = SECRET.repeat(20_000);
    let body = result(&many);
    let page = format!("<p>{many}</p>");
    let numbers = result(&"123,".repeat(20_000));
    let long = format!(
        r#""results":{{"redact":["email",{{"regex":"[0-9]{{3}}","with":"{}"}}]}}"#,
        "gone ".repeat(20)
    );
    // Each of these is a result of a request with a long id, of which each refusal has to tell.
    let id = "i".repeat(900);
    let calls: Vec<String> = (0..90)
        .map(|n| CALL.replace(r#""id":1"#, &format!(r#""id":"{n}{id}""#)))
        .collect();
    let batch = format!("[{}]", calls.join(","));
    let words = format!(
        r#""results":{{"deny_if":[{{"contains":"a@b","on_deny":"{}"}}]}}"#,
        "no ".repeat(20_000)
    );
    let two = [CALL, &CALL.replace(r#""id":1"#, r#""id":2"#)].join(",");
    let two = format!("[{two}]");
    let answers = format!("[{body},{}]", body.replace(r#""id":1"#, r#""id":2"#));
    let listed = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let described = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"a","description":"{many}"}}]}}}}"#
    );
    let case = Case {
        name: "a result",
        config: REDACT,
        request: CALL,
        media: "application/json",
        status: 200,
        body: &body,
        shows: STARS,
    };
    for case in [
        case,
        Case {
            name: "text",
            media: "text/plain",
            body: &many,
            ..case
        },
        Case {
            name: "an error page",
            media: "text/html",
            status: 502,
            body: &page,
            ..case
        },
        Case {
            name: "a mask of the operator's",
            config: &long,
            body: &numbers,
            shows: "***,***,***",
            ..case
        },
        Case {
            name: "a batch",
            request: &two,
            body: &answers,
            shows: r#""id":2"#,
            ..case
        },
        Case {
            name: "a batch of long ids",
            request: &batch,
            body: "{} and more",
            shows: "no room",
            ..case
        },
        Case {
            name: "the operator's words",
            config: &words,
            body: &result(SECRET),
            shows: ROOM,
            ..case
        },
        Case {
            name: "a list",
            request: listed,
            body: &described,
            ..case
        },
    ] {
        check(case);
    }
}

#[test]
fn what_fits_is_shown() {
    for (count, shows) in [
        (1_000, "[redacted:email]"),
        (SURE_ROOM / 17 - 5, "[redacted:email]"),
        (SURE_ROOM / 17, STARS),
        (SURE_ROOM / 7, STARS),
    ] {
        let body = result(&SECRET.repeat(count));
        check(Case {
            name: &count.to_string(),
            config: REDACT,
            request: CALL,
            media: "application/json",
            status: 200,
            body: &body,
            shows,
        });
    }
}

#[test]
fn a_reply_that_is_too_large_leaves_room_for_its_refusal() {
    let id = "i".repeat(1_000);
    let call = |number| CALL.replace(r#""id":1"#, &format!(r#""id":"{id}{number}""#));
    let calls: Vec<String> = (0..40).map(call).collect();
    let batch = format!("[{}]", calls.join(","));
    let config = r#""results":{"redact":["email"],"max_json_bytes":1024}"#;
    let (gate, mut store, mut exchange) = forwarded(config, &batch, "POST");
    let mut cx = context(&gate, &mut store);
    let headers = pairs(&[
        ("content-type", "application/json"),
        ("content-length", "9999"),
    ]);
    exchange.reply_headers(&mut cx, 200, &headers, false, "");
    let edit = exchange
        .reply_size(&mut cx, 2_000)
        .expect("it is too large");
    assert!(has_room(2_000, edit.body.len()), "{}", edit.body.len());
}

/// On a GET nobody waits for an event: those for which there is no room are dropped, and the stream goes on.
#[test]
fn the_beginning_of_a_stream_stays_within_its_room() {
    // Events of so many secrets, and how many: each may grow to 32 KiB, but not all of them.
    for (secrets, count, passes) in [(100, 1, true), (5_000, 1, true), (2_000, 3, false)] {
        let (gate, mut store, mut exchange) = forwarded(REDACT, "", "GET");
        let mut cx = context(&gate, &mut store);
        let headers = pairs(&[("content-type", "text/event-stream")]);
        let step = exchange.reply_headers(&mut cx, 200, &headers, false, "");
        assert_eq!(step, ReplyStep::HoldStart);
        let event = |text: &str| {
            format!(
                "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"level\":\"info\",\"data\":\"{text}\"}}}}\n\n"
            )
        };
        let start = event(&SECRET.repeat(secrets)).repeat(count);
        let Start::Pass(out) = exchange.reply_begins(&mut cx, start.as_bytes(), false) else {
            panic!("{count}");
        };
        assert!(has_room(start.len(), out.len()), "{count}");
        assert_eq!(!out.is_empty(), passes, "{count}");
        let next = exchange.reply_chunk(&mut cx, event("next").as_bytes(), false);
        assert_eq!(next, event("next").into_bytes());
        let withheld = exchange
            .records()
            .first()
            .and_then(|record| record.withheld.as_deref());
        assert_eq!(withheld, (!passes).then_some("/results/room"), "{count}");
    }
}

/// Each event and each value of a stream stays within its room, whatever is masked in it.
#[test]
fn pieces_of_streams_stay_within_their_room() {
    let comment = |count: usize| format!(": {}\n", SECRET.repeat(count));
    let events = [
        format!("data: {}\n\n", result(&SECRET.repeat(100))),
        format!("data: {}\n\n", result(&SECRET.repeat(9_000))),
        format!("data:{}\n\n", result(&SECRET.repeat(9_000))),
        format!(
            "data:{}\n\n",
            result("a@b.cc").replace(
                "\"id\":1,",
                &format!("\"x\":\"{}\",\"id\":1,", "y".repeat(40_000))
            )
        ),
        format!(
            "data:{}\n{}\n",
            result(&SECRET.repeat(1_500)),
            comment(3_000)
        ),
        format!(
            "event: a@b.cc\ndata:{}\n\n",
            result(&SECRET.repeat(6_000)).replace("\"id\":1,", "\"id\":1,\ndata:")
        ),
        // As it is escaped, not as it is meant.
        format!("data: {}\n\n", result(&"\\u0061@b.cc ".repeat(9_000))),
    ];
    let values = events.clone().map(|event| {
        let data = event.lines().filter_map(|line| line.strip_prefix("data:"));
        data.collect::<String>() + "\n"
    });
    for (media, pieces) in [("text/event-stream", events), ("application/json", values)] {
        for piece in pieces {
            let (gate, mut store, mut exchange) = forwarded(REDACT, CALL, "POST");
            let mut cx = context(&gate, &mut store);
            let step =
                exchange.reply_headers(&mut cx, 200, &pairs(&[("content-type", media)]), false, "");
            assert_eq!(step, ReplyStep::Rewrite, "{media}");
            let out = exchange.reply_chunk(&mut cx, piece.as_bytes(), true);
            let text = String::from_utf8(out).expect("UTF-8");
            assert!(
                has_room(piece.len(), text.len()),
                "{media}: {} of {}: {piece:.200}",
                text.len(),
                piece.len()
            );
            assert!(
                !text.contains("@b.cc") && !text.contains("/results/"),
                "{media}: {text:.300}"
            );
            assert!(
                text.contains("***") || text.contains("[redacted:email]"),
                "{media}: {text:.300}"
            );
        }
    }
}

/// Keys that became one only because there is no room for more are one all the same; what a path hides keeps its type as long as
/// there is room.
#[test]
fn masks_of_keys_and_paths() {
    let pad = "y".repeat(SURE_ROOM);
    let config = r#""results":{"redact":["email",{"path":"structuredContent.ok"},{"path":"structuredContent.s"}]}"#;
    let reply = |content: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"pad":"{pad}","structuredContent":{content}}}}}"#
        )
    };
    let cases = [
        (r#"{"a@b.cc":1}"#, r#"{"******":1}"#),
        (r#"{"a@b.cc":1,"ab@b.cc":2}"#, r#"{"******":1,"*******":2}"#),
        (r#"{"a@b.cc":1,"c@b.cc":2}"#, "/results/unreadable"),
        (r#"{"a@b.cc":1,"******":2}"#, "/results/unreadable"),
        (r#"{"ok":true}"#, r#"{"ok":null}"#),
        (r#"{"ok":false}"#, r#"{"ok":false}"#),
        (r#"{"ok":1234}"#, r#"{"ok":0}"#),
        (r#"{"s":"abc"}"#, r#"{"s":"***"}"#),
        (r#"{"s":""}"#, r#"{"s":""}"#),
        (r#"{"s":"abcdefghij"}"#, r#"{"s":"[redacted]"}"#),
        // What one saves another takes.
        (
            r#"{"long":"abcdefghijklmnopqrst@b.cc","s":"abc"}"#,
            r#"{"long":"[redacted:email]","s":"[redacted]"}"#,
        ),
    ];
    for (content, shows) in cases {
        check(Case {
            name: content,
            config,
            request: CALL,
            media: "application/json",
            status: 200,
            body: &reply(content),
            shows,
        });
    }
}
