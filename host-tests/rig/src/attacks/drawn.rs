//! Attacks at random: policies of many rules, and requests and replies of few pieces, repeated.

use serde_json::{Value, json};
use toolgate_checks::Random;

use super::{Attack, Reply, call, fill};

/// Values that are repeated.
const PIECES: [&str; 22] = [
    "1",
    "-0.5e-300",
    "12345678901234567890",
    "\"\"",
    "\"a\"",
    "\"\\u0061\"",
    "\"abababababababababababab\"",
    "\"01 01 01\"",
    "\"a@b.cc\"",
    "\"4111 1111 1111 1112\"",
    "\"{\\\"a\\\":1}\"",
    "[]",
    "{}",
    "[1]",
    "[[1]]",
    "[[[[[[]]]]]]",
    "{\"a\":1}",
    "{\"A\":{\"a\":1}}",
    "{\"\\u0061\":[1,2]}",
    "{\"é\":\"ü\"}",
    "null",
    "true",
];

const PATHS: [&str; 9] = [
    "x",
    "x[*]",
    "x[*].a",
    "x[*][*]",
    "x[*].A.a",
    "x[9000]",
    "x[0].a",
    "key_07",
    "é0000007",
];

/// One for each seed, of about so many bytes.
pub fn drawn(seed: u64, bytes: usize) -> Attack {
    let mut random = Random::new(seed);
    let value = value(&mut random, bytes);
    let (policy, patterns) = match random.chance(50) {
        true => on_arguments(&mut random),
        false => on_results(&mut random),
    };
    let name = format!("drawn by {seed}: {policy}");
    let attack = match policy.get("tools") {
        Some(_) => Attack::request(name, policy, call("1", &value)),
        None => Attack::reply(name, policy, reply(&mut random, &value)),
    };
    attack.against(patterns)
}

/// A few pieces again and again, in a list or under many keys.
fn value(random: &mut Random, bytes: usize) -> String {
    let unit: Vec<&str> = (0..=random.below(3))
        .map(|_| random.pick(&PIECES))
        .collect();
    let unit = unit.join(",");
    if random.chance(60) {
        return format!("{{\"x\":[{unit}{}]}}", fill(&format!(",{unit}"), bytes));
    }
    let key = random.pick(&[
        "é",
        "key_",
        "\\u006bey_",
        "KEY_",
        "a very long key, of which there are not so many ",
    ]);
    let piece = random.pick(&PIECES);
    let members = super::numbered(bytes, |index| format!("\"{key}{index:07}\":{piece}"));
    format!("{{{members}}}")
}

fn on_arguments(random: &mut Random) -> (Value, usize) {
    let tests = [
        ("eq", json!(7)),
        ("eq", json!("ab")),
        ("eq", json!([1, {"a": 2}])),
        ("neq", json!({})),
        ("in", json!(["a", "b"])),
        ("not_in", json!([1, [1], {"a": 1}])),
        ("contains", json!("abb")),
        ("contains", json!([7])),
        ("prefix", json!("abb")),
        ("suffix", json!("abb")),
        ("regex", json!("a[ab]{20}c")),
        ("regex", json!("[a-z]{40,100}[0-9]")),
        (
            "url",
            json!({"host_in": ["a.example"], "scheme_in": ["https"]}),
        ),
        ("gt", json!(1)),
        ("lte", json!("1e-9")),
        ("exists", json!(false)),
    ];
    let mut patterns = 0;
    let few = random.below(4) + 1;
    let kinds: Vec<_> = (0..few).map(|_| random.one_of(&tests)).collect();
    let blocks: Vec<Value> = (0..=random.below(49))
        .map(|_| {
            let (op, value) = random.one_of(&kinds);
            patterns += usize::from(matches!(op, "contains" | "regex"));
            let path = format!("args.{}", random.pick(&PATHS));
            // What is no number is no operand of a comparison.
            let value = if op == "lte" { json!(2) } else { value };
            json!({"conditions": [{"path": path, "op": op, "value": value}]})
        })
        .collect();
    // In shadow what denies does not end it: every rule is asked.
    let mode = random.pick(&["enforce", "shadow", "shadow"]);
    let policy = json!({"version": "1", "mode": mode, "tools": {"echo": {"deny_if": blocks}}});
    (policy, patterns)
}

fn on_results(random: &mut Random) -> (Value, usize) {
    let mut patterns = 0;
    let redact: Vec<Value> = (0..=random.below(40))
        .map(|index| match random.below(6) {
            0 | 1 => json!({"path": format!("structuredContent.{}", random.pick(&PATHS))}),
            2 => json!({"keys": [format!("key_{index:07}"), "other"]}),
            3 if patterns < 5 => {
                patterns += 1;
                json!({"regex": format!("a[ab]{{{}}}c", index + 20)})
            }
            4 => json!("email"),
            _ => random.one_of(&[
                json!("credit_card"),
                json!("phone"),
                json!("ipv4"),
                json!("jwt"),
            ]),
        })
        .collect();
    let forbidden: Vec<Value> = (0..random.below(8))
        .map(|index| json!({"contains": format!("abababababababb{index}")}))
        .collect();
    patterns += forbidden.len();
    let results = json!({"redact": redact, "deny_if": forbidden});
    let policy = json!({"version": "1", "default": "allow", "results": results});
    (policy, patterns)
}

/// The value in a reply: whole, in events, or in lines.
fn reply(random: &mut Random, value: &str) -> Reply {
    let result = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"content\":[],\"structuredContent\":{value}}}}}"
    );
    let piece = random.pick(&PIECES);
    let note = format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"level\":\"info\",\"data\":{piece}}}}}"
    );
    let (media, has_length, body) = match random.below(4) {
        0 => ("text/event-stream", false, format!("data: {result}\n\n")),
        1 => (
            "text/event-stream",
            false,
            fill(&format!("data: {note}\n\n"), value.len()),
        ),
        2 => (
            "application/json",
            false,
            fill(&format!("{note}\n"), value.len()),
        ),
        _ => ("application/json", true, result),
    };
    Reply {
        media,
        has_length,
        body,
    }
}
