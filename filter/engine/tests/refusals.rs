//! `filter/REFUSALS.md` lists every refusal of the gate's own, from the tables that give them.
//!
//! `UPDATE_EXPECT=1 cargo test -p toolgate-engine --test refusals` writes it anew.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use toolgate_engine::identity::Stranger;
use toolgate_engine::refusal::{Own, Rejection};

const HEAD: &str = "\
# Refusals

What the gate refuses without being told to by a rule. The pointers are a closed list: they stand in records (`rule`), in
`error.data.rule` and in the text of tool results, and dashboards may rely on them. A refusal by a rule of yours has the
pointer of that rule instead, such as `/tools/create_refund/limits/daily`.

This page is made from the tables in `filter/engine/src/refusal`; a test holds it to them.
";

const REQUESTS: &str = "
## Requests that are no request

Refused before any policy is asked. The caller gets a JSON-RPC error with this code. The HTTP status is that of 2026-07-28, and
of what is ambiguous or no MCP at all; one clear request of a version before that is answered with 200 under its id, for a 4xx
would end the session of many clients.

| pointer | HTTP | code | text |
|---|---|---|---|
";

const CALLERS: &str = "
## Callers that are turned away

| pointer | HTTP | text |
|---|---|---|
";

const CALLS: &str = "
## Calls and replies

A refused call is answered with a tool result (`isError`) that says why; a withheld reply is replaced by one.

| pointer | when, and what to do |
|---|---|
";

fn page() -> String {
    let mut page = format!("{HEAD}{REQUESTS}");
    for rejection in Rejection::ALL {
        let (pointer, status) = (rejection.pointer(), rejection.status());
        let (code, text) = (rejection.code(), rejection.message());
        writeln!(page, "| `{pointer}` | {status} | {code} | {text} |").unwrap();
    }
    page.push_str(CALLERS);
    for stranger in Stranger::ALL {
        let status = match stranger.is_unauthenticated() {
            true => 401,
            false => 403,
        };
        let (word, text) = (stranger.word(), stranger.message());
        writeln!(page, "| `/identity/{word}` | {status} | {text} |").unwrap();
    }
    page.push_str(CALLS);
    for own in Own::ALL {
        writeln!(page, "| `{}` | {} |", own.pointer(), own.about()).unwrap();
    }
    page
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn the_page_lists_every_refusal() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../REFUSALS.md");
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap();
    assert!(
        written == page(),
        "filter/REFUSALS.md is not what the tables say: run this test with UPDATE_EXPECT=1"
    );
}

#[test]
fn pointers_are_told_apart() {
    let mut pointers: Vec<String> = Rejection::ALL.iter().map(|it| it.pointer()).collect();
    pointers.extend(Own::ALL.iter().map(|own| own.pointer().to_owned()));
    let all = pointers.len();
    pointers.sort();
    pointers.dedup();
    assert_eq!(pointers.len(), all);
}

/// A refusal whose pointer is written where it is given is in no table.
#[test]
fn no_refusal_is_made_up_on_the_spot() {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    for file in files {
        let text: String = fs::read_to_string(&file)
            .unwrap()
            .split_whitespace()
            .collect();
        assert!(
            !text.contains("Denial::at(\"/") && !text.contains("Denial::own(\""),
            "{} refuses by a pointer of its own: add it to refusal/own.rs",
            file.display()
        );
    }
}
