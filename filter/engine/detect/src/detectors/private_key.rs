//! Private keys as PEM.

use std::ops::Range;

use crate::scan::Look;
use crate::text::{BASE64, DIGIT, Text, UPPER, WORD, is};

/// Longest label of a PEM line, in bytes: that of the longest in use (`ENCRYPTED PRIVATE KEY`), twice.
const LABEL: usize = 59;

/// The word in every label.
const PRIVATE: &[u8] = b"PRIVATE KEY";

/// A block from its first to its last line, or what is left of one: without its last line it goes on to the end of the text.
/// Line ends may be written as `\n`. It triggers at the `B` of `BEGIN`.
///
/// What begins within a key is no key of its own, and when no last line stands further on none is looked for again: a text is
/// searched for last lines once.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    let (text, place) = (look.text, look.place);
    if place < look.past().until {
        return None;
    }
    let start = text.ended_by(place, b"-----")?;
    if !text.has(place, b"BEGIN ") {
        return None;
    }
    let body = label_end(text, place.saturating_add(6))?;
    let end = last_line(look, body).or_else(|| rest_of_key(text, body))?;
    Some(start..end)
}

/// Where the next last line of a private key ends.
fn last_line(look: &Look<'_>, mut place: usize) -> Option<usize> {
    const LINE: &[u8] = b"-----END ";
    let text = look.text;
    while !look.past().is_over {
        let Some(found) = text.find(place, LINE) else {
            look.is_over();
            break;
        };
        place = found.saturating_add(LINE.len());
        if let Some(end) = label_end(text, place) {
            return Some(end);
        }
    }
    None
}

/// Where the text ends, if there is a key behind its first line: a text that only speaks of such a line has none.
fn rest_of_key(text: Text<'_>, body: usize) -> Option<usize> {
    let rest = text.part(body..body.saturating_add(64).min(text.len()));
    let between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'\\' | b'"' | b'\'');
    let mut skipped = rest
        .iter()
        .take(16)
        .take_while(|byte| between(byte))
        .count();
    // The letters of `\r\n`.
    while matches!(rest.get(skipped), Some(b'r' | b'n'))
        && rest.get(skipped.wrapping_sub(1)) == Some(&b'\\')
    {
        skipped = skipped.saturating_add(1);
        skipped = skipped.saturating_add(usize::from(rest.get(skipped) == Some(&b'\\')));
    }
    let first = body.saturating_add(skipped);
    let long = || text.run(first, WORD | BASE64, 16) == first.saturating_add(16);
    let headed = || text.has(first, b"Proc-Type:") || text.has(first, b"Version:");
    (long() || headed()).then_some(text.len())
}

/// Where the line ends whose label begins here, if it is that of a private key.
fn label_end(text: Text<'_>, place: usize) -> Option<usize> {
    let mut end = place;
    let plain = |byte| is(byte, UPPER | DIGIT) || byte == b' ';
    while plain(text.at(end)) {
        end = end.saturating_add(1);
        if end > place.saturating_add(LABEL) {
            return None;
        }
    }
    let private = || {
        let label = text.part(place..end);
        label.windows(PRIVATE.len()).any(|window| window == PRIVATE)
    };
    (text.has(end, b"-----") && private()).then(|| end.saturating_add(5))
}
