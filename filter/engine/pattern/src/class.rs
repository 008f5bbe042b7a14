//! Sets of characters: what stands between `[` and `]`, and what `\w` and its like stand for.
//!
//! All of them are written out as ranges, ASCII where Go means ASCII, with the other case where `(?i)` asks for it. What is
//! compiled so needs no tables of Unicode, and means the same whatever library reads it.

use super::translate::push_literal;

/// A set of characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Class {
    /// In any order; they may overlap.
    ranges: Vec<(char, char)>,
}

impl Class {
    /// `\d`, `\s`, `\w` and their complements; `None` for any other letter.
    pub(crate) fn perl(name: char) -> Option<Class> {
        let pairs: &[u8] = match name.to_ascii_lowercase() {
            'd' => b"09",
            // Without the vertical tab, as in Go.
            's' => b"\t\n\x0c\r  ",
            'w' => b"09AZ__az",
            _ => return None,
        };
        let class = Class::of(pairs);
        Some(if name.is_ascii_uppercase() {
            class.complement()
        } else {
            class
        })
    }

    /// `[:name:]`; `None` where there is no such class.
    pub(crate) fn posix(name: &str) -> Option<Class> {
        Some(Class::of(match name {
            "alnum" => b"09AZaz",
            "alpha" => b"AZaz",
            "ascii" => b"\0\x7f",
            "blank" => b"\t\t  ",
            "cntrl" => b"\0\x1f\x7f\x7f",
            "digit" => b"09",
            "graph" => b"!~",
            "lower" => b"az",
            "print" => b" ~",
            "punct" => b"!/:@[`{~",
            "space" => b"\t\r  ",
            "upper" => b"AZ",
            "word" => b"09AZ__az",
            "xdigit" => b"09AFaf",
            _ => return None,
        }))
    }

    /// Ranges given as pairs of ASCII characters.
    fn of(pairs: &[u8]) -> Class {
        let (pairs, _) = pairs.as_chunks::<2>();
        let ranges = pairs.iter().map(|pair| pair.map(char::from).into());
        Class {
            ranges: ranges.collect(),
        }
    }

    /// Adds a range, both ends included.
    pub(crate) fn add(&mut self, low: char, high: char) {
        self.ranges.push((low, high));
    }

    /// Adds another set.
    pub(crate) fn add_all(&mut self, other: Class) {
        self.ranges.extend(other.ranges);
    }

    /// The set with the other case of each of its ASCII letters.
    pub(crate) fn folded(mut self) -> Class {
        for index in 0..self.ranges.len() {
            let Some((low, high)) = self.ranges.get(index).copied() else {
                break;
            };
            let within = |first: char, last: char| {
                let (low, high) = (low.max(first), high.min(last));
                (low <= high).then_some((low, high))
            };
            let lower = within('A', 'Z')
                .map(|(low, high)| (low.to_ascii_lowercase(), high.to_ascii_lowercase()));
            let upper = within('a', 'z')
                .map(|(low, high)| (low.to_ascii_uppercase(), high.to_ascii_uppercase()));
            self.ranges.extend(lower.into_iter().chain(upper));
        }
        self
    }

    /// Every other character.
    pub(crate) fn complement(mut self) -> Class {
        self.ranges.sort_unstable();
        let mut others = Vec::new();
        // The first character that no range so far covers.
        let mut next = Some('\0');
        for (low, high) in self.ranges {
            let Some(first) = next else { break };
            if let Some(last) = before(low).filter(|last| first <= *last) {
                others.push((first, last));
            }
            next = after(high).map(|after| after.max(first));
        }
        others.extend(next.map(|first| (first, char::MAX)));
        Class { ranges: others }
    }

    /// Writes it between brackets.
    pub(crate) fn write(&self, negated: bool, out: &mut String) {
        out.push_str(if negated { "[^" } else { "[" });
        for (low, high) in &self.ranges {
            push_literal(out, *low);
            if high > low {
                out.push('-');
                push_literal(out, *high);
            }
        }
        out.push(']');
    }
}

/// The character behind this one.
fn after(char: char) -> Option<char> {
    match char {
        '\u{d7ff}' => Some('\u{e000}'),
        _ => char::from_u32(u32::from(char).saturating_add(1)),
    }
}

/// The character in front of this one.
fn before(char: char) -> Option<char> {
    match char {
        '\u{e000}' => Some('\u{d7ff}'),
        _ => u32::from(char).checked_sub(1).and_then(char::from_u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(class: Class) -> String {
        let mut out = String::new();
        class.write(false, &mut out);
        out
    }

    #[test]
    fn every_other_character() {
        let of = |ranges: &[(char, char)]| Class {
            ranges: ranges.to_vec(),
        };
        let all = of(&[('\0', char::MAX)]);
        let cases = [
            (of(&[]), all.clone()),
            (all, of(&[])),
            (
                of(&[('c', 'd'), ('a', 'z'), ('b', 'b')]),
                of(&[('\0', '`'), ('{', char::MAX)]),
            ),
            (
                of(&[('b', 'c'), ('d', 'd')]),
                of(&[('\0', 'a'), ('e', char::MAX)]),
            ),
            (of(&[('\0', '\u{d7ff}')]), of(&[('\u{e000}', char::MAX)])),
            (of(&[('\u{e000}', char::MAX)]), of(&[('\0', '\u{d7ff}')])),
        ];
        for (class, others) in cases {
            assert_eq!(class.clone().complement(), others, "{class:?}");
        }
    }

    #[test]
    fn both_cases_of_ascii_letters() {
        let mut class = Class::default();
        class.add('X', 'c');
        class.add('é', 'é');
        assert_eq!(written(class.folded()), r"[X-céx-zA-C]");
    }
}
