//! Groups of digits with one separator between each two: what cards, telephone numbers and addresses of hosts are written as.
//!
//! Digits in full width and digits with invisible characters between them are out of reach.

use std::ops::Range;

use crate::text::{DIGIT, Text, WORD, is};

/// Most groups of digits that are read together: an IPv4 address and the beginning of another.
const GROUPS: usize = 6;
/// Fewest digits of anything that is looked for: an IPv4 address.
const FEWEST: usize = 4;
/// Most digits that are read together: more than the longest card has.
const DIGITS: usize = 24;

/// Groups of digits, as far as they may be a number of a kind that is looked for. Each byte of it is looked at once.
pub(crate) struct Number {
    /// Where it begins, sign and parenthesis included.
    pub(crate) start: usize,
    /// Its first digit.
    pub(crate) first: u8,
    groups: [Packed; GROUPS],
    len: usize,
    digits: [u8; DIGITS],
    /// A digit follows that was not read.
    pub(crate) more: bool,
    /// The separator between the first two groups joins something before them, too.
    joined: bool,
}

/// A group as it is kept: a number is made for every digit that begins a word, and has to be small.
#[derive(Clone, Copy, Default)]
struct Packed {
    separator: u8,
    len: u8,
    digits: u8,
    /// From where the number begins: groups and what stands between them take fewer than 64 bytes.
    end: u8,
}

/// Digits without anything between them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Group {
    /// What stands before it: ` `, `-`, `.`, `/`, or `(` if it is in parentheses.
    pub(crate) separator: u8,
    pub(crate) len: usize,
    /// How many digits there are up to its end.
    pub(crate) digits: usize,
    pub(crate) end: usize,
}

/// A text that is read from left to right, each byte once.
struct Cursor<'t> {
    text: Text<'t>,
    place: usize,
    byte: u8,
}

impl<'t> Cursor<'t> {
    fn new(text: Text<'t>, place: usize) -> Cursor<'t> {
        let byte = text.at(place);
        Cursor { text, place, byte }
    }

    fn go_on(&mut self) {
        self.place = self.place.saturating_add(1);
        self.byte = self.text.at(self.place);
    }

    /// Passes this byte, if it is here.
    fn take(&mut self, byte: u8) -> bool {
        let here = self.byte == byte;
        if here {
            self.go_on();
        }
        here
    }

    /// Passes a separator and says which, or 0. Spaces and hyphens that do not break lines count as the plain ones.
    fn take_separator(&mut self) -> u8 {
        let kind = self.byte;
        match kind {
            b' ' | b'-' | b'.' | b'/' => {
                self.go_on();
                kind
            }
            0xc2 => {
                self.go_on();
                if self.take(0xa0) { b' ' } else { 0 }
            }
            0xe2 => {
                self.go_on();
                if !self.take(0x80) {
                    return 0;
                }
                let kind = match self.byte {
                    0x90..0x96 => b'-',
                    0xaf => b' ',
                    _ => return 0,
                };
                self.go_on();
                kind
            }
            _ => 0,
        }
    }
}

impl Number {
    /// The groups that begin here, at a digit, a `+` or a `(`; `None` where they are part of something else: of a word, or of
    /// the decimals or further parts of a dotted number.
    pub(crate) fn at(text: Text<'_>, place: usize) -> Option<Number> {
        if is(text.at(place), DIGIT) {
            let before = text.before(place, 1);
            let part = before == b'.' && is(text.before(place, 2), DIGIT);
            // Most are a digit or two, with nothing behind them.
            let next = text.at(place.saturating_add(1));
            let goes_on =
                is(next, DIGIT) || matches!(next, b' ' | b'-' | b'.' | b'/' | b'(' | 0xc2 | 0xe2);
            if part || is(before, WORD) || !goes_on {
                return None;
            }
        } else {
            let next = text.at(place.saturating_add(1));
            if !(is(next, DIGIT) || (next == b'(' && text.at(place) == b'+')) {
                return None;
            }
        }
        let number = Number::read(text, place);
        (number.count() >= FEWEST).then_some(number)
    }

