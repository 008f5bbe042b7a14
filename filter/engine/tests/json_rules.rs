//! The published rules of JSON: what a parser must accept, what it must refuse, and what it may.
//!
//! The cases are data, under `corpus/json`. A case of `accept.jsonl` with `stricter` is lawful JSON, or JSON a parser may
//! accept, that the gate refuses all the same, for the reason it names.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::path::Path;

use serde::Deserialize;
use toolgate_engine::json::{Document, Limits};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    note: String,
    text: Option<String>,
    b64: Option<String>,
    /// Parts, and how often each stands there.
    repeat: Option<Vec<(String, usize)>>,
    stricter: Option<String>,
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        use base64::Engine as _;
        match (&self.text, &self.b64, &self.repeat) {
            (Some(text), None, None) => text.clone().into_bytes(),
            (None, Some(encoded), None) => base64::prelude::BASE64_STANDARD
                .decode(encoded)
                .expect("base64"),
            (None, None, Some(parts)) => {
                let part = |(text, count): &(String, usize)| text.repeat(*count);
                parts.iter().map(part).collect::<String>().into_bytes()
            }
            _ => panic!("{}: one of `text`, `b64` and `repeat`", self.id),
        }
    }

    fn accepted(&self) -> bool {
        Document::parse(&self.bytes(), &Limits::WIRE).is_ok()
    }
}

fn cases(name: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../host-tests/corpus/json")
        .join(name);
    let text = std::fs::read_to_string(path).expect("a file");
    let case =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    text.lines().map(case).collect()
}

fn complaints(cases: &[Case], right: impl Fn(&Case) -> bool) -> Vec<String> {
    let wrong = cases.iter().filter(|case| !right(case));
    wrong
        .map(|case| format!("{}: {}", case.id, case.note))
        .collect()
}

#[test]
fn what_must_be_refused_is_refused() {
    let cases = cases("reject.jsonl");
    assert!(cases.len() > 200, "only {} cases", cases.len());
    let wrong = complaints(&cases, |case| !case.accepted());
    assert!(wrong.is_empty(), "accepted:\n{}", wrong.join("\n"));
}

#[test]
fn what_must_be_accepted_is_accepted_but_for_what_is_ambiguous() {
    let cases = cases("accept.jsonl");
    assert!(cases.len() > 100, "only {} cases", cases.len());
    let wrong = complaints(&cases, |case| case.accepted() == case.stricter.is_none());
    assert!(wrong.is_empty(), "not as listed:\n{}", wrong.join("\n"));
}

#[test]
fn ids_are_unique() {
    let mut ids: Vec<_> = cases("accept.jsonl")
        .into_iter()
        .chain(cases("reject.jsonl"))
        .map(|case| case.id)
        .collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all);
}
