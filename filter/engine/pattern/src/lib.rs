//! Patterns as policy authors write them: RE2 as in Go, unanchored search, within a budget.
//!
//! A pattern is checked and brought into a plain form ([`translate`]), then compiled by `regex-automata` to two automata that
//! work out their states when a text asks for them. What RE2 does not have, or reads differently from what people expect, is
//! refused by name. `(?i)` folds ASCII letters only; `\b`, `\w` and `\d` are ASCII, as in Go.
//!
//! Whoever writes a text that is searched may be an attacker, so every byte that is looked at is paid for from a [`Budget`], and so
//! is every state that has to be worked out. What a search costs beyond its bytes therefore depends on what the pattern has seen
//! before: a text that is refused as too much work may be less work another time. Texts that are not made for it do not come near.
//!
//! Memory is bounded, too. A pattern takes at most 1 MiB as compiled, and as much again for finding where matches begin; common ones
//! take a few KiB. While it is searched it works out at most 1 MiB of states in each direction, of which it keeps 64 KiB for the
//! next text, beside room for sets of states by its own size.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::panic,
        reason = "a test may panic"
    )
)]

mod automaton;
mod begin;
mod budget;
mod class;
mod search;
mod translate;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use regex_syntax::ParserBuilder;

pub use budget::{Budget, TooMuchWork};
use search::Machine;
pub use translate::translate;

/// A compiled pattern. Copies share what they have worked out.
#[derive(Clone)]
pub struct Pattern {
    source: Box<str>,
    machine: Arc<Machine>,
}

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(String);

type Result<T> = std::result::Result<T, PatternError>;

impl PatternError {
    fn new(what: &str) -> PatternError {
        PatternError(what.to_owned())
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

impl fmt::Debug for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Pattern").field(&self.source).finish()
    }
}

impl Pattern {
    /// Compiles a pattern in Go's syntax.
    ///
    /// # Errors
    /// The construct that is not supported, or what is wrong.
    pub fn new(pattern: &str) -> Result<Pattern> {
        let plain = translate(pattern)?;
        let mut parser = ParserBuilder::new().utf8(true).unicode(true).build();
        let hir = parser.parse(&plain).map_err(|error| {
            PatternError::new(&format!("the pattern cannot be read: {}", kind(&error)))
        })?;
        Ok(Pattern {
            source: pattern.into(),
            machine: Arc::new(Machine::new(hir)?),
        })
    }

    /// Whether the pattern is found anywhere in `text`.
    ///
    /// # Errors
    /// To tell takes more than is left of the budget.
    pub fn is_match(&self, text: &str, budget: &Budget) -> std::result::Result<bool, TooMuchWork> {
        self.machine.is_match(text, budget)
    }

    /// Everything it finds in `text`, from left to right, without empty matches. Where it matches in several ways, the first
    /// one in the order of the pattern counts, as in Go.
    ///
    /// # Errors
    /// It takes more than is left of the budget.
    pub fn find_all(
        &self,
        text: &str,
        budget: &Budget,
    ) -> std::result::Result<Vec<Range<usize>>, TooMuchWork> {
        self.machine.find_all(text, budget)
    }

    /// The pattern as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Bytes it takes: as compiled, and what it keeps of what earlier searches worked out.
    pub fn bytes(&self) -> usize {
        self.machine.bytes()
    }
}

/// What is wrong, without the excerpt: it would show the plain form, which nobody wrote.
fn kind(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        _ => "it is not understood".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_go_does() {
        // Pattern, texts it is found in, texts it is not.
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("b", &["abc"], &["ac"]),
            ("^b", &["bc"], &["abc", "a\nb"]),
            ("c$", &["abc"], &["abc\n"]),
            (r"a.c", &["abc", "aéc"], &["a\nc"]),
            ("(?s)a.c", &["a\nc"], &[]),
            ("(?m)^b$", &["a\nb\nc"], &["ab"]),
            ("(?i)abc", &["ABC"], &[]),
            (
                r"^\s$",
                &[" ", "\t", "\n", "\r", "\u{c}"],
                &["\u{b}", "\u{a0}", "\u{2003}"],
            ),
            (r"^\S$", &["\u{b}", "a", "\u{a0}"], &[" "]),
            (r"^[\s]$", &[" "], &["\u{b}"]),
            (r"^[\S]$", &["\u{b}", "é"], &["\n"]),
            (r"^[^\S]$", &["\n"], &["a", "\u{b}"]),
            (r"^\d\w\W$", &["1a-"], &["٣a-", "1é-x"]),
            (r"\bcat\b", &["a cat."], &["concat"]),
            (r"\<b\>", &["<b>"], &["b"]),
            (r"a{2}", &["aa"], &["a{2}"]),
            (r"a{,2}", &["a{,2}"], &["aa"]),
            (r"a{x}", &["a{x}"], &["a"]),
            (r"a}]", &["a}]"], &["a"]),
            (r"^[]a]+$", &["]a"], &["b"]),
            (r"^[^]a]$", &["b"], &["]"]),
            (r"^[a[b&&c~~.-]+$", &["[", "&", "~", "."], &["e"]),
            (r"^[a-]$", &["-"], &["b"]),
            (r"^[[:alpha:][:^alpha:]]$", &["1", "a"], &[]),
            (r"^[\x41-\x{43}]$", &["B"], &["D"]),
            (r"\Qa.b\E+", &["a.bb"], &["axb"]),
            (r"(?P<year>\d+)-(?<m>\d+)", &["2026-01"], &["2026"]),
            (r"(a|)b", &["b", "ab"], &["a"]),
            (r"\/\-\_\ ", &["/-_ "], &["a"]),
        ];
        for (pattern, found, not_found) in cases {
            let compiled =
                Pattern::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            for text in *found {
                assert!(
                    compiled.is_match(text, &Budget::new(10_000)) == Ok(true),
                    "{pattern} should be found in {text:?}"
                );
            }
            for text in *not_found {
                assert!(
                    compiled.is_match(text, &Budget::new(10_000)) == Ok(false),
                    "{pattern} should not be found in {text:?}"
                );
            }
        }
    }

    #[test]
    fn refuses_what_go_does_not_have_or_reads_differently() {
        let bad = [
            "(?!a)b",
            "(?=a)",
            "(?<=a)b",
            "(?<!a)b",
            r"\p{L}",
            r"\1",
            r"\012",
            r"\Z",
            r"\e",
            r"\h",
            r"\u0041",
            "(?x)a b",
            "(?R)a",
            "(?u)a",
            "a**",
            "a{2}{3}",
            "a{1001}",
            "*a",
            "(*a)",
            "a|*",
            "[z-a]",
            "[a",
            "(a",
            "a)",
            r"[\b]",
            "[[:foo:]]",
            "(?P<a-b>x)",
            "a\\",
            r"\x",
            r"\x{110000}",
            "(a{1000}){1000}",
        ];
        for pattern in bad {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
