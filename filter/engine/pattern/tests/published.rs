//! The test data that is published with the `regex` crate, as far as it is about what patterns of policies can say.
//!
//! The data is read where Cargo keeps the sources of that crate. Each test is run or left out for a reason that stands here, and
//! how many are left out for which reason is asserted: nothing is left out unnoticed.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;

use toml::{Table, Value};
use toolgate_pattern::{Budget, Pattern};

/// Where the data of the `regex` crate lies.
fn data() -> PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--manifest-path",
            manifest,
        ])
        .output()
        .expect("cargo metadata");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("metadata");
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let regex = packages.find(|package| package["name"] == "regex");
    let manifest = regex.and_then(|package| package["manifest_path"].as_str());
    PathBuf::from(manifest.expect("the regex crate")).with_file_name("testdata")
}

/// One test.
struct Case {
    name: String,
    fields: Table,
}

impl Case {
    fn flag(&self, name: &str, otherwise: bool) -> bool {
        let value = self.fields.get(name);
        value.map_or(otherwise, |value| value.as_bool().expect(name))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// Its pattern; what is ASCII here anyway need not be said.
    fn pattern(&self) -> String {
        let pattern = self.text("regex").unwrap_or_default();
        let pattern = pattern
            .replace("(?-u)", "")
            .replace("-u)", ")")
            .replace("-u:", ":");
        match self.flag("case-insensitive", false) {
            true => format!("(?i){pattern}"),
            false => pattern,
        }
    }

    /// Why it is none of a pattern's, if it is not.
    fn out_of_scope(&self) -> Option<&'static str> {
        let is = |name: &str, value: &str| self.text(name).is_none_or(|text| text == value);
        let pattern = self.pattern();
        let beyond = !self.text("haystack").unwrap_or_default().is_ascii() || !pattern.is_ascii();
        let named = [
            r"\w", r"\W", r"\d", r"\D", r"\s", r"\S", r"\b", r"\B", "(?i",
        ];
        let named = named.iter().any(|name| pattern.contains(name));
        Some(match () {
            () if self.text("regex").is_none() => "several patterns at once",
            () if !is("match-kind", "leftmost-first") => "another kind of match",
            () if !is("search-kind", "leftmost") => "another kind of search",
            () if self.flag("anchored", false) => "anchored from outside",
            () if self.fields.contains_key("bounds") => "within bounds",
            () if self.fields.contains_key("line-terminator") => "other ends of lines",
            () if self.flag("unescape", false) || (!self.flag("utf8", true) && beyond) => {
                "bytes, not characters"
            }
            () if pattern.contains(r"\p") || pattern.contains(r"\P") => "classes of Unicode",
            () if self.flag("unicode", true) && beyond && named => "letters beyond ASCII",
            () if has_other_flags(&pattern) => "flags that Go does not have",
            () if pattern.contains(r"\b{") => "boundaries that Go does not have",
            () if pattern.contains("{1,2500}") => "more repetitions than Go has",
            () => return None,
        })
    }

    fn matches(&self) -> Vec<Range<usize>> {
        let number =
            |value: &Value| usize::try_from(value.as_integer().expect("a place")).expect("a place");
        let matches = self.fields["matches"].as_array().expect("matches");
        let span = |found: &Value| -> Range<usize> {
            let found = found.as_array().expect("a span");
            match found.first() {
                // With its groups.
                Some(Value::Array(whole)) => number(&whole[0])..number(&whole[1]),
                _ => number(&found[0])..number(&found[1]),
            }
        };
        matches.iter().map(span).collect()
    }

    /// What is wrong.
    fn check(&self) -> Result<(), String> {
        let compiles = self.flag("compiles", true);
        let pattern = match Pattern::new(&self.pattern()) {
            Ok(pattern) if compiles => pattern,
            Ok(_) => return Err("read".to_owned()),
            Err(_) if !compiles => return Ok(()),
            Err(error) => return Err(format!("refused: {error}")),
        };
        let text = self.text("haystack").expect("a text");
        let mut expected = self.matches();
        let limited = self.fields.contains_key("match-limit");
        let is_match = pattern.is_match(text, &Budget::for_input(text.len(), 1));
        if is_match != Ok(!expected.is_empty()) {
            return Err(format!("is_match: {is_match:?}"));
        }
        expected.retain(|span| !span.is_empty());
        let found = pattern.find_all(text, &Budget::for_input(text.len(), 1));
        let mut found = found.map_err(|_| "too much work".to_owned())?;
        if limited {
            found.truncate(expected.len());
        }
        match found == expected {
            true => Ok(()),
            false => Err(format!("found {found:?}, not {expected:?}")),
        }
    }
}

/// `(?R)`, `(?x)` or `(?u)`.
fn has_other_flags(pattern: &str) -> bool {
    let mut groups = pattern.split("(?").skip(1);
    groups.any(|group| {
        let flags = group.split([':', ')', '<']).next().unwrap_or_default();
        flags.contains(['R', 'x', 'u'])
    })
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for file in std::fs::read_dir(data()).expect("the data") {
        let path = file.expect("a file").path();
        let group = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a name");
        let text = std::fs::read_to_string(&path).expect("a text");
        let table: Table = text.parse().expect("TOML");
        for test in table["test"].as_array().into_iter().flatten() {
            let fields = test.as_table().expect("a test").clone();
            let name = fields
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            cases.push(Case {
                name: format!("{group}/{name}"),
                fields,
            });
        }
    }
    cases
}

#[test]
fn as_the_regex_crate() {
    let mut left_out: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut run, mut wrong) = (0, Vec::new());
    for case in cases() {
        if let Some(reason) = case.out_of_scope() {
            *left_out.entry(reason).or_default() += 1;
            continue;
        }
        run += 1;
        if let Err(what) = case.check() {
            wrong.push(format!("{} `{}`: {what}", case.name, case.pattern()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let expected = [
        ("anchored from outside", 29),
        ("another kind of match", 32),
        ("another kind of search", 16),
        ("boundaries that Go does not have", 60),
        ("bytes, not characters", 52),
        ("classes of Unicode", 68),
        ("flags that Go does not have", 114),
        ("letters beyond ASCII", 57),
        ("more repetitions than Go has", 1),
        ("other ends of lines", 7),
        ("several patterns at once", 59),
        ("within bounds", 20),
    ];
    assert_eq!((run, left_out), (343, BTreeMap::from(expected)));
}
