//! Texts that are made to cost much: what the detectors do is counted, and grows with the text and not faster.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use toolgate_engine::redact::detect::{Budget, Detectors, Kind, LOOKS, Rule};

fn all() -> Detectors {
    Detectors::new(
        Kind::NAMES
            .map(|name| Rule::named(name, Kind::named(name).expect(name), None))
            .to_vec(),
    )
}

/// How often the detectors look at a text.
fn looks(rules: &Detectors, text: &str) -> u64 {
    let mut budget = Budget::new(u64::MAX);
    rules.find_named(text, &mut budget).expect("enough");
    u64::MAX - budget.left()
}

fn repeated(piece: &str, size: usize) -> String {
    piece.repeat(size / piece.len() + 1)
}

/// What scanners begin with, and what they read on over.
const PIECES: &[&str] = &[
    "@",
    "%40",
    "a@b.cc",
    "a.bc%40",
    "%40a.bc",
    "é@é.com",
    "@a.bc",
    "+",
    "(",
    "+(",
    "(1) ",
    "+1 ",
    "0",
    "01 ",
    "1 ",
    "1.",
    "1-",
    "12-",
    "123-45-",
    "4111 ",
    "4111-1111-",
    "400000",
    "111 111 ",
    "1.1.1.1 ",
    "0.0.0.0-",
    "DE11",
    "ZZ11 ",
    "MT31MALT",
    "mt31 ",
    "eyJ",
    ".eyJ",
    "eyJhbGciOiJub25lIn0",
    "eyJhbGciOiJub25lIn0.",
    "eyJlbmMiOjEsImFsZyI6MX0.",
    "eyJhbGciOiJub25lIn0.x.y ",
    "B",
    "BEGIN ",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "-----END ",
    "-----END PRIVATE KEY-----",
    "-----END A-----",
    "-----BEGIN PRIVATE KEY-----\nabcdefghijklmnopq",
    "-----BEGIN PRIVATE KEY----- Version:",
    "-----",
    "A",
    "AKIA",
    " AKIA",
    "-AKIA",
    "AKIAIOSFODNN7EXAMPLE",
    "k",
    "key",
    "awssecretkey=",
    "secretaccesskey:",
    "aws_secret_key = ",
    "_",
    "ghp_",
    "-ghp_",
    "github_pat_",
    " github_pat_",
    "sk_live_",
    "-sk_live_",
    "whsec_",
    "/whsec_",
    "rk_test_",
    "x",
    "xoxb-",
    "/xoxb-",
    ".xoxb-",
    "xoxd-",
    " xoxd-",
    "%xoxd-",
    "+xoxd-",
    "xapp-",
    "hooks.slack.com/",
    "https://hooks.slack.com/",
    "AIza",
    "AIza-",
    "-AIza",
    "AIza_",
    ":",
    "/",
    "//",
    "\\",
    "=//",
    "(//a.bc",
    "]: //",
    "http:",
    "http:\\",
    "http:\\!",
    "http://",
    "http://!",
    "https:\\/\\/",
    "https:\\/\\/!",
    "a://",
    "a://a",
    "a.a.a.a://",
    "https://json-schema.org",
    "https://json-schema.org:",
    "https://[",
    "http:\\!(",
    "http:\\!)",
    "http://a@",
    "http:\\!@",
    "(",
    ")",
    "?",
    ".",
    ",",
    "a",
    "é",
    "漢",
    " ",
    "\n",
    "-",
    "=",
    "aaaaaaaaaaaaaaaaaaaa",
    "0000000000000000000000000000000000000000",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

/// Those that took time that grows with the square of the text, before what scanners read ahead was bounded.
#[test]
fn squares() {
    const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
    const END: &str = "-----END PRIVATE KEY-----";
    let size = 1 << 16;
    let keys = repeated(BEGIN, size);
    let texts = [
        ("google_api_key", repeated("AIza-", size)),
        ("aws_key", repeated("awssecretkey=", size)),
        (
            "private_key slack_token",
            format!("xoxb-123456789012345678{keys}{END}"),
        ),
        (
            "private_key jwt",
            format!("eyJhbGciOiJub25lIn0.x.{keys}{END}"),
        ),
        (
            "private_key github_token",
            format!("ghp_abcdefghijklmnopqrstuvwxyz0123456789{keys}{END}"),
        ),
        (
            "private_key google_api_key",
            format!("AIza{}{keys}{END}", "a".repeat(30)),
        ),
        (
            "private_key url",
            format!("https://evil.example/{keys}{END}"),
        ),
        (
            "private_key email",
            format!("a@b.cc{}", keys.replace("-----BEGIN", "a@b.cc-----BEGIN")),
        ),
        ("url", repeated("http:\\!", size)),
    ];
    for (names, text) in texts {
        let rules: Vec<Rule> = names
            .split(' ')
            .map(|name| Rule::named(name, Kind::named(name).expect(name), None))
            .collect();
        let each = looks(&Detectors::new(rules), &text) / text.len() as u64;
        assert!(each <= LOOKS, "{names}: {each} looks a byte");
    }
}

/// Each piece alone, with each length of a run behind it, before and behind many of each other, and in turn with each other.
#[test]
fn no_text_of_pieces_costs_more_than_is_said() {
    let rules = all();
    let mut worst: Vec<(u64, String)> = Vec::new();
    let mut check = |what: String, text: String| {
        let each = looks(&rules, &text) * 10 / text.len() as u64;
        worst.push((each, what));
    };
    for piece in PIECES {
        check(format!("{piece:?}"), repeated(piece, 1 << 14));
        for fill in ["a", "A", "1", "-", "a.", "1 ", "é", "=", "/"] {
            for length in [
                1, 2, 3, 4, 8, 15, 16, 17, 23, 24, 32, 35, 36, 39, 40, 41, 63, 64, 65, 252, 253,
                254, 299, 300, 301,
            ] {
                let unit = format!("{piece}{}", fill.repeat(length / fill.len() + 1));
                check(
                    format!("{piece:?} and {fill:?} × {length}"),
                    repeated(&unit, 1 << 11),
                );
            }
        }
        for other in PIECES {
            check(
                format!("{piece:?}, {other:?} in turn"),
                repeated(&format!("{piece}{other}"), 1 << 11),
            );
            check(
                format!("{piece:?} before {other:?}"),
                repeated(piece, 1 << 10) + &repeated(other, 1 << 10),
            );
            check(
                format!("{piece:?}, {other:?}, {piece:?}"),
                format!("{piece}{}{piece}", repeated(other, 1 << 11)),
            );
        }
    }
    worst.sort_by(|a, b| b.cmp(a));
    worst.truncate(20);
    println!("{worst:#?}");
    assert!(worst[0].0 <= LOOKS * 10, "{worst:#?}");
}
