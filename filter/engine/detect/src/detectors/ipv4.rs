//! IPv4 addresses.

use std::ops::Range;

use crate::scan::Look;
use crate::text::{DASH, DIGIT, WORD, is};

/// Four numbers up to 255 without leading zeros, not within a version or another dotted name. It triggers at its first digit.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    let (text, groups) = (look.text, look.number()?);
    if groups.len() < 4 || !groups.uniform(4) || groups.next(0) != b'.' {
        return None;
    }
    let mut from = 0;
    let octets = (0..4).all(|index| {
        let group = groups.group(index);
        let value = groups.number(from, group.digits);
        let zero = group.len > 1 && groups.number(from, from.saturating_add(1)) == 0;
        from = group.digits;
        group.len <= 3 && value <= 255 && !zero
    });
    let before = text.before(groups.start, 1);
    let range = before == b'-' && is(text.before(groups.start, 2), DIGIT);
    let bounded = range || !(is(before, WORD | DASH) || before == b'.');
    let span = groups.span(text, 4)?;
    let after = text.at(span.end.saturating_add(1));
    let free = match text.at(span.end) {
        b'.' => !is(after, WORD),
        // A range of addresses, not a revision.
        b'-' => !is(after, WORD) || (groups.next(3) == b'-' && groups.next(4) == b'.'),
        b'+' | b'~' | b'_' => !is(after, WORD),
        _ => true,
    };
    (octets && bounded && free).then_some(span)
}
