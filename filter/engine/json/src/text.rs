//! A JSON string as it stands in the document, and its decoding.

use std::borrow::Cow;

/// The content of a JSON string, between its quotes.
#[derive(Clone, Copy, Debug)]
pub struct Text<'d> {
    raw: &'d str,
    escaped: bool,
}

impl<'d> Text<'d> {
    /// `escaped` tells whether `raw` holds any escape; the reader has checked that all are valid.
    pub(super) fn new(raw: &'d str, escaped: bool) -> Self {
        Text { raw, escaped }
    }

    /// The content as written, escapes and all.
    pub fn raw(self) -> &'d str {
        self.raw
    }

    /// The text meant: borrowed when nothing was escaped.
    pub fn decode(self) -> Cow<'d, str> {
        if self.escaped {
            Cow::Owned(unescape(self.raw))
        } else {
            Cow::Borrowed(self.raw)
        }
    }

    /// Turns offsets into the text meant, in order, into offsets into the text as written. Those inside a character
    /// become its end.
    pub fn raw_offsets(self, offsets: &mut [usize]) {
        if !self.escaped {
            return;
        }
        let (mut raw, mut meant) = (0_usize, 0_usize);
        let mut rest = self.raw;
        for offset in offsets {
            while meant < *offset && !rest.is_empty() {
                let plain = rest.find('\\').unwrap_or(rest.len());
                let (raw_len, meant_len) = if plain > 0 {
                    let len = plain.min(offset.saturating_sub(meant));
                    (len, len)
                } else {
                    escape_len(rest)
                };
                rest = rest.get(raw_len..).unwrap_or_default();
                raw = raw.saturating_add(raw_len);
                meant = meant.saturating_add(meant_len);
            }
            *offset = raw;
        }
    }

    /// Whether the text meant is `other`, without allocating in the plain case. It takes time by the length of `other` alone.
    pub fn is(self, other: &str) -> bool {
        if self.escaped {
            self.may_mean(other.len()) && unescape(self.raw) == other
        } else {
            self.raw == other
        }
    }

    /// Whether a text so long may be meant: an escape is at most six times as long as what it means.
    pub fn may_mean(self, bytes: usize) -> bool {
        const MOST: usize = "\\u0000".len();
        let raw = self.raw.len();
        raw == bytes || self.escaped && raw > bytes && raw <= bytes.saturating_mul(MOST)
    }

    /// Whether both mean the same text.
    pub fn equals(self, other: Text<'_>) -> bool {
        if other.escaped {
            self.is(&other.decode())
        } else {
            self.is(other.raw)
        }
    }
}

/// Decodes the escapes of a string the reader accepted. Anything it would have refused becomes U+FFFD,
/// which no comparison with a policy's text can match.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, tail)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = tail.chars();
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let (decoded, tail) = unicode_escape(chars.as_str());
                out.push(decoded);
                rest = tail;
                continue;
            }
            Some(literal) => out.push(literal),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// How long the escape at the beginning of a text is, as written and as meant.
fn escape_len(text: &str) -> (usize, usize) {
    match text.strip_prefix("\\u") {
        Some(hex) => {
            let (decoded, rest) = unicode_escape(hex);
            (text.len().saturating_sub(rest.len()), decoded.len_utf8())
        }
        None => (2, 1),
    }
}

/// Decodes what follows `\u`, a surrogate pair included.
fn unicode_escape(text: &str) -> (char, &str) {
    let unit = |text: &str| {
        text.get(..4)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
    };
    let rest = text.get(4..).unwrap_or_default();
    let Some(high) = unit(text) else {
        return (char::REPLACEMENT_CHARACTER, rest);
    };
    if let Some(plain) = char::from_u32(high) {
        return (plain, rest);
    }
    let low = rest
        .strip_prefix("\\u")
        .and_then(unit)
        .filter(|low| (0xDC00..0xE000).contains(low));
    let pair = low.and_then(|low| {
        let bits = (high & 0x3FF).checked_shl(10)? | (low & 0x3FF);
        char::from_u32(bits.checked_add(0x1_0000)?)
    });
    match pair {
        Some(decoded) => (decoded, rest.get(6..).unwrap_or_default()),
        None => (char::REPLACEMENT_CHARACTER, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_into_the_text_as_written() {
        let raw = r#"a\u00e9\ud83d\ude00\n\ud800b"é"#;
        let text = Text::new(raw, true);
        let meant = text.decode().into_owned();
        assert_eq!(meant, "aé😀\n\u{fffd}b\"é");
        let mut offsets: Vec<usize> = meant.char_indices().map(|(at, _)| at).collect();
        offsets.push(meant.len());
        text.raw_offsets(&mut offsets);
        let parts: Vec<&str> = offsets
            .windows(2)
            .map(|ends| &raw[ends[0]..ends[1]])
            .collect();
        assert_eq!(
            parts,
            [
                "a",
                r"\u00e9",
                r"\ud83d\ude00",
                r"\n",
                r"\ud800",
                "b",
                "\"",
                "é"
            ]
        );
    }
}
