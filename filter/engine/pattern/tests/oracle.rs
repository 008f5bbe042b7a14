//! Patterns beside regex-lite, which reads the plain ones alike: what is found, and where.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use toolgate_pattern::{Budget, Pattern, TooMuchWork};

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

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    /// A pattern of the constructs that Go and regex-lite read alike.
    fn pattern(&mut self, depth: usize) -> String {
        let mut out = String::new();
        for _ in 0..=self.below(4) {
            let part = match self.below(if depth == 0 { 6 } else { 9 }) {
                0..3 => self
                    .pick(&["a", "b", "é", "ab", "1", "_", " ", "漢"])
                    .to_owned(),
                3 => self
                    .pick(&[
                        "[ab]",
                        "[^a]",
                        "[a-c1]",
                        "[é-漢]",
                        "[^é]",
                        "[[:alpha:]]",
                        "[[:^digit:]_]",
                        r"[\w-]",
                        r"[\Da]",
                    ])
                    .to_owned(),
                4 => self
                    .pick(&[".", r"\d", r"\w", r"\W", r"\D", r"\n"])
                    .to_owned(),
                5 => self
                    .pick(&[
                        "^",
                        "$",
                        r"\b",
                        r"\B",
                        r"\A",
                        r"\z",
                        "(?m:^)",
                        "(?m:$)",
                        "(?i:aB)",
                        "(?s:.)",
                        "(?U:a+)",
                        "(?i-s:é[A-B].)",
                    ])
                    .to_owned(),
                6 => format!("({})", self.pattern(depth - 1)),
                7 => format!(
                    "(?:{}|{})",
                    self.pattern(depth - 1),
                    self.pattern(depth - 1)
                ),
                _ => format!(
                    "(?:{}|{}|)",
                    self.pattern(depth - 1),
                    self.pick(&["a", "ab", "", "b+"])
                ),
            };
            let single =
                part.chars().count() == 1 || part.ends_with([')', ']']) || part.starts_with('\\');
            out += &part;
            if single && self.below(3) == 0 {
                out += self.pick(&[
                    "*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,2}", "{1,3}?", "{0}",
                ]);
            }
        }
        out
    }
}

#[test]
fn found_where_another_engine_finds_it() {
    let mut random = Random(3);
    let (mut compared, mut found) = (0, 0);
    for _ in 0..8_000 {
        let pattern = random.pattern(3);
        let theirs = regex_lite::Regex::new(&pattern);
        let ours = Pattern::new(&pattern);
        let (Ok(theirs), Ok(ours)) = (&theirs, &ours) else {
            assert_eq!(
                theirs.is_ok(),
                ours.is_ok(),
                "{pattern}: {theirs:?} {ours:?}"
            );
            continue;
        };
        for _ in 0..4 {
            let text: String = (0..random.below(12))
                .map(|_| {
                    random.pick(&["a", "b", "A", "B", "c", "1", "_", " ", "\n", "é", "漢", "É"])
                })
                .collect();
            let expected: Vec<_> = theirs.find_iter(&text).map(|found| found.range()).collect();
            assert_eq!(
                ours.is_match(&text),
                !expected.is_empty(),
                "{pattern:?} in {text:?}"
            );
            let expected: Vec<_> = expected
                .into_iter()
                .filter(|span| !span.is_empty())
                .collect();
            let actual = ours.find_all(&text, &mut Budget::new(1 << 20));
            found += expected.len();
            assert_eq!(actual, Ok(expected), "{pattern:?} in {text:?}");
            compared += 1;
        }
    }
    assert!(
        compared > 20_000 && found > 10_000,
        "{compared} compared, {found} found"
    );
}

#[test]
fn a_search_stops_when_its_budget_is_used_up() {
    // Each match is found only after looking to the end of the text: quadratic, were it not for the budget.
    let text = "a".repeat(1 << 20);
    let pattern = Pattern::new("(?s)a.*b|a").expect("a pattern");
    let mut budget = Budget::new(10_000_000);
    assert_eq!(pattern.find_all(&text, &mut budget), Err(TooMuchWork));
    // What is not there costs nothing.
    let pattern = Pattern::new("sk_live_[A-Za-z0-9]+").expect("a pattern");
    assert_eq!(
        pattern.find_all(&"s k ".repeat(1 << 18), &mut Budget::new(0)),
        Ok(Vec::new())
    );
    // What is there costs its length.
    let text = "sk_live_abc ".repeat(1000);
    let found = pattern.find_all(&text, &mut Budget::new(60 * 1000));
    assert_eq!(found.map(|found| found.len()), Ok(1000));
}

/// A look that fails where nothing can begin is tried again at the next place where something can.
#[test]
fn looks_hold_behind_what_was_skipped() {
    for (pattern, text, expected) in [
        (r"\s?\brm\b", "  -rm -rf /", 3..5),
        (r#"['"]?\bDROP\b"#, r#""" DROP TABLE users"#, 3..7),
        (r"-?\bfoo", "-- foo", 3..6),
        (
            r"\$?\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b",
            "$$ (123-45-6789)",
            4..15,
        ),
        (r"#?\bsk_live_[a-z0-9]+", "##.sk_live_abc123", 3..17),
        (r"x?\Ba", "x  ba", 4..5),
        (r"(?:-|\b)cat", "--- a cat", 6..9),
        (r"(?m)-?^b", "-a\nb", 3..4),
    ] {
        let theirs = regex_lite::Regex::new(pattern).expect("a pattern");
        assert_eq!(
            theirs.find(text).map(|found| found.range()),
            Some(expected.clone()),
            "{pattern}"
        );
        let ours = Pattern::new(pattern).expect("a pattern");
        assert!(ours.is_match(text), "{pattern} in {text}");
        let found = ours.find_all(text, &mut Budget::new(1 << 20));
        assert_eq!(found, Ok(vec![expected]), "{pattern} in {text}");
    }
}
