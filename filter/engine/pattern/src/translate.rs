//! Go's syntax, checked and rewritten into the few constructs that [`compile`](super::compile) reads.

use super::{MAX_REPEAT, PatternError, Result};

/// A pattern in the syntax that is compiled, which other engines read alike.
///
/// # Errors
/// The construct that is not supported, or what is wrong.
pub fn translate(pattern: &str) -> Result<String> {
    Translator {
        rest: pattern,
        out: String::with_capacity(pattern.len()),
    }
    .translate()
}

struct Translator<'p> {
    rest: &'p str,
    out: String,
}

fn unsupported(construct: &str, why: &str) -> PatternError {
    PatternError(format!("`{construct}` is not supported: {why}"))
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
                '^' | '$' | '.' | ')' => {
                    self.out.push(char);
                    true
                }
                _ => {
                    self.literal(char);
                    true
                }
            };
        }
        Ok(self.out)
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

    /// A character that stands for itself, spelled so that no engine takes it for anything else.
    fn literal(&mut self, char: char) {
        if char.is_ascii_alphanumeric() || !char.is_ascii() {
            self.out.push(char);
        } else {
            self.out.push_str(&format!("\\x{{{:X}}}", u32::from(char)));
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
        self.rest = rest;
        Ok(Some(format!("{{{counts}}}")))
    }

    /// Returns whether the group opened something, so that a repetition may not follow at once.
    fn group(&mut self) -> Result<bool> {
        if !self.eat("?") {
            self.out.push('(');
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
            // Names mean nothing to a search.
            self.rest = rest;
            self.out.push('(');
            return Ok(false);
        }
        let end = self.rest.find([':', ')']).unwrap_or(self.rest.len());
        let (flags, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        if !flags
            .chars()
            .all(|flag| matches!(flag, 'i' | 'm' | 's' | 'U' | '-'))
        {
            return Err(unsupported(
                &format!("(?{flags}"),
                "the flags are i, m, s and U",
            ));
        }
        self.out.push_str("(?");
        self.out.push_str(flags);
        self.rest = rest;
        let end = self.next();
        self.out.extend(end);
        Ok(false)
    }

    /// Returns whether what was escaped can be repeated.
    fn escape(&mut self) -> Result<bool> {
        let Some(char) = self.next() else {
            return Err(unsupported("\\", "the pattern ends in a backslash"));
        };
        match char {
            's' => self.out.push_str(r"[\t\n\f\r\x{20}]"),
            'S' => self.out.push_str(r"[^\t\n\f\r\x{20}]"),
            'd' | 'D' | 'w' | 'W' | 'b' | 'B' | 'A' | 'z' => {
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
            _ => {
                let char = self.character(char)?;
                self.literal(char);
            }
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

    fn class(&mut self) -> Result<()> {
        self.out.push('[');
        if self.eat("^") {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(char) = self.next() else {
                return Err(unsupported("[", "the class has no `]`"));
            };
            match char {
                ']' if !first => break,
                '[' if self.rest.starts_with(':') => self.posix()?,
                '\\' if self.rest.starts_with(['d', 'D', 'w', 'W', 's', 'S']) => {
                    match self.next() {
                        Some('s') => self.out.push_str(r"\t\n\f\r\x{20}"),
                        Some('S') => {
                            self.out
                                .push_str(r"\x{0}-\x{8}\x{B}\x{E}-\x{1F}\x{21}-\x{10FFFF}");
                        }
                        Some(class) => {
                            self.out.push('\\');
                            self.out.push(class);
                        }
                        None => {}
                    }
                }
                _ => self.range(char)?,
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    fn range(&mut self, char: char) -> Result<()> {
        let low = self.class_character(char)?;
        self.literal(low);
        if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
            self.rest = self.rest.strip_prefix('-').unwrap_or_default();
            let high = self
                .next()
                .ok_or_else(|| unsupported("[", "the class has no `]`"))?;
            let high = self.class_character(high)?;
            if high < low {
                return Err(unsupported(&format!("{low}-{high}"), "the range is empty"));
            }
            self.out.push('-');
            self.literal(high);
        }
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
    fn posix(&mut self) -> Result<()> {
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print",
            "punct", "space", "upper", "word", "xdigit",
        ];
        let Some((name, rest)) = self
            .rest
            .strip_prefix(':')
            .and_then(|rest| rest.split_once(":]"))
        else {
            self.literal('[');
            return Ok(());
        };
        if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(unsupported(
                &format!("[:{name}:]"),
                "there is no such class",
            ));
        }
        self.out.push_str(&format!("[:{name}:]"));
        self.rest = rest;
        Ok(())
    }
}
