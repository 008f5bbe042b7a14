//! Lanes that decide must decide alike, or their costs say nothing.
//!
//! 500 calls go through each of them. The gate's word counts; a lane may differ only where it is known to, and where it
//! is known to it must: what no longer differs is taken off the list.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use benches::TOOL;
use benches::input::{self, ARGUMENTS};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::cases::{self, EXT_AUTHZ, EXT_PROC, GATE, LUA, NATIVE, QUIET};
use super::config::Lane;
use super::load::{self, ANSWER};
use super::measure;

/// Calls that are sent.
const CALLS: usize = 500;

/// Where a lane differs from the gate: the lane, the kind of call, and why nobody can mend it here.
const KNOWN: &[(&str, &str, &str)] = &[
    (NATIVE, "one argument is null", KINDS),
    (NATIVE, "one argument is a boolean", KINDS),
    (NATIVE, "one argument is a number", KINDS),
    (NATIVE, "one argument is an object", KINDS),
    (
        NATIVE,
        "one argument is an array",
        "An array is not extracted, so it counts as missing.",
    ),
    (NATIVE, "an array", "The mcp filter refuses every batch."),
    (
        NATIVE,
        "a call without an id",
        "To the mcp filter a notification may be a call.",
    ),
    (
        NATIVE,
        "an id that is null",
        "The mcp filter does not look at ids.",
    ),
    (
        NATIVE,
        "a control character",
        "The mcp filter's JSON parser lets them pass in strings.",
    ),
    (
        LUA,
        "one argument is an array",
        "To the gate a list that lacks the word lacks it; here only a text can.",
    ),
    (
        LUA,
        "not UTF-8",
        "LuaJIT has no check for it; one in Lua reads every byte.",
    ),
];

/// The gate refuses where a text cannot be searched because it is none.
const KINDS: &str = "To rbac a text that has to lack a word may be anything but a text with the word; only a regular \
    expression could ask for a text.";

/// A call with the kind it stands for.
struct Case {
    kind: String,
    body: Vec<u8>,
}

