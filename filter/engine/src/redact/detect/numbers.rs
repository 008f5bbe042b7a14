//! Numbers that mean something: cards, accounts, phones, addresses.
//!
//! Digits in full width and digits with invisible characters between them are out of reach.

use std::ops::Range;

use super::text::{DASH, DIGIT, LOWER, Text, UPPER, WORD, is};

/// Most groups of digits that are read together: an IPv4 address and the beginning of another.
const GROUPS: usize = 6;
/// Most digits that are read together.
const DIGITS: usize = 24;

/// Groups of digits with one separator between each two, as far as they may be a number of a kind we know.
pub struct Groups<'t> {
    text: Text<'t>,
    start: usize,
    first: u8,
    groups: [Group; GROUPS],
    len: usize,
    /// A digit follows that was not read.
    more: bool,
}

#[derive(Clone, Copy, Default)]
struct Group {
    /// What stands before it: ` `, `-`, `.`, `/`, or `(` if it is in parentheses.
    separator: u8,
    len: usize,
    /// How many digits there are up to its end.
    digits: usize,
    end: usize,
}

impl<'t> Groups<'t> {
    /// The groups that begin here, at a digit, a `+` or a `(`.
    pub fn read(text: Text<'t>, start: usize) -> Groups<'t> {
        let plus = text.at(start) == b'+';
        let mut place = start.saturating_add(usize::from(plus));
        let mut all = Groups {
            text,
            start,
            first: text.at(place.saturating_add(usize::from(text.at(place) == b'('))),
            groups: [Group::default(); GROUPS],
            len: 0,
            more: false,
        };
        let (mut separator, mut digits) = (0, 0_usize);
        loop {
            let open = text.at(place) == b'(';
            let first = place.saturating_add(usize::from(open));
            let mut end = first;
            while is(text.at(end), DIGIT) && end.saturating_sub(first) < DIGITS {
                end = end.saturating_add(1);
            }
            let len = end.saturating_sub(first);
            if len == 0 {
                break;
            }
            digits = digits.saturating_add(len);
            let room = all.groups.get_mut(all.len);
            let (Some(group), true) = (room, digits < DIGITS) else {
                all.more = true;
                break;
            };
            if open {
                if text.at(end) != b')' || len > 6 {
                    break;
                }
                end = end.saturating_add(1);
                separator = b'(';
            }
            *group = Group {
                separator,
                len,
                digits,
                end,
            };
            all.len = all.len.saturating_add(1);
            if !plus && !all.may_go_on() {
                break;
            }
            let (kind, width) = match separator_at(text, end) {
                (0, _) if open || text.at(end) == b'(' => (b' ', 0),
                (0, _) => break,
                found => found,
            };
            separator = kind;
            place = end.saturating_add(width);
        }
        all
    }

    /// Whether groups that begin like these are worth reading on.
    fn may_go_on(&self) -> bool {
        let [first, second, third, ..] = self.groups.map(|group| group.len);
        let dotted = self.len < 2 || self.group(1).separator == b'.';
        match first {
            _ if self.first == b'0' && self.group(self.len.saturating_sub(1)).len > 1 => true,
            1..=3 if dotted => true,
            1 => second == 3,
            3 => second == 2 || (second == 3 && matches!(third, 0 | 4)),
            4 => matches!(second, 0 | 4 | 6),
            _ => false,
        }
    }

    /// Its digits, up to the end of so many groups.
    fn digits(&self, groups: usize) -> impl DoubleEndedIterator<Item = u32> {
        let end = self.group(groups.saturating_sub(1)).end;
        let bytes = self.text.part(self.start..end);
        let digits = bytes.iter().filter(|byte| is(**byte, DIGIT));
        digits.map(|digit| u32::from(digit & 15))
    }

    /// How many digits there are.
    fn count(&self) -> usize {
        self.group(self.len.saturating_sub(1)).digits
    }

    fn group(&self, index: usize) -> Group {
        let known = self.groups.get(..self.len).unwrap_or_default();
        known.get(index).copied().unwrap_or_default()
    }

    /// What stands behind the group of this index: its separator, if another one follows.
    fn next(&self, index: usize) -> u8 {
        self.group(index.saturating_add(1)).separator
    }

    /// Whether the lengths of the first groups are these.
    fn begin(&self, lens: &[usize]) -> bool {
        let known = self.groups.get(..self.len).unwrap_or_default();
        known.len() >= lens.len() && known.iter().zip(lens).all(|(group, len)| group.len == *len)
    }

    /// The digits of so many places as a number.
    fn number(&self, from: usize, to: usize) -> u32 {
        let digits = self.digits(self.len).skip(from);
        digits
            .take(to.saturating_sub(from))
            .fold(0, |number: u32, digit| {
                number.wrapping_mul(10).wrapping_add(digit)
            })
    }

    /// Whether one separator stands between the first groups.
    fn uniform(&self, groups: usize) -> bool {
        (2..groups).all(|index| self.group(index).separator == self.group(1).separator)
    }

    /// Whether the same kind of separator joins something before these groups, or a digit behind the last of them.
    fn continued(&self, text: Text<'_>, groups: usize) -> bool {
        let kind = self.group(1).separator;
        let before = text.before(self.start, 1);
        let joined = before == kind
            && is(
                text.before(self.start, 2),
                if kind == b' ' { DIGIT } else { WORD },
            );
        let last = groups.saturating_sub(1);
        joined || (kind != 0 && self.next(last) == kind) || (groups == self.len && self.more)
    }

    /// Where the first groups are, if no word goes on behind them.
    fn span(&self, text: Text<'_>, groups: usize) -> Option<Range<usize>> {
        let end = self.group(groups.checked_sub(1)?).end;
        (!is(text.at(end), WORD)).then_some(self.start..end)
    }
}

/// The separator here and its width, if a digit or a parenthesis follows. Spaces and hyphens that do not break lines count as
/// the plain ones.
fn separator_at(text: Text<'_>, place: usize) -> (u8, usize) {
    let (kind, width) = match text.at(place) {
        kind @ (b' ' | b'-' | b'.' | b'/') => (kind, 1),
        0xc2 if text.has(place, "\u{a0}".as_bytes()) => (b' ', 2),
        0xe2 if text.has(place, "\u{202f}".as_bytes()) => (b' ', 3),
        0xe2 if text.has(place, b"\xe2\x80")
            && (0x90..0x96).contains(&text.at(place.saturating_add(2))) =>
        {
            (b'-', 3)
        }
        _ => return (0, 0),
    };
    let next = text.at(place.saturating_add(width));
    if is(next, DIGIT) || next == b'(' {
        (kind, width)
    } else {
        (0, 0)
    }
}

/// First six digits from, to, and lengths: a bit each, from 12 digits on.
const ISSUERS: [(u32, u32, u8); 24] = [
    // Visa
    (400_000, 499_999, 0b1001_0010),
    // Mastercard
    (510_000, 559_999, 0b0001_0000),
    (222_100, 272_099, 0b0001_0000),
    // American Express
    (340_000, 349_999, 0b0000_1000),
    (370_000, 379_999, 0b0000_1000),
    // Diners Club
    (300_000, 305_999, 0b1111_0100),
    (309_500, 309_599, 0b1111_0100),
    (360_000, 369_999, 0b1111_1100),
    (380_000, 399_999, 0b1111_0100),
    // Discover
    (601_100, 601_199, 0b1111_0000),
    (644_000, 659_999, 0b1111_0000),
    // UnionPay
    (620_000, 629_999, 0b1111_0000),
    (810_000, 817_199, 0b1111_0000),
    // JCB, RuPay
    (352_800, 358_999, 0b1111_0000),
    (606_900, 608_999, 0b0001_0000),
    (817_200, 820_199, 0b0001_0000),
    // Maestro, Verve, InterPayment, InstaPayment
    (501_800, 501_899, 0b1111_1111),
    (502_000, 503_899, 0b1111_1111),
    (506_000, 508_999, 0b1111_0000),
    (560_000, 589_999, 0b1111_1111),
    (630_400, 639_999, 0b1111_0000),
    (675_900, 676_399, 0b1111_1111),
    // Mir, Troy
    (220_000, 220_499, 0b1111_0000),
    (979_200, 979_289, 0b0001_0000),
];

/// The number of a payment card: of an issuer, of a length that issuer uses, with the check digit of Luhn; in one piece or in
/// the usual groups.
pub fn card(text: Text<'_>, groups: &Groups<'_>) -> Option<Range<usize>> {
    let decimal = text.before(groups.start, 1) == b'.' && is(text.before(groups.start, 2), DIGIT);
    if !text.begins_word(groups.start) || decimal {
        return None;
    }
    (1..=groups.len).rev().find_map(|count| {
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

fn issued(first: u32, len: usize) -> bool {
    let Some(bit) = len
        .checked_sub(12)
        .and_then(|bit| 1_u32.checked_shl(u32::try_from(bit).ok()?))
    else {
        return false;
    };
    ISSUERS
        .iter()
        .any(|(low, high, lens)| (*low..=*high).contains(&first) && u32::from(*lens) & bit != 0)
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

/// A social security number of the USA, in its three groups: no area 000, 666 or 9xx, no group 00, no serial 0000.
pub fn ssn(text: Text<'_>, groups: &Groups<'_>) -> Option<Range<usize>> {
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

/// An IPv4 address: four numbers up to 255 without leading zeros, not within a version or another dotted name.
pub fn ipv4(text: Text<'_>, groups: &Groups<'_>) -> Option<Range<usize>> {
    if groups.len < 4 || !groups.uniform(4) || groups.next(0) != b'.' {
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

/// A phone number: with `+` and a country, or in the usual writings of North America and of countries that dial a leading
/// zero, with separators.
pub fn phone(text: Text<'_>, groups: &Groups<'_>) -> Option<Range<usize>> {
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
        b'0' => (groups.len, trunk(groups)),
        _ => north_american(groups)?,
    };
    let span = groups.span(text, count)?;
    let time = text.at(span.end) == b':' && is(text.at(span.end.saturating_add(1)), DIGIT);
    (fits && !time && !groups.continued(text, count)).then_some(span)
}

fn international(text: Text<'_>, groups: &Groups<'_>) -> Option<Range<usize>> {
    let digits = |count: &usize| groups.group(count.saturating_sub(1)).digits;
    if groups.first == b'1' {
        let count = (1..=groups.len).find(|count| digits(count) == 11)?;
        let fits = area(groups.number(1, 4)) && area(groups.number(4, 7));
        return groups.span(text, count).filter(|_| fits);
    }
    let count = (1..=groups.len)
        .rev()
        .find(|count| (8..=15).contains(&digits(count)))?;
    let dotted = count > 1 && (1..count).all(|index| groups.group(index).separator == b'.');
    let amount = dotted && (count == 2 || (1..count).all(|index| groups.group(index).len == 3));
    let whole = groups.len == count && groups.more;
    let country = groups.first != b'0';
    groups
        .span(text, count)
        .filter(|_| country && !amount && !whole)
}

/// `0` and an area, or `00` and a country, then the number: groups of at least two digits, 9 to 12 digits (11 to 15 with `00`).
fn trunk(groups: &Groups<'_>) -> bool {
    if groups.len < 2 || groups.count() < 9 {
        return false;
    }
    let abroad = groups.number(0, 2) == 0;
    let second = groups.number(1, 2);
    let third = groups.number(2, 3);
    let long = if abroad { 11..=15 } else { 9..=12 };
    let area = groups.group(0);
    // What joins the area to the number may differ from what stands within the number.
    let rest =
        (3..groups.len).all(|index| groups.group(index).separator == groups.group(2).separator);
    let joint = groups.group(1).separator;
    let within = groups.group(2).separator;
    let even = groups.len == 2
        || joint == within
        || joint == b'/'
        || area.separator == b'('
        || (joint == b'-' && within == b' ');
    let shape =
        (0..groups.len).all(|index| groups.group(index).len >= 2) && (2..=6).contains(&area.len);
    let dots = joint == b'.' && groups.len < 4;
    let slashes = within == b'/';
    // Zip codes of nine digits, lists of code points and of bytes.
    let code = groups.begin(&[5, 4])
        || groups.begin(&[4, 4, 4])
        || (groups.begin(&[2, 2, 2]) && groups.len != 5);
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
fn north_american(groups: &Groups<'_>) -> Option<(usize, bool)> {
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

/// Countries and the lengths of their account numbers.
const ACCOUNTS: &[u8] = b"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24\
    FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24\
    ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23\
    TN24TR26UA29VA22VG24XK20YE30";

/// An international bank account number: of a country, of that country's length, with its check digits; in one piece or in
/// groups of four. `place` is at its check digits.
pub fn iban(text: Text<'_>, place: usize) -> Option<Range<usize>> {
    let start = place.checked_sub(2)?;
    let country = text.part(start..place);
    let one_case =
        country.iter().all(|byte| is(*byte, UPPER)) || country.iter().all(|byte| is(*byte, LOWER));
    if !one_case || !is(text.at(place.saturating_add(1)), DIGIT) || !text.begins_word(start) {
        return None;
    }
    let entry = ACCOUNTS.chunks_exact(4).find(|entry| {
        entry
            .get(..2)
            .is_some_and(|code| code.eq_ignore_ascii_case(country))
    })?;
    let len = entry.get(2..)?.iter().fold(0_usize, |len, digit| {
        len.wrapping_mul(10).wrapping_add(usize::from(digit & 15))
    });
    let (mut end, mut count, mut remainder, mut head) = (start, 0_usize, 0_u32, 0_u32);
    let mut separator = None;
    while count < len {
        if count > 0 && count % 4 == 0 {
            let (kind, width) = match text.at(end) {
                kind @ (b' ' | b'-') => (kind, 1),
                0xc2 if text.has(end, "\u{a0}".as_bytes()) => (b' ', 2),
                _ => (0, 0),
            };
            if *separator.get_or_insert(kind) != kind {
                return None;
            }
            end = end.saturating_add(width);
        }
        let byte = text.at(end);
        let (value, places) = match byte {
            b'0'..=b'9' => (u32::from(byte & 15), 10),
            b'A'..=b'Z' | b'a'..=b'z' => (u32::from(byte & 31).wrapping_add(9), 100),
            _ => return None,
        };
        remainder = remainder.wrapping_mul(places).wrapping_add(value) % 97;
        count = count.saturating_add(1);
        end = end.saturating_add(1);
        if count == 4 {
            // The first four go last.
            head = remainder;
            remainder = 0;
        }
    }
    // Two letters and two digits are six digits.
    let sum = remainder.wrapping_mul(1_000_000 % 97).wrapping_add(head) % 97;
    (sum == 1 && !is(text.at(end), WORD)).then_some(start..end)
}
