//! The dialects in the field: which documents load, which are refused and why. The cases are data in `dialects/`; what
//! policies decide is a test of host-tests.

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
use serde_json::Value;
use serde_json::value::RawValue;
use toolgate_document::{Document, Format, Problem, ReadError};
use toolgate_engine::config::Configured;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases<T> {
    cases: Vec<T>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    name: String,
    document: Box<RawValue>,
    errors: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// JSON Pointer.
    at: String,
    /// Words of the message.
    says: String,
    /// The word that was probably meant.
    meant: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Loads {
    name: String,
    documents: Vec<Box<RawValue>>,
}

fn cases<T: for<'de> Deserialize<'de>>(name: &str) -> Vec<T> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialects");
    let document = match Document::read(&here.join(name)) {
        Ok(document) => document,
        Err(ReadError::Io(error)) => panic!("{name}: {error}"),
        Err(ReadError::Malformed { problem, .. }) => panic!("{name}: {problem:?}"),
    };
    let cases: Cases<T> = serde_json::from_str(document.json()).expect("cases");
    cases.cases
}

/// Reads a configuration, and returns its digest: a text as the file it is, anything else as JSON.
fn load(written: &RawValue) -> Result<String, Vec<Problem>> {
    let (text, format) = match serde_json::from_str(written.get()).expect("JSON") {
        Value::String(text) if text.starts_with(['{', '[']) => (text, Format::Json),
        Value::String(text) => (text, Format::Yaml),
        _ => (written.get().to_owned(), Format::Json),
    };
    let document = Document::parse("case", text, format).map_err(|(_, problem)| vec![problem])?;
    match Configured::from_json(document.json().as_bytes(), false) {
        Ok(Configured::Gate(gate)) => Ok(gate.digest),
        Ok(Configured::Console(console)) => Ok(console.digest),
        Err(errors) => Err(errors.0.into_iter().map(Problem::from).collect()),
    }
}

#[test]
fn documents_are_refused_with_every_error_where_it_is() {
    let mut wrong = String::new();
    for case in cases::<Refused>("refused.yaml") {
        let problems = match load(&case.document) {
            Ok(_) => {
                wrong.push_str(&format!("{}: it loads\n", case.name));
                continue;
            }
            Err(problems) => problems,
        };
        let fits = |(problem, expected): (&Problem, &Expected)| {
            problem.pointer == expected.at
                && problem.message.contains(&expected.says)
                && problem.suggestion == expected.meant
        };
        let all = problems.iter().zip(&case.errors).all(fits);
        if !all || problems.len() != case.errors.len() {
            let found: Vec<String> = problems
                .iter()
                .map(|problem| format!("  {}: {}\n", problem.pointer, problem.sentence()))
                .collect();
            wrong.push_str(&format!("{}:\n{}", case.name, found.concat()));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn documents_load_and_have_one_digest_in_every_spelling() {
    for case in cases::<Loads>("loads.yaml") {
        let digest = |document: &RawValue| match load(document) {
            Ok(digest) => digest,
            Err(problems) => panic!("{}: {problems:#?}", case.name),
        };
        let mut digests: Vec<String> = case
            .documents
            .iter()
            .map(|document| digest(document))
            .collect();
        digests.dedup();
        assert_eq!(digests.len(), 1, "{}", case.name);
    }
}
