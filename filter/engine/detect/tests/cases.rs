//! The cases in `cases`, one file for each detector, and what must hold of detectors on any text.

#![allow(
    clippy::expect_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use std::path::Path;

mod common;

use common::{PIECES, Random, all, find, only};
use toolgate_detect::{DETECTORS, Detector, Match, join};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// A text with marks around what is found in it.
fn marked(text: &str, found: &[Match]) -> String {
    let (mut out, mut from) = (String::new(), 0);
    for found in found {
        out += &text[from..found.span.start];
        out.push('⟦');
        out += &text[found.span.clone()];
        out.push('⟧');
        from = found.span.end;
    }
    out + &text[from..]
}

#[test]
fn cases() {
    let mut wrong = Vec::new();
    for Detector { name, .. } in &DETECTORS {
        let file = std::fs::read_to_string(folder().join(format!("{name}.txt"))).expect(name);
        let allow: Vec<&str> = file
            .lines()
            .find_map(|line| line.strip_prefix("allow:"))
            .map_or(Vec::new(), |hosts| hosts.split_whitespace().collect());
        let (rules, everything) = (only(name, &allow), all(&allow));
        let (mut hits, mut misses) = (0, 0);
        for line in file.lines() {
            let case = line
                .replace('⏎', "\n")
                .replace('⍽', "\u{a0}")
                .replace('¦', "");
            let Some((kind @ ("+" | "-"), expected)) = case.split_once(' ') else {
                continue;
            };
            let text = expected.replace(['⟦', '⟧'], "");
            let found = find(&rules, &text);
            let actual = marked(&text, &found);
            if actual != expected {
                wrong.push(format!("{name}: {actual:?} for {line}"));
            }
            match kind {
                "+" => hits += found.len(),
                _ => misses += 1,
            }
            let together = find(&everything, &text);
            let covered = |span: &Match| {
                let within = |other: &Match| {
                    other.span.start <= span.span.start && span.span.end <= other.span.end
                };
                together.iter().any(within)
            };
            if !found.iter().all(covered) {
                wrong.push(format!("{name}: not with all detectors: {line}"));
            }
        }
        assert!(
            hits >= 20 && misses >= 20,
            "{name}: {hits} hits, {misses} misses"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Texts of pieces that mean something to a scanner.
fn texts() -> impl Iterator<Item = String> {
    let mut random = Random(1);
    (0..6_000).map(move |_| {
        let pieces = random.below(24);
        (0..pieces)
            .map(|_| PIECES[random.below(PIECES.len())])
            .collect()
    })
}

#[test]
fn matches_are_sorted_apart_and_on_characters() {
    let rules = all(&["docs.acme.com"]);
    let mut count = 0;
    for text in texts() {
        let named = find(&rules, &text);
        // What somebody else finds: every other word.
        let words = text.split(' ').step_by(2).filter(|word| !word.is_empty());
        let place = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
        let own = words.map(|word| place(word)..place(word) + word.len());
        let found = join(named, own.collect(), DETECTORS.len());
        let mut from = 0;
        for Match { span, rule } in &found {
            assert!(
                from <= span.start && span.start < span.end,
                "{found:?} in {text:?}"
            );
            assert!(
                text.get(span.clone()).is_some(),
                "{span:?} cuts a character of {text:?}"
            );
            assert!(*rule <= DETECTORS.len());
            from = span.end;
        }
        count += found.len();
    }
    assert!(count > 10_000, "{count} found");
}

/// What users put in the place of what a detector finds, unless they say otherwise.
fn replacement(rule: usize) -> String {
    format!("[redacted:{}]", DETECTORS[rule].name)
}

#[test]
fn replacements_are_not_found_again() {
    let rules = all(&["docs.acme.com"]);
    for text in texts() {
        let mut out = String::new();
        let mut from = 0;
        let found = find(&rules, &text);
        for Match { span, rule } in &found {
            out += &text[from..span.start];
            out += &replacement(*rule);
            from = span.end;
        }
        out += &text[from..];
        for again in find(&rules, &out) {
            let part = &out[again.span];
            // What stood apart may become one link when there is no space between it any more.
            let link = DETECTORS[again.rule].name == "url";
            assert!(link || !part.contains("[redacted:"), "{part:?} in {out:?}");
        }
    }
    for rule in 0..DETECTORS.len() {
        for around in [
            ["", ""],
            ["a", "b"],
            ["1", "2"],
            ["https://", "/"],
            ["(", ")"],
            ["@", "@"],
            ["//", ".com"],
        ] {
            let text = around.join(&replacement(rule));
            assert_eq!(find(&rules, &text), [], "{text}");
        }
    }
}

/// Ordinary prose and code: the sources of this repository, where they speak of nothing that is to be found.
#[test]
fn ordinary_text_holds_next_to_nothing() {
    const SKIPPED: [&str; 12] = [
        "target",
        "tests",
        "corpus",
        "clients",
        "redact",
        "fuzz",
        "checks",
        "results",
        "node_modules",
        "detect",
        "attacks",
        "lanes",
    ];
    let rules = all(&["docs.acme.com"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let (mut size, mut counts) = (0, vec![0; DETECTORS.len()]);
    let mut found_there = Vec::new();
    let mut folders: Vec<_> = ["filter", "host-tests", "benches", "envoy"]
        .map(|folder| root.join(folder))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_dir() {
                if !SKIPPED.iter().any(|skipped| name == *skipped) {
                    folders.push(path);
                }
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                size += text.len();
                for found in find(&rules, &text) {
                    counts[found.rule] += 1;
                    found_there.push(format!("{}: {}", path.display(), &text[found.span]));
                }
            }
        }
    }
    assert!(size > 1_000_000, "{size} bytes");
    // Addresses of machines and links are what such texts are full of.
    let expected = ["ipv4", "url", "email"];
    let surprising: usize = (0..DETECTORS.len())
        .filter(|rule| !expected.contains(&DETECTORS[*rule].name))
        .map(|rule| counts[rule])
        .sum();
    let emails = counts[0];
    assert!(
        surprising <= 4 && emails <= 40,
        "{surprising}, {emails}: {found_there:#?}"
    );
}
