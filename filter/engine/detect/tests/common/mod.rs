//! What the tests share: detectors by name, texts of pieces, and how much is looked at.

#![allow(dead_code, reason = "each test uses a part of it")]

use toolgate_detect::{Budget, DETECTORS, Detector, LOOKS_PER_BYTE, Match, Scanner, UrlTest};

/// A scanner for these detectors, in their order.
pub fn scanner(names: &[&str], allow: &[&str]) -> Scanner {
    let hosts = allow
        .iter()
        .map(|host| UrlTest::host(host).expect("a host"));
    let hosts: Vec<Box<str>> = hosts.collect();
    let mut scanner = Scanner::default();
    for (rule, name) in names.iter().enumerate() {
        scanner.add(rule, Detector::named(name).expect(name), &hosts);
    }
    scanner
}

/// One detector.
pub fn only(name: &str, allow: &[&str]) -> Scanner {
    scanner(&[name], allow)
}

/// All detectors.
pub fn all(allow: &[&str]) -> Scanner {
    scanner(&DETECTORS.each_ref().map(|detector| detector.name), allow)
}

/// What is found in a text, and how often it is looked at.
pub fn find_counted(scanner: &Scanner, text: &str) -> (Vec<Match>, u64) {
    let budget = Budget::new(u64::MAX);
    let found = scanner.find(text, &budget).expect("enough");
    (found, u64::MAX - budget.left())
}

/// What is found in a text.
pub fn find(scanner: &Scanner, text: &str) -> Vec<Match> {
    find_counted(scanner, text).0
}

/// Numbers that look random and are the same on every run.
pub struct Random(pub u64);

impl Random {
    /// One below this.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).expect("small")
    }
}

/// Pieces of the texts that cost most, each to be repeated.
pub fn hostile_texts() -> Vec<String> {
    let lines = include_str!("../hostile.txt").lines();
    let units = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    units
        .map(|unit| unit.replace('␣', " ").replace('⏎', "\n"))
        .collect()
}

/// A piece again and again, up to about this many bytes.
pub fn repeated(piece: &str, size: usize) -> String {
    piece.repeat(size / piece.len() + 1)
}

/// The worst of some texts.
pub struct Worst {
    scanner: Scanner,
    texts: Vec<(u64, String)>,
}

impl Worst {
    /// With all detectors.
    pub fn new() -> Worst {
        Worst {
            scanner: all(&["docs.acme.com", ".corp.io"]),
            texts: Vec::new(),
        }
    }

    /// Looks at each byte of a text, in tenths.
    pub fn tenths(scanner: &Scanner, text: &str) -> u64 {
        let (_, looks) = find_counted(scanner, text);
        looks * 10 / (text.len() as u64 + 1)
    }

    /// Takes note of a text, which can be called `what`, and says what it takes.
    pub fn look(&mut self, what: impl Fn() -> String, text: &str) -> u64 {
        let each = Worst::tenths(&self.scanner, text);
        let least = self.texts.last().map_or(0, |(each, _)| *each);
        if self.texts.len() < 12 || each > least {
            self.texts.push((each, what()));
            self.texts.sort_by(|left, right| right.cmp(left));
            self.texts.truncate(12);
        }
        each
    }

    /// None of them takes more than is said.
    pub fn check(self) {
        println!("tenths of a look a byte: {:#?}", self.texts);
        assert!(self.texts[0].0 <= LOOKS_PER_BYTE * 10, "{:#?}", self.texts);
    }
}

/// What detectors begin with, and what they read on over.
pub const PIECES: &[&str] = &[
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
    "a@b.cc",
    "a.bc%40",
    "%40a.bc",
    "é@é.com",
    "@a.bc",
    "+(",
    "(1) ",
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
    ".eyJ",
    "eyJhbGciOiJub25lIn0.",
    "eyJlbmMiOjEsImFsZyI6MX0.",
    "eyJhbGciOiJub25lIn0.x.y ",
    "-----BEGIN ",
    "-----END ",
    "-----END A-----",
    "-----BEGIN PRIVATE KEY-----\nabcdefghijklmnopq",
    "-----BEGIN PRIVATE KEY----- Version:",
    " AKIA",
    "-AKIA",
    "AKIAIOSFODNN7EXAMPLE",
    "key",
    "awssecretkey=",
    "secretaccesskey:",
    "aws_secret_key = ",
    "-ghp_",
    " github_pat_",
    "-sk_live_",
    "/whsec_",
    "rk_test_",
    "/xoxb-",
    ".xoxb-",
    "xoxd-",
    " xoxd-",
    "%xoxd-",
    "+xoxd-",
    "xapp-",
    "https://hooks.slack.com/",
    "AIza-",
    "-AIza",
    "AIza_",
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
    "?",
    ",",
    "a",
    "aaaaaaaaaaaaaaaaaaaa",
    "0000000000000000000000000000000000000000",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];
