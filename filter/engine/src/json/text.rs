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

    /// Whether the text meant is `other`, without allocating in the plain case.
    pub fn is(self, other: &str) -> bool {
        if self.escaped {
            unescape(self.raw) == other
        } else {
            self.raw == other
        }
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
