//! Numbers of payment cards.

use std::ops::Range;

use crate::scan::Look;
use crate::text::{DIGIT, Text, WORD, is};

/// First six digits from, to, and lengths: a bit each, from 12 digits on. In order, and apart.
const ISSUERS: [(u32, u32, u8); 24] = [
    // Mir
    (220_000, 220_499, 0b1111_0000),
    // Mastercard
    (222_100, 272_099, 0b0001_0000),
    // Diners Club
    (300_000, 305_999, 0b1111_0100),
    (309_500, 309_599, 0b1111_0100),
    // American Express
    (340_000, 349_999, 0b0000_1000),
    // JCB
    (352_800, 358_999, 0b1111_0000),
    // Diners Club, American Express, Diners Club
    (360_000, 369_999, 0b1111_1100),
    (370_000, 379_999, 0b0000_1000),
    (380_000, 399_999, 0b1111_0100),
    // Visa
    (400_000, 499_999, 0b1001_0010),
    // Maestro, Verve
    (501_800, 501_899, 0b1111_1111),
    (502_000, 503_899, 0b1111_1111),
    (506_000, 508_999, 0b1111_0000),
    // Mastercard
    (510_000, 559_999, 0b0001_0000),
    // Maestro
    (560_000, 589_999, 0b1111_1111),
    // Discover
    (601_100, 601_199, 0b1111_0000),
    // RuPay
    (606_900, 608_999, 0b0001_0000),
    // UnionPay
    (620_000, 629_999, 0b1111_0000),
    // Maestro, InterPayment, InstaPayment
    (630_400, 639_999, 0b1111_0000),
    // Discover
    (644_000, 659_999, 0b1111_0000),
    // Maestro
    (675_900, 676_399, 0b1111_1111),
    // UnionPay
    (810_000, 817_199, 0b1111_0000),
    // RuPay
    (817_200, 820_199, 0b0001_0000),
    // Troy
    (979_200, 979_289, 0b0001_0000),
];

/// A number of an issuer, of a length that issuer uses, with the check digit of Luhn; in one piece or in the usual groups. It
/// triggers at its first digit.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    let (text, groups) = (look.text, look.number()?);
    if groups.count() < 12 {
        return None;
    }
    (1..=groups.len()).rev().find_map(|count| {
        let last = groups.group(count.saturating_sub(1));
        if !(12..=19).contains(&last.digits) {
            return None;
        }
        let usual = (0..count).all(|index| match groups.group(index).len {
            4 => true,
            6 => index == 1,
            _ => index.saturating_add(1) == count && (count == 1 || last.len < 6),
        });
        let joined = match count {
            1 => text.at(last.end) == b'.' && is(text.at(last.end.saturating_add(1)), DIGIT),
            _ => {
                let rows = last.len == 4 && groups.group(count).len == 4;
                let before = is(text.before(groups.start, 2), WORD);
                let kind = groups.group(1).separator;
                !groups.uniform(count)
                    || (rows && groups.next(count.saturating_sub(1)) == kind)
                    || (before
                        && text.before(groups.start, 1) == kind
                        && (kind != b' ' || fours(text, groups.start)))
            }
        };
        let known = usual
            && !joined
            && issued(groups.number(0, 6), last.digits)
            && luhn(groups.digits(count));
        groups.span(text, count).filter(|_| known)
    })
}

/// Whether four digits and a separator stand before this place: columns of numbers.
fn fours(text: Text<'_>, place: usize) -> bool {
    let end = place.saturating_sub(1);
    end.saturating_sub(text.run_back(end, DIGIT, 5)) == 4
}

/// Whether an issuer has numbers that begin with these six digits and are that long.
fn issued(first: u32, len: usize) -> bool {
    let Some(bit) = len
        .checked_sub(12)
        .and_then(|bit| 1_u32.checked_shl(u32::try_from(bit).ok()?))
    else {
        return false;
    };
    let known = ISSUERS
        .partition_point(|(low, _, _)| *low <= first)
        .checked_sub(1)
        .and_then(|index| ISSUERS.get(index));
    known.is_some_and(|(_, high, lens)| first <= *high && u32::from(*lens) & bit != 0)
}

fn luhn(digits: impl DoubleEndedIterator<Item = u32>) -> bool {
    let sum = digits.rev().enumerate().fold(0_u32, |sum, (index, digit)| {
        let weighed = match (index % 2, digit) {
            (0, digit) => digit,
            (_, 0..5) => digit.wrapping_mul(2),
            _ => digit.wrapping_mul(2).wrapping_sub(9),
        };
        sum.wrapping_add(weighed)
    });
    sum % 10 == 0
}
