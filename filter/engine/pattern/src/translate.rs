//! Go's syntax, checked and rewritten into the few constructs that are compiled.

use super::class::Class;
use super::{PatternError, Result};

/// Largest repetition count, as in Go.
const MAX_REPEAT: u32 = 1000;

/// Deepest nesting of groups. What is compiled from them is walked recursively.
const MAX_DEPTH: usize = 50;

/// The plain form of a pattern: the same meaning in constructs that every engine of Perl's family reads alike. Classes are written
/// out, `(?i)` with them, so that nothing depends on what an engine takes for a letter; word boundaries are marked as ASCII.
///
/// # Errors
/// The construct that is not supported, or what is wrong.
pub fn translate(pattern: &str) -> Result<String> {
    Translator {
        rest: pattern,
        out: String::with_capacity(pattern.len()),
        fold: false,
        outer: Vec::new(),
    }
    .translate()
}

/// Adds a character that stands for itself, spelled so that no engine takes it for anything else.
pub(crate) fn push_literal(out: &mut String, char: char) {
    if char.is_ascii_alphanumeric() || !char.is_ascii() {
        out.push(char);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", u32::from(char)));
    }
}

struct Translator<'p> {
    rest: &'p str,
    out: String,
    /// Whether `(?i)` holds.
    fold: bool,
    /// Whether it held in front of each open group.
    outer: Vec<bool>,
}

fn unsupported(construct: &str, why: &str) -> PatternError {
    PatternError::new(&format!("`{construct}` is not supported: {why}"))
}

