//! The cases in `detectors`, one file for each kind, and what must hold of detectors on any text.

#![allow(
    clippy::expect_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use std::path::Path;

use toolgate_engine::policy::{Pattern, UrlTest};
use toolgate_engine::redact::detect::{Budget, Detectors, Kind, Match, Rule};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/detectors")
}

fn named(name: &str, allow: &[&str]) -> Rule {
    let kind = match Kind::named(name).expect("a kind") {
        Kind::Url { .. } => {
            let hosts = allow
                .iter()
                .map(|host| UrlTest::host(host).expect("a host"));
            Kind::Url {
                allow_hosts: hosts.collect(),
            }
        }
        kind => kind,
    };
    Rule::named(name, kind, None)
}

fn all(allow: &[&str]) -> Detectors {
    Detectors::new(Kind::NAMES.map(|name| named(name, allow)).to_vec())
}

fn find(rules: &Detectors, text: &str) -> Vec<Match> {
    rules
        .find(text, &Budget::for_input(text.len(), 1))
        .expect("little work")
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
    for name in Kind::NAMES {
        let file = std::fs::read_to_string(folder().join(format!("{name}.txt"))).expect(name);
        let allow: Vec<&str> = file
            .lines()
            .find_map(|line| line.strip_prefix("allow:"))
            .map_or(Vec::new(), |hosts| hosts.split_whitespace().collect());
        let (rules, everything) = (Detectors::new(vec![named(name, &allow)]), all(&allow));
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

/// Numbers that look random and are the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).expect("small")
    }
}

/// Texts of pieces that mean something to a scanner.
fn texts() -> impl Iterator<Item = String> {
    const PIECES: &[&str] = &[
        "@",
        "a@b.co",
        ".",
        "-",
        "+",
        "(",
        ")",
        "415",
        "555-2671",
        "+1 ",
        "0",
        "4111 1111 1111 1111",
        "DE89 3704",
        "0044 0532 0130 00",
        "123-45-6789",
        "10.0.0.1",
        "eyJ",
        "eyJhbGciOiJub25lIn0",
        ".x.",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "-----",
        "BEGIN ",
        "AKIA",
        "IOSFODNN7EXAMPLE",
        "secret_access_key=",
        "ghp_",
        "github_pat_",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "xoxb-",
        "hooks.slack.com/",
        "sk_live_",
        "whsec_",
        "AIza",
        "https://",
        "//",
        "\\/",
        "docs.acme.com",
        "é",
        "\u{a0}",
        "–",
        "漢",
        "\u{200b}",
        "😀",
        " ",
        "\n",
        "\\n",
        "\"",
        "'",
        "/",
        "=",
        ":",
        "_",
        "%40",
        "x",
        "B",
        "J",
        "k",
        "A",
        "1",
        "000000000000000000000",
    ];
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
    let mut rules = Kind::NAMES
        .map(|name| named(name, &["docs.acme.com"]))
        .to_vec();
    for pattern in ["[a-z]{3}é?", "1.*2|1", "x*", r"\b\d"] {
        rules.push(Rule::own(Pattern::new(pattern).expect("a pattern"), None));
    }
    let rules = Detectors::new(rules);
    let mut count = 0;
    for text in texts() {
        let found = find(&rules, &text);
        let mut from = 0;
        for Match { span, kind } in &found {
            assert!(
                from <= span.start && span.start < span.end,
                "{found:?} in {text:?}"
            );
            assert!(
                text.get(span.clone()).is_some(),
                "{span:?} cuts a character of {text:?}"
            );
            assert!(*kind < rules.len());
            from = span.end;
        }
        count += found.len();
    }
    assert!(count > 10_000, "{count} found");
}

#[test]
fn replacements_are_not_found_again() {
    let rules = all(&["docs.acme.com"]);
    for text in texts() {
        let mut out = String::new();
        let mut from = 0;
        let found = find(&rules, &text);
        for Match { span, kind } in &found {
            out += &text[from..span.start];
            out += rules.replacement(*kind);
            from = span.end;
        }
        out += &text[from..];
        for again in find(&rules, &out) {
            let part = &out[again.span];
            // What stood apart may become one link when there is no space between it any more.
            let link = rules.name(again.kind) == "url";
            assert!(link || !part.contains("[redacted:"), "{part:?} in {out:?}");
        }
    }
    for kind in 0..rules.len() {
        for around in [
            ["", ""],
            ["a", "b"],
            ["1", "2"],
            ["https://", "/"],
            ["(", ")"],
            ["@", "@"],
            ["//", ".com"],
        ] {
            let text = around.join(rules.replacement(kind));
            assert_eq!(find(&rules, &text), [], "{text}");
        }
    }
}

/// Ordinary prose and code: the sources of this repository, where they speak of nothing that is to be found.
#[test]
fn ordinary_text_holds_next_to_nothing() {
    const SKIPPED: [&str; 8] = [
        "target",
        "tests",
        "corpus",
        "clients",
        "redact",
        "fuzz",
        "results",
        "node_modules",
    ];
    let rules = all(&["docs.acme.com"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (mut size, mut counts) = (0, vec![0; rules.len()]);
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
                    counts[found.kind] += 1;
                    found_there.push(format!("{}: {}", path.display(), &text[found.span]));
                }
            }
        }
    }
    assert!(size > 1_000_000, "{size} bytes");
    // Addresses of machines and links are what such texts are full of.
    let expected = ["ipv4", "url", "email"];
    let surprising: usize = (0..rules.len())
        .filter(|kind| !expected.contains(&rules.name(*kind)))
        .map(|kind| counts[kind])
        .sum();
    let emails = counts[0];
    assert!(
        surprising <= 4 && emails <= 40,
        "{surprising}, {emails}: {found_there:#?}"
    );
}