/// Sends all of them through all lanes that decide.
pub fn run(
    runtime: &Runtime,
    lanes: &[Lane],
    upstream: SocketAddr,
    directory: &Path,
) -> Result<()> {
    let envoy = measure::start(lanes, upstream, 1, directory)?;
    let address = |lane| envoy.listener(lane).context("no listener");
    let cases = calls();
    ensure!(cases.len() == CALLS, "{} calls, not {CALLS}", cases.len());
    let mut found: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut passed = 0;
    for case in &cases {
        let forwarded = |lane| -> Result<(bool, String)> {
            let request = cases::request("/mcp", &case.body);
            let sent = load::status_and_body(address(lane)?, &request);
            let answer = runtime.block_on(sent)?;
            Ok((answer.contains(ANSWER), answer))
        };
        let (expected, answer) = forwarded(GATE)?;
        passed += usize::from(expected);
        for lane in [QUIET, NATIVE, LUA, EXT_AUTHZ, EXT_PROC] {
            let (got, theirs) = forwarded(lane)?;
            if got == expected {
                continue;
            }
            let seen = found.entry((lane, case.kind.clone())).or_default();
            *seen += 1;
            if *seen == 1 {
                let body: String = String::from_utf8_lossy(&case.body)
                    .chars()
                    .take(400)
                    .collect();
                eprintln!(
                    "{lane} differs: {}\n  {body}\n  gate: {answer}\n  {lane}: {theirs}",
                    case.kind
                );
            }
        }
    }
    println!("{CALLS} calls, of which the gate lets {passed} pass");
    let mut wrong = Vec::new();
    for ((lane, kind), count) in &found {
        match KNOWN.iter().find(|(l, k, _)| l == lane && k == kind) {
            Some((.., why)) => println!("{lane} differs in {count}: {kind}. {why}"),
            None => wrong.push(format!("{lane} differs in {count}, which is new: {kind}")),
        }
    }
    for (lane, kind, _) in KNOWN {
        if !found.contains_key(&(*lane, (*kind).to_owned())) {
            wrong.push(format!("{lane} does not differ any more: {kind}"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// All calls: the same in every run.
fn calls() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |kind: &str, body: Vec<u8>| {
        cases.push(Case {
            kind: kind.to_owned(),
            body,
        });
    };
    let arguments: Value = serde_json::from_str(&format!("{{{ARGUMENTS}}}")).unwrap_or_default();
    for size in (300..6300).step_by(100) {
        add("passes", input::call(size));
    }
    for (key, values) in values() {
        for value in values {
            let mut changed = arguments.clone();
            changed[key] = value;
            add("one argument is another", call(&changed));
        }
        let mut without = arguments.clone();
        if let Some(members) = without.as_object_mut() {
            members.remove(key);
        }
        add("one argument is missing", call(&without));
        for (kind, value) in [
            ("null", json!(null)),
            ("a boolean", json!(true)),
            ("a number", json!(77)),
            ("a text", json!("zz")),
            ("an array", json!([1])),
            ("an object", json!({"a": 1})),
        ] {
            let mut changed = arguments.clone();
            changed[key] = value;
            add(&format!("one argument is {kind}"), call(&changed));
        }
    }
    for name in [
        "delete_repository",
        "Create_Issue",
        "create_issue ",
        "",
        "tool_00001",
    ] {
        let body = String::from_utf8_lossy(&call(&arguments)).replace(TOOL, name);
        add("another tool", body.into_bytes());
    }
    for (kind, body) in protocol(&arguments) {
        add(kind, body);
    }
    // Combinations fill what is left: two arguments with values of their own.
    let all: Vec<(&str, Vec<Value>)> = values();
    let mut state = 7_usize;
    let mut seen = BTreeSet::new();
    while cases.len() < CALLS {
        let mut changed = arguments.clone();
        for _ in 0..2 {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345) % (1 << 31);
            let Some((key, values)) = all.get(state / 64 % all.len()) else {
                continue;
            };
            if let Some(value) = values.get(state / 4096 % values.len().max(1)) {
                changed[*key] = value.clone();
            }
        }
        let body = call(&changed);
        if seen.insert(body.clone()) || seen.len() > 2 * CALLS {
            cases.push(Case {
                kind: "two arguments are others".to_owned(),
                body,
            });
        }
    }
    cases
}

fn call(arguments: &Value) -> Vec<u8> {
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": TOOL, "arguments": arguments}})
        .to_string()
        .into_bytes()
}

/// Values of each argument on both sides of every rule.
fn values() -> Vec<(&'static str, Vec<Value>)> {
    let texts = |all: &[&str]| all.iter().map(|text| json!(text)).collect::<Vec<_>>();
    vec![
        (
            "owner",
            texts(&["acme", "acme-labs", "evil-corp", "acm", "acmee", ""]),
        ),
        (
            "repo",
            texts(&[
                "widgets", "gadgets", "gizmos", "secret-x", "widgets2", "Widgets",
            ]),
        ),
        (
            "title",
            texts(&[
                "Fix",
                "a password here",
                "Password",
                "pass word",
                "\"quoted\" \u{e9}",
                "x\ny",
            ]),
        ),
        (
            "priority",
            vec![
                json!(1),
                json!(5),
                json!(0),
                json!(6),
                json!(-1),
                json!(2.5),
            ],
        ),
        (
            "estimate",
            vec![
                json!(0),
                json!(40),
                json!(41),
                json!(101),
                json!(-1),
                json!(12.5),
            ],
        ),
        (
            "team",
            texts(&["platform", "finance", "Platform", "platform ", ""]),
        ),
        (
            "assignee",
            texts(&["eng-", "eng-bot", "eng-x-bot", "ops-ana", "en", "bot"]),
        ),
        (
            "due",
            texts(&["2026-", "2026-12-31", "2025-12-31", "2026", ""]),
        ),
        ("draft", vec![json!(false), json!(true), json!("false")]),
        ("milestone", texts(&["q1", "q4", "q5", "frozen", "Q1"])),
    ]
}

/// What is wrong with the message, not with an argument.
fn protocol(arguments: &Value) -> Vec<(&'static str, Vec<u8>)> {
    let whole = String::from_utf8_lossy(&call(arguments)).into_owned();
    let edit = |from: &str, to: &str| whole.replacen(from, to, 1).into_bytes();
    let duplicate = edit(r#""owner":"acme""#, r#""owner":"evil-corp","owner":"acme""#);
    let mut invalid = whole.clone().into_bytes();
    if let Some(byte) = invalid.iter_mut().rfind(|byte| **byte == b'F') {
        *byte = 0xff;
    }
    vec![
        ("a key twice", duplicate),
        (
            "a key twice, once escaped",
            edit(
                r#""owner":"acme""#,
                r#""owner":"evil-corp","\u006fwner":"acme""#,
            ),
        ),
        (
            "the name twice",
            edit(
                r#""name":"create_issue""#,
                r#""name":"create_issue","name":"other""#,
            ),
        ),
        (
            "an escaped value",
            edit(r#""owner":"acme""#, r#""owner":"\u0061cme""#),
        ),
        (
            "an escaped value that is refused",
            edit(r#""owner":"acme""#, r#""owner":"evil\u002dcorp""#),
        ),
        (
            "cut short",
            whole
                .as_bytes()
                .get(..whole.len() - 3)
                .unwrap_or_default()
                .to_vec(),
        ),
        ("something behind it", format!("{whole} x").into_bytes()),
        (
            "white space around it",
            format!(" \n{whole}\n").into_bytes(),
        ),
        ("a comma too many", edit(r#""id":7,"#, r#""id":7,,"#)),
        (
            "a number with a zero before it",
            edit(r#""priority":3"#, r#""priority":03"#),
        ),
        ("not a number", edit(r#""priority":3"#, r#""priority":NaN"#)),
        (
            "a control character",
            edit("Fix the pump", "Fix\u{1}the pump"),
        ),
        ("not UTF-8", invalid),
        ("no JSON", b"hello".to_vec()),
        ("an empty body", Vec::new()),
        ("an empty object", b"{}".to_vec()),
        ("an array", format!("[{whole}]").into_bytes()),
        ("another version", edit(r#""2.0""#, r#""1.0""#)),
        ("no version", edit(r#""jsonrpc":"2.0","#, "")),
        ("a call without an id", edit(r#""id":7,"#, "")),
        ("an id that is null", edit(r#""id":7"#, r#""id":null"#)),
        ("an id that is a text", edit(r#""id":7"#, r#""id":"seven""#)),
        (
            "no arguments",
            edit(&format!(r#""arguments":{arguments},"#), ""),
        ),
        (
            "arguments that are an array",
            edit(&arguments.to_string(), "[]"),
        ),
        (
            "a number written otherwise",
            edit(r#""priority":3"#, r#""priority":3.0"#),
        ),
        (
            "a number with an exponent",
            edit(r#""priority":3"#, r#""priority":30e-1"#),
        ),
        (
            "a nested object besides",
            edit(r#""owner""#, r#""x":{"y":[1,{"z":null}]},"owner""#),
        ),
        (
            "an unknown method",
            br#"{"jsonrpc":"2.0","id":7,"method":"nothing/such"}"#.to_vec(),
        ),
        (
            "a list",
            br#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#.to_vec(),
        ),
        (
            "a ping",
            br#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#.to_vec(),
        ),
        (
            "a notification",
            br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_vec(),
        ),
    ]
}
