//! Access keys of AWS: their ids, and the secrets behind their names.

use std::ops::Range;

use crate::scan::Look;
use crate::text::{BASE64, DASH, DIGIT, LOWER, Text, UPPER, WORD, is};

/// It triggers at the `A` of an id and at the `k` of a name.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    match look.text.at(look.place) {
        b'A' => id(look.text, look.place),
        _ => secret(look.text, look.place),
    }
}

/// An access key id.
fn id(text: Text<'_>, place: usize) -> Option<Range<usize>> {
    let rest = place.saturating_add(1);
    let known = text.has(rest, b"KIA") || text.has(rest, b"SIA");
    let end = place.saturating_add(20);
    let whole = || text.run(place, UPPER | DIGIT, 21) == end && !is(text.at(end), LOWER | DASH);
    (known && text.begins_word(place) && whole()).then_some(place..end)
}

/// A secret access key behind its name (`aws_secret_access_key`, `SecretAccessKey`, `aws_secret_key`). `place` is at the `k`
/// of `key`.
fn secret(text: Text<'_>, place: usize) -> Option<Range<usize>> {
    let key = place.saturating_add(3);
    text.ended_by(key, b"key")?;
    let dash = |place: usize| place.saturating_sub(usize::from(is(text.before(place, 1), DASH)));
    let label = dash(place);
    match text.ended_by(label, b"access") {
        Some(access) => text.ended_by(dash(access), b"secret")?,
        None => text.ended_by(dash(text.ended_by(label, b"secret")?), b"aws")?,
    };
    let mut start = key;
    let mut assigned = false;
    while start < key.saturating_add(16) {
        match text.at(start) {
            b'=' | b':' | b'>' => assigned = true,
            b' ' | b'\t' | b'"' | b'\'' | b'\\' | b'`' => {}
            _ => break,
        }
        start = start.saturating_add(1);
    }
    let end = start.saturating_add(40);
    let whole = text.run(start, WORD | BASE64, 41) == end;
    (assigned && whole).then_some(start..end)
}
