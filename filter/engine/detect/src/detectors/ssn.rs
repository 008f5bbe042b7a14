//! Social security numbers of the USA.

use std::ops::Range;

use crate::scan::Look;
use crate::text::{DASH, WORD, is};

/// A number in its three groups: no area 000, 666 or 9xx, no group 00, no serial 0000. It triggers at its first digit.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    let (text, groups) = (look.text, look.number()?);
    let kind = groups.group(1).separator;
    if !(groups.begin(&[3, 2, 4]) && groups.uniform(3) && matches!(kind, b'-' | b' ')) {
        return None;
    }
    let before = text.before(groups.start, 1);
    let bounded = !is(before, WORD | DASH)
        && !matches!(before, b'.' | b'/' | b'+')
        && !groups.continued(text, 3);
    let area = groups.number(0, 3);
    let valid =
        !matches!(area, 0 | 666 | 900..) && groups.number(3, 5) != 0 && groups.number(5, 9) != 0;
    let span = groups.span(text, 3)?;
    (bounded && valid && text.at(span.end) != b'_').then_some(span)
}
