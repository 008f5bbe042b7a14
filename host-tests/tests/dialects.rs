//! The dialects in the field: what their documents mean here, which are refused and why. The cases are data in `dialects/`.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use toolgate_cli::document::{Document, Format, Problem, ReadError};
use toolgate_cli::policytest::{Agreeing, LoadError, TestFile, run};
use toolgate_engine::config::Configured;
use toolgate_host::Module;

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/dialects")
        .join(name)
}

/// The files of policy tests: every YAML file that is not itself a policy.
fn test_files() -> Vec<PathBuf> {
    let name = |path: &Path| path.display().to_string();
    let mut files: Vec<PathBuf> = fs::read_dir(here("."))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| name(path).ends_with(".yaml") && !name(path).ends_with(".policy.yaml"))
        .collect();
    files.sort();
    files
}

#[test]
fn policies_decide_as_their_tests_say_in_every_form() {
    let wasm = toolgate_host::wasm::artifact().expect("the filter builds");
    let backend = Agreeing::new(Module::from_file(wasm).expect("the filter is a module"));
    let mut wrong = String::new();
    for path in test_files() {
        let file = match TestFile::read(&path) {
            Ok(file) => file,
            Err(LoadError::Io(path, error)) => panic!("{}: {error}", path.display()),
            Err(LoadError::Wrong { problems, .. }) => panic!("{}: {problems:#?}", path.display()),
        };
        for result in run(&file, &backend, |_| {}) {
            if let Some(failure) = result.failure {
                wrong.push_str(&format!(
                    "{}: {}: {failure:#?}\n",
                    path.display(),
                    result.case.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_policy_has_a_test() {
    for entry in fs::read_dir(here(".")).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if let Some((stem, _)) = name.split_once(".policy.") {
            assert!(here(&format!("{stem}.yaml")).exists(), "{name}");
        }
    }
}

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
    let document = match Document::read(&here("documents").join(name)) {
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