    fn read(text: Text<'_>, start: usize) -> Number {
        let mut all = Number {
            start,
            first: 0,
            groups: [Packed::default(); GROUPS],
            len: 0,
            digits: [0; DIGITS],
            more: false,
            joined: false,
        };
        let mut cursor = Cursor::new(text, start);
        let plus = cursor.take(b'+');
        let (mut separator, mut digits) = (0, 0_usize);
        loop {
            let open = cursor.take(b'(');
            let before = digits;
            while is(cursor.byte, DIGIT) && digits.saturating_sub(before) < DIGITS {
                if let Some(digit) = all.digits.get_mut(digits) {
                    *digit = cursor.byte;
                }
                digits = digits.saturating_add(1);
                cursor.go_on();
            }
            let len = digits.saturating_sub(before);
            if len == 0 {
                break;
            }
            let room = all.groups.get_mut(all.len);
            let (Some(group), true) = (room, digits < DIGITS) else {
                all.more = true;
                break;
            };
            if open {
                if len > 6 || !cursor.take(b')') {
                    break;
                }
                separator = b'(';
            }
            let small = |number| u8::try_from(number).unwrap_or(u8::MAX);
            *group = Packed {
                separator,
                len: small(len),
                digits: small(digits),
                end: small(cursor.place.saturating_sub(start)),
            };
            all.len = all.len.saturating_add(1);
            if all.len == 2 {
                all.joined = joined(text, start, separator);
            }
            if !plus && !all.may_go_on() {
                break;
            }
            separator = match cursor.take_separator() {
                0 if open || cursor.byte == b'(' => b' ',
                0 => break,
                kind => kind,
            };
        }
        all.first = all.digits.first().copied().unwrap_or_default();
        all
    }

    /// Whether groups that begin like these are worth reading on.
    fn may_go_on(&self) -> bool {
        let [first, second, third, ..] = self.groups.map(|group| group.len);
        let dotted = self.len < 2 || self.group(1).separator == b'.';
        match first {
            // In a row of numbers none is a telephone number.
            _ if self.digits.first() == Some(&b'0')
                && !self.joined
                && self.group(self.len.saturating_sub(1)).len > 1 =>
            {
                true
            }
            1..=3 if dotted => true,
            1 => second == 3,
            3 => second == 2 || (second == 3 && matches!(third, 0 | 4)),
            4 => matches!(second, 0 | 4 | 6),
            _ => false,
        }
    }

    /// How many groups there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Its digits, up to the end of so many groups.
    pub(crate) fn digits(&self, groups: usize) -> impl DoubleEndedIterator<Item = u32> {
        let len = self.group(groups.saturating_sub(1)).digits;
        let digits = self.digits.get(..len).unwrap_or_default();
        digits.iter().map(|digit| u32::from(digit & 15))
    }

    /// How many digits there are.
    pub(crate) fn count(&self) -> usize {
        self.group(self.len.saturating_sub(1)).digits
    }

    pub(crate) fn group(&self, index: usize) -> Group {
        let known = self.groups.get(..self.len).unwrap_or_default();
        known.get(index).map_or_else(Group::default, |group| Group {
            separator: group.separator,
            len: usize::from(group.len),
            digits: usize::from(group.digits),
            end: self.start.saturating_add(usize::from(group.end)),
        })
    }

    /// What stands behind the group of this index: its separator, if another one follows.
    pub(crate) fn next(&self, index: usize) -> u8 {
        self.group(index.saturating_add(1)).separator
    }

    /// Whether the lengths of the first groups are these.
    pub(crate) fn begin(&self, lens: &[usize]) -> bool {
        let known = self.groups.get(..self.len).unwrap_or_default();
        known.len() >= lens.len()
            && known
                .iter()
                .zip(lens)
                .all(|(group, len)| usize::from(group.len) == *len)
    }

    /// The digits of so many places as a number.
    pub(crate) fn number(&self, from: usize, to: usize) -> u32 {
        let digits = self.digits.get(from..to.min(self.count()));
        let digits = digits.unwrap_or_default().iter();
        digits.fold(0, |number: u32, digit| {
            number.wrapping_mul(10).wrapping_add(u32::from(digit & 15))
        })
    }

    /// Whether one separator stands between the first groups.
    pub(crate) fn uniform(&self, groups: usize) -> bool {
        (2..groups).all(|index| self.group(index).separator == self.group(1).separator)
    }

    /// Whether the same kind of separator joins something before these groups, or a digit behind the last of them.
    pub(crate) fn continued(&self, text: Text<'_>, groups: usize) -> bool {
        let kind = self.group(1).separator;
        let joined = joined(text, self.start, kind);
        let last = groups.saturating_sub(1);
        joined || (kind != 0 && self.next(last) == kind) || (groups == self.len && self.more)
    }

    /// Where the first groups are, if no word goes on behind them.
    pub(crate) fn span(&self, text: Text<'_>, groups: usize) -> Option<Range<usize>> {
        let end = self.group(groups.checked_sub(1)?).end;
        (!is(text.at(end), WORD)).then_some(self.start..end)
    }
}

/// Whether this kind of separator joins something before this place.
fn joined(text: Text<'_>, place: usize, kind: u8) -> bool {
    let classes = if kind == b' ' { DIGIT } else { WORD };
    text.before(place, 1) == kind && is(text.before(place, 2), classes)
}
