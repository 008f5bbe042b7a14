//! What searches cost, counted: bytes looked at, and states worked out.
#![allow(
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod common;

use common::Random;
use toolgate_pattern::{Budget, Pattern, TooMuchWork};

const MIB: usize = 1 << 20;

fn pattern(pattern: &str) -> Pattern {
    Pattern::new(pattern).expect("a pattern")
}

fn repeated(part: &str, bytes: usize) -> String {
    part.repeat(bytes.div_ceil(part.len()))
}

/// What it costs to find everything, if it can be told within a budget for one pattern.
fn cost(pattern: &Pattern, text: &str) -> Option<u64> {
    let budget = Budget::for_input(text.len(), 1);
    let before = budget.left();
    pattern.find_all(text, &budget).ok()?;
    Some(before - budget.left())
}

#[test]
fn clean_texts_cost_a_look_at_each_byte() {
    for (pattern, clean) in [
        (self::pattern("sk_live_[A-Za-z0-9]+"), "s k "),
        (self::pattern("(?i)ignore (all )?previous"), "The figures. "),
        (self::pattern(r"\b\d{3}-\d{2}-\d{4}\b"), "item 4711, "),
        (self::pattern("[A-Za-z0-9]{32,}"), "The figures. "),
        (self::pattern("^never$"), "never again "),
    ] {
        let text = repeated(clean, MIB);
        let spent = cost(&pattern, &text).expect("little work");
        // A little more where something looks like a beginning.
        let most = u64::try_from(text.len()).expect("small") / 10 * 11 + 20_000;
        assert!(spent <= most, "{pattern:?}: {spent}");
        // What is not paid for is not found out.
        let half = Budget::new(most / 2);
        let told = pattern.is_match(&text, &half);
        assert!(told == Err(TooMuchWork) || pattern.source().starts_with('^'));
    }
}

#[test]
fn matches_cost_their_length_there_and_back() {
    let text = "sk_live_abc ".repeat(1000);
    let pattern = pattern("sk_live_[A-Za-z0-9]+");
    let first = cost(&pattern, &text);
    assert!(first.is_some_and(|spent| spent < 60_000), "{first:?}");
    let again = cost(&pattern, &text);
    assert!(again.is_some_and(|spent| spent < 41_000), "{again:?}");
}

/// Texts made against one pattern each. All of them are searched in linear time.
#[test]
fn hostile_texts_are_judged() {
    let all = [
        (r"[a-z]+@[a-z]+\.com", "a".to_owned()),
        ("0{32}", "0".repeat(31) + "1"),
        ("a{1000}b", "a".to_owned()),
        ("a{1000}b", "a".repeat(999) + "b"),
        ("(a*)*(a*)*b", "a".to_owned()),
        (
            "(?i)ignore (all )?previous instructions",
            "ignore all previous instruction ".to_owned(),
        ),
        ("[A-Za-z0-9]{32,}", "a".to_owned()),
        (
            r"(?:password|token).{0,100}=.{0,100}[0-9]",
            "tokenpassword= é".to_owned(),
        ),
        ("(?s).*x.*y.*z", "xy".to_owned()),
    ];
    for (source, part) in all {
        let text = repeated(&part, MIB);
        let spent = cost(&pattern(source), &text);
        let bytes = u64::try_from(text.len()).expect("small");
        assert!(
            spent.is_some_and(|spent| spent <= 4 * bytes + 3_000_000),
            "{source}: {spent:?}"
        );
    }
}

