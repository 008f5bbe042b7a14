//! Regular expressions as policy authors write them: RE2 as in Go, unanchored search.
//!
//! A pattern is checked and brought into a plain form, compiled to a small program, and run by a machine that takes a bounded
//! number of steps for each byte. What RE2 does not have, or reads differently from what people expect, is refused by name.
//! `(?i)` folds ASCII letters only.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::panic,
        reason = "a test may panic"
    )
)]

mod compile;
mod search;
mod translate;

use std::fmt;
use std::ops::Range;

use compile::Program;
use search::Search;

/// Largest repetition count, as in Go.
const MAX_REPEAT: u32 = 1000;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: Box<str>,
    translated: Box<str>,
    program: Program,
}

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(String);

type Result<T> = std::result::Result<T, PatternError>;

impl fmt::Display for PatternError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// How many steps patterns may still take. A step is a state of a pattern that is looked at; where nothing a pattern begins
/// with is near, it takes none.
#[derive(Clone, Debug)]
pub struct Budget {
    left: u64,
}

/// A text could not be searched within its budget: it must not reach anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuchWork;

impl Budget {
    /// For one reply, whatever its size.
    pub const REPLY: u64 = 24_000_000;

    /// So many steps.
    pub fn new(left: u64) -> Budget {
        Budget { left }
    }

    /// How many steps are left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes so many steps.
    ///
    /// # Errors
    /// There are not so many left: then none are.
    pub fn spend(&mut self, steps: u64) -> std::result::Result<(), TooMuchWork> {
        let left = self.left.checked_sub(steps);
        self.left = left.unwrap_or_default();
        left.map(|_| ()).ok_or(TooMuchWork)
    }

    /// Whether a pattern is found anywhere in `text`.
    ///
    /// # Errors
    /// It would take more than is left.
    pub fn is_match(
        &mut self,
        pattern: &Pattern,
        text: &str,
    ) -> std::result::Result<bool, TooMuchWork> {
        let mut search = Search::new(&pattern.program, text, self.left);
        let found = search.find(0, true);
        self.left = search.left();
        Ok(found?.is_some())
    }
}

impl Pattern {
    /// Compiles a pattern in Go's syntax.
    ///
    /// # Errors
    /// The construct that is not supported, or what is wrong.
    pub fn new(pattern: &str) -> Result<Pattern> {
        let translated = translate::translate(pattern)?;
        Ok(Pattern {
            source: pattern.into(),
            program: Program::new(&translated)?,
            translated: translated.into(),
        })
    }

    /// Whether the pattern is found anywhere in `text`. What it costs at most is [`Self::work`].
    pub fn is_match(&self, text: &str) -> bool {
        let mut search = Search::new(&self.program, text, u64::MAX);
        search.find(0, true).is_ok_and(|found| found.is_some())
    }

    /// Everything it finds in `text`, from left to right, without empty matches. Where it matches in several ways, the first
    /// one in the order of the pattern counts, as in Go.
    ///
    /// # Errors
    /// It takes more than the budget has.
    pub fn find_all(
        &self,
        text: &str,
        budget: &mut Budget,
    ) -> std::result::Result<Vec<Range<usize>>, TooMuchWork> {
        let mut search = Search::new(&self.program, text, budget.left);
        let (mut all, mut from) = (Vec::new(), 0);
        let outcome = loop {
            match search.find(from, false) {
                Ok(Some(found)) if found.is_empty() => match search.behind(found.end) {
                    Some(next) => from = next,
                    None => break Ok(all),
                },
                Ok(Some(found)) => {
                    from = found.end;
                    all.push(found);
                }
                Ok(None) => break Ok(all),
                Err(error) => break Err(error),
            }
        };
        budget.left = search.left();
        outcome
    }

    /// The pattern in the plain form it is compiled from: the same meaning, in a syntax other engines read too.
    pub fn translated(&self) -> &str {
        &self.translated
    }

    /// What searching a text once costs at most, in states times bytes.
    pub fn work(&self, text: &str) -> u64 {
        u64::try_from(text.len())
            .unwrap_or(u64::MAX)
            .saturating_mul(self.program.states())
    }

    /// The pattern as written.
    pub fn source(&self) -> &str {
        &self.source
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
                    compiled.is_match(text),
                    "{pattern} should be found in {text:?}"
                );
            }
            for text in *not_found {
                assert!(
                    !compiled.is_match(text),
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
