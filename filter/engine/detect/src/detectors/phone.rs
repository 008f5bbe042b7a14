//! Telephone numbers.

use std::ops::Range;

use crate::number::Number;
use crate::scan::Look;
use crate::text::{DASH, DIGIT, Text, WORD, is};

/// Fewest digits of a number that is looked for.
const FEWEST: usize = 8;

/// A number with `+` and a country, or in the usual writings of North America and of countries that dial a leading zero, with
/// separators. It triggers at its first digit, its `+` or its `(`.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    let (text, groups) = (look.text, look.number()?);
    if groups.count() < FEWEST {
        return None;
    }
    let before = text.before(groups.start, 1);
    let joined = is(before, WORD | DASH)
        || matches!(
            before,
            b'.' | b'/' | b'+' | b'#' | b'$' | b')' | b']' | b'%'
        );
    if joined || (before == b',' && is(text.before(groups.start, 2), DIGIT)) {
        return None;
    }
    if text.at(groups.start) == b'+' {
        return international(text, groups);
    }
    let (count, fits) = match groups.first {
        b'0' => (groups.len(), trunk(groups)),
        _ => north_american(groups)?,
    };
    let span = groups.span(text, count)?;
    let time = text.at(span.end) == b':' && is(text.at(span.end.saturating_add(1)), DIGIT);
    (fits && !time && !groups.continued(text, count)).then_some(span)
}

fn international(text: Text<'_>, groups: &Number) -> Option<Range<usize>> {
    let digits = |count: &usize| groups.group(count.saturating_sub(1)).digits;
    if groups.first == b'1' {
        let count = (1..=groups.len()).find(|count| digits(count) == 11)?;
        let fits = area(groups.number(1, 4)) && area(groups.number(4, 7));
        return groups.span(text, count).filter(|_| fits);
    }
    let count = (1..=groups.len())
        .rev()
        .find(|count| (8..=15).contains(&digits(count)))?;
    let dotted = count > 1 && (1..count).all(|index| groups.group(index).separator == b'.');
    let amount = dotted && (count == 2 || (1..count).all(|index| groups.group(index).len == 3));
    let whole = groups.len() == count && groups.more;
    let country = groups.first != b'0';
    groups
        .span(text, count)
        .filter(|_| country && !amount && !whole)
}

/// `0` and an area, or `00` and a country, then the number: groups of at least two digits, 9 to 12 digits (11 to 15 with `00`).
fn trunk(groups: &Number) -> bool {
    if groups.len() < 2 || groups.count() < 9 {
        return false;
    }
    let abroad = groups.number(0, 2) == 0;
    let second = groups.number(1, 2);
    let third = groups.number(2, 3);
    let long = if abroad { 11..=15 } else { 9..=12 };
    let area = groups.group(0);
    // What joins the area to the number may differ from what stands within the number.
    let rest =
        (3..groups.len()).all(|index| groups.group(index).separator == groups.group(2).separator);
    let joint = groups.group(1).separator;
    let within = groups.group(2).separator;
    let even = groups.len() == 2
        || joint == within
        || joint == b'/'
        || area.separator == b'('
        || (joint == b'-' && within == b' ');
    let shape =
        (0..groups.len()).all(|index| groups.group(index).len >= 2) && (2..=6).contains(&area.len);
    let dots = joint == b'.' && groups.len() < 4;
    let slashes = within == b'/';
    // Zip codes of nine digits, lists of code points and of bytes.
    let code = groups.begin(&[5, 4])
        || groups.begin(&[4, 4, 4])
        || (groups.begin(&[2, 2, 2]) && groups.len() != 5);
    (if abroad { third != 0 } else { second != 0 })
        && long.contains(&groups.count())
        && shape
        && rest
        && even
        && !dots
        && !slashes
        && !code
}

/// `(415) 555-2671`, `1-415-555-2671`, `415.555.2671`.
fn north_american(groups: &Number) -> Option<(usize, bool)> {
    let (count, from) = if groups.begin(&[3, 3, 4]) {
        (3, 0_usize)
    } else if groups.begin(&[1, 3, 3, 4]) && groups.first == b'1' {
        (4, 1)
    } else {
        return None;
    };
    let exchange = from.saturating_add(3);
    let dots = (1..count)
        .filter(|index| groups.group(*index).separator == b'.')
        .count();
    let plain =
        (1..count).all(|index| groups.group(index).separator != b'/') && matches!(dots, 0 | 2..);
    let fits = area(groups.number(from, exchange))
        && area(groups.number(exchange, exchange.saturating_add(3)));
    Some((count, fits && plain))
}

/// An area or an exchange of North America: it begins with 2 to 9 and is no service like 911.
fn area(code: u32) -> bool {
    code >= 200 && code % 100 != 11
}
