//! Text as records, documents and pointers write it.

use std::borrow::Cow;

/// Longest text taken from a request, in characters.
const MAX_TEXT: usize = 256;

/// Longest text an operator may give as a reason, in characters; what is longer is cut.
pub const MAX_REASON: usize = 1000;

/// A text from outside as a record keeps it.
pub(crate) fn clip(text: &str) -> String {
    if text.len() <= MAX_TEXT {
        return text.to_owned();
    }
    text.chars().take(MAX_TEXT).collect()
}

/// A text of an operator as it is kept.
pub(crate) fn clip_reason(text: &str) -> String {
    text.chars().take(MAX_REASON).collect()
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// Escapes a name for use in a JSON Pointer (RFC 6901).
pub(crate) fn escape(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) {
        name.replace('~', "~0").replace('/', "~1").into()
    } else {
        name.into()
    }
}
