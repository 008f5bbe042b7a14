//! The Lua filter: the reader in `check.lua`, and the twenty rules as straight code behind it.

use std::fmt::Write as _;

use benches::TOOL;
use benches::input::{REQUIRED, RULES};
use serde_json::{Value, json};

use super::config::typed;

const READER: &str = include_str!("check.lua");

/// The filter.
pub fn filter() -> Value {
    json!({
        "name": "envoy.filters.http.lua",
        "typed_config": typed("filters.http.lua.v3.Lua", json!({
            "default_source_code": {"inline_string": script()},
        })),
    })
}

/// The whole script. A rule of `deny_if` refuses what holds, one of `require` what does not.
fn script() -> String {
    let mut rules = String::new();
    for (index, (key, op, value)) in RULES.into_iter().enumerate() {
        let at = format!("a.{key}");
        let test = test(&at, op, value);
        let refuse = match op {
            _ if index < REQUIRED => format!("not ({test})"),
            // What cannot be searched is not known to be free of it.
            "contains" | "prefix" | "suffix" => format!("type({at}) ~= 'string' or ({test})"),
            _ => test,
        };
        let _infallible = writeln!(rules, "  if {refuse} then return false end");
    }
    let read: String = RULES.map(|(key, ..)| format!("{key} = true, ")).concat();
    READER
        .replace("--TOOL--", TOOL)
        .replace("--READ--", &read)
        .replace("  --RULES--\n", &rules)
}

/// One rule on a value of unknown kind.
fn test(at: &str, op: &str, value: &str) -> String {
    let plain = value.trim_matches('"');
    let number = |op: &str| format!("type({at}) == 'number' and {at} {op} {value}");
    match op {
        "in" => {
            let all: Value = serde_json::from_str(value).unwrap_or_default();
            let all = all.as_array().into_iter().flatten();
            let all: Vec<String> = all.map(|one| format!("{at} == {one}")).collect();
            all.join(" or ")
        }
        "exists" => format!("{at} ~= nil"),
        "gte" => number(">="),
        "lte" => number("<="),
        "gt" => number(">"),
        "prefix" => format!(
            "type({at}) == 'string' and sub({at}, 1, {}) == '{plain}'",
            plain.len()
        ),
        "suffix" => format!(
            "type({at}) == 'string' and sub({at}, -{}) == '{plain}'",
            plain.len()
        ),
        "contains" => {
            format!("type({at}) == 'string' and find({at}, '{plain}', 1, true) ~= nil")
        }
        _ => format!("{at} == {value}"),
    }
}