/// Twenty patterns against 64 KiB, five against 1 MiB: of what policies ask, on what is nothing special, nothing is refused.
#[test]
fn ordinary_texts_are_always_judged() {
    let sources = [
        "sk_live_[A-Za-z0-9]+",
        "(?i)ignore (all )?previous instructions",
        r"\b\d{3}-\d{2}-\d{4}\b",
        r"[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}",
        r"(?i)\b(?:password|secret|token)\b\s*[:=]\s*\S+",
        "[A-Za-z0-9]{32,}",
        r"-----BEGIN [A-Z ]+-----",
        r"(?i)\b(drop|delete|truncate)\s+table\b",
        "^https://(docs|api)\\.acme\\.com/[a-z/]*$",
        r"\brm\s+-rf?\b",
        r"(?m)^\s*curl\s.*\|\s*sh$",
        r"\$\(.*\)|`.*`",
        r"\.\./",
        "(?i)<script[^>]*>",
        r"[^\x00-\x7F]{3,}",
        r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b",
        r"^[^\n]{1,200}$",
        "(?s)BEGIN.*END",
        r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b",
        r"(?i)(?:union|select)\b.{0,40}\bfrom\b",
    ];
    let words = [
        "The ",
        "figures",
        " select",
        "ed from ",
        "é",
        "漢字",
        "\n",
        "4711",
        " 10.0.0.1",
        ". ",
        "token: ",
        "abc@acme.com ",
        "../",
        "{\"id\": ",
        "BEGIN ",
        "union ",
        "0123456789abcdef",
        " - ",
        "/",
        "http://x",
    ];
    let mut random = Random(5);
    let mut text = String::new();
    while text.len() < MIB {
        text += random.pick(&words);
    }
    let short = text
        .get(..text.floor_char_boundary(MIB / 16))
        .expect("a text");
    for (text, count) in [(short, 20), (&text, 5)] {
        for sources in sources.chunks(count) {
            let budget = Budget::for_input(text.len(), sources.len());
            for source in sources {
                let told = pattern(source).is_match(text, &budget);
                assert!(told.is_ok(), "{source} in {} bytes", text.len());
            }
        }
    }
}

/// Texts on which each byte leads to a state that no byte has led to before end in too much work, and in no other answer.
#[test]
fn texts_without_end_are_refused() {
    let mut random = Random(1);
    let scattered: String = (0..MIB).map(|_| random.pick(&["a", "b"])).collect();
    for source in ["a[ab]{60}c", "[ab]*a[ab]{500}c", "(?s)a.*c|a"] {
        let pattern = pattern(source);
        let budget = Budget::for_input(scattered.len(), 1);
        let outcome = pattern.find_all(&scattered, &budget);
        assert_eq!(outcome, Err(TooMuchWork), "{source}");
        assert_eq!(budget.left(), 0);
    }
}

/// Where there is no room for all states, what was worked out is thrown away, and nothing else changes.
#[test]
fn beginning_anew_changes_nothing() {
    let mut random = Random(2);
    let text: String = (0..100_000)
        .map(|_| random.pick(&["a", "b", "c", "é"]))
        .collect();
    for source in ["a[ab]{9,17}[cé]", "[^b]{2}[abcé]{40,60}?a", "b.{30}c+"] {
        let pattern = pattern(source);
        let theirs = regex_lite::Regex::new(source).expect("a pattern");
        let theirs: Vec<_> = theirs.find_iter(&text).map(|found| found.range()).collect();
        assert!(!theirs.is_empty(), "{source}");
        for _ in 0..2 {
            let found = pattern.find_all(&text, &Budget::new(u64::MAX));
            assert_eq!(found, Ok(theirs.clone()), "{source}");
        }
    }
}

/// What a pattern keeps between searches is bounded, whatever it was searched in.
#[test]
fn memory_is_bounded() {
    let mut random = Random(3);
    let text: String = (0..200_000)
        .map(|_| random.pick(&["a", "b", "c"]))
        .collect();
    let pattern = pattern("a[ab]{60}c|[abc]{50}b");
    let compiled = pattern.bytes();
    for _ in 0..3 {
        let _whatever = pattern.find_all(&text, &Budget::new(20_000_000));
        assert!(
            pattern.bytes() < compiled * 4 + (160 << 10),
            "{}",
            pattern.bytes()
        );
    }
}