impl Translator<'_> {
    fn translate(mut self) -> Result<String> {
        // Whether what was just read can be repeated.
        let mut repeatable = false;
        while let Some(char) = self.next() {
            repeatable = match char {
                '\\' => self.escape()?,
                '[' => {
                    self.class()?;
                    true
                }
                '(' => self.group()?,
                '*' | '+' | '?' => {
                    self.repetition(&char.to_string(), repeatable)?;
                    false
                }
                '{' => match self.counted()? {
                    Some(counts) => {
                        self.repetition(&counts, repeatable)?;
                        false
                    }
                    None => {
                        self.literal('{');
                        true
                    }
                },
                '}' | ']' => {
                    self.literal(char);
                    true
                }
                '|' => {
                    self.out.push('|');
                    false
                }
                ')' => {
                    self.close()?;
                    true
                }
                '^' | '$' | '.' => {
                    self.out.push(char);
                    true
                }
                _ => {
                    self.literal(char);
                    true
                }
            };
        }
        if self.outer.is_empty() {
            Ok(self.out)
        } else {
            Err(PatternError::new("there is a `(` without its `)`"))
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let char = chars.next()?;
        self.rest = chars.as_str();
        Some(char)
    }

    fn eat(&mut self, prefix: &str) -> bool {
        self.rest.strip_prefix(prefix).is_some_and(|rest| {
            self.rest = rest;
            true
        })
    }

    /// A character that stands for itself, or for itself and its other case.
    fn literal(&mut self, char: char) {
        if self.fold && char.is_ascii_alphabetic() {
            let mut class = Class::default();
            class.add(char, char);
            class.folded().write(false, &mut self.out);
        } else {
            push_literal(&mut self.out, char);
        }
    }

    fn repetition(&mut self, operator: &str, repeatable: bool) -> Result<()> {
        if !repeatable {
            return Err(unsupported(
                operator,
                "there is nothing to repeat before it",
            ));
        }
        self.out.push_str(operator);
        if self.eat("?") {
            self.out.push('?');
        }
        Ok(())
    }

    /// `{n}`, `{n,}` or `{n,m}`; anything else after `{` makes it a literal, as in Go.
    fn counted(&mut self) -> Result<Option<String>> {
        let Some((counts, rest)) = self.rest.split_once('}') else {
            return Ok(None);
        };
        let (low, high) = counts
            .split_once(',')
            .map_or((counts, None), |(low, high)| (low, Some(high)));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if low.is_empty() || !digits(low) || !high.is_none_or(digits) {
            return Ok(None);
        }
        let in_range = |text: &str| {
            text.is_empty() || text.parse().is_ok_and(|count: u32| count <= MAX_REPEAT)
        };
        if !in_range(low) || !high.is_none_or(in_range) {
            return Err(unsupported(
                &format!("{{{counts}}}"),
                "a repetition count is at most 1000",
            ));
        }
        let count = |text: &str| text.parse::<u32>().ok();
        if high
            .and_then(count)
            .is_some_and(|high| Some(high) < count(low))
        {
            return Err(unsupported(
                &format!("{{{counts}}}"),
                "the first count is higher than the second",
            ));
        }
        self.rest = rest;
        Ok(Some(format!("{{{counts}}}")))
    }

    fn open(&mut self, spelling: &str) -> Result<()> {
        if self.outer.len() >= MAX_DEPTH {
            return Err(PatternError::new("groups are nested too deeply"));
        }
        self.outer.push(self.fold);
        self.out.push_str(spelling);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let Some(fold) = self.outer.pop() else {
            return Err(PatternError::new("there is a `)` without its `(`"));
        };
        self.fold = fold;
        self.out.push(')');
        Ok(())
    }

    /// A group, or flags for the rest of this one; its `(` has been read. Neither can be repeated before it is closed.
    fn group(&mut self) -> Result<bool> {
        // Groups capture nothing: a search asks where, not what.
        if !self.eat("?") {
            self.open("(?:")?;
            return Ok(false);
        }
        for (look, name) in [("=", "(?="), ("!", "(?!"), ("<=", "(?<="), ("<!", "(?<!")] {
            if self.rest.starts_with(look) {
                return Err(unsupported(name, "RE2 has no look-around"));
            }
        }
        if self.eat("P<") || self.eat("<") {
            let Some((name, rest)) = self.rest.split_once('>') else {
                return Err(unsupported("(?P<", "the group name has no `>`"));
            };
            if name.is_empty()
                || !name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            {
                return Err(unsupported(
                    &format!("(?P<{name}>"),
                    "a group name is made of letters, digits and `_`",
                ));
            }
            self.rest = rest;
            self.open("(?:")?;
            return Ok(false);
        }
        self.flags()?;
        Ok(false)
    }

    /// The flags of a group, and whether it goes on; its `(?` has been read.
    fn flags(&mut self) -> Result<()> {
        let end = self.rest.find([':', ')']).unwrap_or(self.rest.len());
        let (flags, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        let wrong = |why: &str| Err(unsupported(&format!("(?{flags}"), why));
        // `i` is written out, so it does not go on.
        let (mut fold, mut kept) = (self.fold, [("m", None), ("s", None), ("U", None)]);
        let (on, off) = flags.split_once('-').unwrap_or((flags, ""));
        for (flags, value) in [(on, true), (off, false)] {
            for flag in flags.chars() {
                match flag {
                    'i' => fold = value,
                    _ => match kept.iter_mut().find(|(name, _)| name.starts_with(flag)) {
                        Some((_, kept)) => *kept = Some(value),
                        None => return wrong("the flags are i, m, s and U"),
                    },
                }
            }
        }
        if flags.ends_with('-') {
            return wrong("there is no flag after `-`");
        }
        let with = |value: bool| {
            let chosen = kept.iter().filter(move |(_, kept)| *kept == Some(value));
            chosen.map(|(name, _)| *name).collect::<String>()
        };
        let mut spelling = with(true);
        if kept.iter().any(|(_, kept)| *kept == Some(false)) {
            spelling = format!("{spelling}-{}", with(false));
        }
        self.rest = rest;
        match self.next() {
            Some(':') => self.open(&format!("(?{spelling}:"))?,
            Some(_) if flags.is_empty() => return wrong("there is no flag"),
            Some(_) if spelling.is_empty() => {}
            Some(_) => self.out.push_str(&format!("(?{spelling})")),
            None => return Err(PatternError::new("there is a `(` without its `)`")),
        }
        self.fold = fold;
        Ok(())
    }

    /// Returns whether what was escaped can be repeated.
    fn escape(&mut self) -> Result<bool> {
        let Some(char) = self.next() else {
            return Err(unsupported("\\", "the pattern ends in a backslash"));
        };
        match char {
            'b' | 'B' => self.out.push_str(&format!("(?-u:\\{char})")),
            'A' | 'z' => {
                self.out.push('\\');
                self.out.push(char);
            }
            'Q' => {
                let (quoted, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                if quoted.is_empty() {
                    return Err(unsupported("\\Q\\E", "there is nothing in it"));
                }
                for char in quoted.chars() {
                    self.literal(char);
                }
                self.rest = rest;
            }
            _ => match Class::perl(char) {
                Some(class) => class.write(false, &mut self.out),
                None => {
                    let char = self.character(char)?;
                    self.literal(char);
                }
            },
        }
        Ok(true)
    }

    /// The one character an escape stands for; `char` follows the backslash.
    fn character(&mut self, char: char) -> Result<char> {
        let construct = format!("\\{char}");
        Ok(match char {
            'a' => '\u{7}',
            'f' => '\u{c}',
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'v' => '\u{b}',
            'x' => return self.hex(),
            'p' | 'P' => {
                return Err(unsupported(
                    &construct,
                    "there are no Unicode classes; list the characters",
                ));
            }
            '0'..='9' => {
                return Err(unsupported(
                    &construct,
                    "there are no back-references or octal escapes",
                ));
            }
            'Z' => {
                return Err(unsupported(
                    &construct,
                    "write `\\z` for the end of the text",
                ));
            }
            _ if char.is_ascii() && !char.is_ascii_alphanumeric() => char,
            _ => return Err(unsupported(&construct, "RE2 has no such escape")),
        })
    }

    fn hex(&mut self) -> Result<char> {
        let digits = if self.eat("{") {
            let (digits, rest) = self.rest.split_once('}').unwrap_or(("", self.rest));
            self.rest = rest;
            digits
        } else {
            let (digits, rest) = self.rest.split_at_checked(2).unwrap_or(("", self.rest));
            self.rest = rest;
            digits
        };
        let hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten();
        code.and_then(char::from_u32)
            .ok_or_else(|| unsupported("\\x", "write `\\x7F` or `\\x{10FFFF}`"))
    }

    /// A class; its `[` has been read.
    fn class(&mut self) -> Result<()> {
        let negated = self.eat("^");
        let mut class = Class::default();
        let mut first = true;
        loop {
            let Some(char) = self.next() else {
                return Err(unsupported("[", "the class has no `]`"));
            };
            if char == ']' && !first {
                break;
            }
            first = false;
            let part = match char {
                '[' => self.posix()?,
                '\\' => self.perl(),
                _ => None,
            };
            match part {
                Some(part) => class.add_all(part),
                None => self.range(char, &mut class)?,
            }
        }
        if self.fold {
            class = class.folded();
        }
        class.write(negated, &mut self.out);
        Ok(())
    }

    /// `\w` and its like inside a class; its backslash has been read.
    fn perl(&mut self) -> Option<Class> {
        let class = self.rest.chars().next().and_then(Class::perl)?;
        self.next();
        Some(class)
    }

    fn range(&mut self, char: char, class: &mut Class) -> Result<()> {
        let low = self.class_character(char)?;
        let mut high = low;
        if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
            self.rest = self.rest.strip_prefix('-').unwrap_or_default();
            let char = self
                .next()
                .ok_or_else(|| unsupported("[", "the class has no `]`"))?;
            high = self.class_character(char)?;
            if high < low {
                return Err(unsupported(&format!("{low}-{high}"), "the range is empty"));
            }
        }
        class.add(low, high);
        Ok(())
    }

    fn class_character(&mut self, char: char) -> Result<char> {
        if char != '\\' {
            return Ok(char);
        }
        match self.next() {
            Some(escaped) => self.character(escaped),
            None => Err(unsupported("\\", "the pattern ends in a backslash")),
        }
    }

    /// `[:alpha:]` inside a class; its `[` has been read.
    fn posix(&mut self) -> Result<Option<Class>> {
        let Some((name, rest)) = self
            .rest
            .strip_prefix(':')
            .and_then(|rest| rest.split_once(":]"))
        else {
            return Ok(None);
        };
        let plain = name.strip_prefix('^');
        let Some(mut class) = Class::posix(plain.unwrap_or(name)) else {
            return Err(unsupported(
                &format!("[:{name}:]"),
                "there is no such class",
            ));
        };
        self.rest = rest;
        if plain.is_some() {
            // Both cases are taken out, as in Go: `(?i)[[:^lower:]]` has no letters.
            if self.fold {
                class = class.folded();
            }
            class = class.complement();
        }
        Ok(Some(class))
    }
}
