//! Bytes by class: what every scanner reads a text with.
//!
//! Everything outside ASCII is no part of a word, except where a scanner says so.

use std::cell::Cell;
use std::ops::Range;

/// `0`–`9`
pub(crate) const DIGIT: u8 = 1;
/// `A`–`Z`
pub(crate) const UPPER: u8 = 2;
/// `a`–`z`
pub(crate) const LOWER: u8 = 4;
/// `-` and `_`, which base64url adds to letters and digits.
pub(crate) const DASH: u8 = 8;
/// `+`, `/` and `=`, which base64 adds.
pub(crate) const BASE64: u8 = 16;
/// What the local part of an address may hold besides letters, digits and [`DASH`].
pub(crate) const LOCAL: u8 = 32;
/// What ends a link: white space, control characters and quotes.
pub(crate) const DELIMITER: u8 = 64;
/// Beyond ASCII.
pub(crate) const WIDE: u8 = 128;

/// Letters and digits.
pub(crate) const WORD: u8 = DIGIT | UPPER | LOWER;
/// The alphabet of base64url, of tokens and of names.
pub(crate) const BASE64_URL: u8 = WORD | DASH;

static CLASSES: [u8; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler"
)]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        table[index] = match index as u8 {
            b'0'..=b'9' => DIGIT,
            b'A'..=b'Z' => UPPER,
            b'a'..=b'z' => LOWER,
            b'-' | b'_' => DASH,
            b'+' => BASE64 | LOCAL,
            b'/' | b'=' => BASE64,
            b'.' | b'%' | b'\'' => LOCAL,
            0..=b' ' | b'"' | b'<' | b'>' | b'`' | 0x7f => DELIMITER,
            0x80.. => WIDE,
            _ => 0,
        };
        index += 1;
    }
    table
}

/// Whether a byte is in one of these classes.
pub(crate) fn is(byte: u8, classes: u8) -> bool {
    CLASSES
        .get(usize::from(byte))
        .is_some_and(|class| class & classes != 0)
}

/// As far as a run goes: where no two runs hold the same byte, because none begins behind a byte of its own alphabet.
pub(crate) const WHOLE: usize = usize::MAX;

/// A text as scanners see it, and how often they have looked. NUL stands before its beginning and behind its end.
///
/// There is no way to a byte that is not counted: what a scanner costs is known while it runs.
#[derive(Clone, Copy)]
pub(crate) struct Text<'t> {
    bytes: &'t [u8],
    looks: &'t Cell<u64>,
}

impl<'t> Text<'t> {
    /// Looks are added to `looks`: one for each byte that is read, however often.
    pub(crate) fn new(bytes: &'t [u8], looks: &'t Cell<u64>) -> Text<'t> {
        Text { bytes, looks }
    }

    /// Its length in bytes.
    pub(crate) fn len(self) -> usize {
        self.bytes.len()
    }

    /// Counts so many looks.
    pub(crate) fn count(self, looks: usize) {
        let looks = u64::try_from(looks).unwrap_or(u64::MAX);
        self.looks.set(self.looks.get().saturating_add(looks));
    }

    /// The byte at this place.
    pub(crate) fn at(self, place: usize) -> u8 {
        self.count(1);
        self.bytes.get(place).copied().unwrap_or(0)
    }

    /// The byte so many places before this one.
    pub(crate) fn before(self, place: usize, back: usize) -> u8 {
        place.checked_sub(back).map_or(0, |place| self.at(place))
    }

    /// The bytes from here to there, each counted as read.
    pub(crate) fn part(self, span: Range<usize>) -> &'t [u8] {
        let part = self.bytes.get(span).unwrap_or_default();
        self.count(part.len());
        part
    }

    /// Where the first byte that is one of these stands, from here on.
    pub(crate) fn position(self, place: usize, wanted: impl Fn(u8) -> bool) -> Option<usize> {
        let rest = self.bytes.get(place..)?;
        let offset = rest.iter().position(|byte| wanted(*byte));
        self.count(offset.unwrap_or(rest.len()));
        offset.map(|offset| place.saturating_add(offset))
    }

    /// Where `word` stands next, from here on.
    pub(crate) fn find(self, place: usize, word: &[u8]) -> Option<usize> {
        let rest = self.bytes.get(place..)?;
        let offset = rest.windows(word.len()).position(|window| window == word);
        self.count(offset.unwrap_or(rest.len()));
        offset.map(|offset| place.saturating_add(offset))
    }

    /// Whether `word` stands here.
    pub(crate) fn has(self, place: usize, word: &[u8]) -> bool {
        let end = place.saturating_add(word.len());
        word.first() == Some(&self.at(place)) && self.part(place..end) == word
    }

    /// Where `word` begins if it ends here, in whatever case; `word` is in lower case.
    pub(crate) fn ended_by(self, place: usize, word: &[u8]) -> Option<usize> {
        let start = place.checked_sub(word.len())?;
        let last = word.last()?;
        let found = self.before(place, 1).eq_ignore_ascii_case(last)
            && self.part(start..place).eq_ignore_ascii_case(word);
        found.then_some(start)
    }

    /// Where the run of these classes that begins here ends, at most so many bytes on.
    pub(crate) fn run(self, place: usize, classes: u8, most: usize) -> usize {
        let rest = self.bytes.get(place..).unwrap_or_default();
        let length = rest
            .iter()
            .take(most)
            .take_while(|byte| is(**byte, classes))
            .count();
        self.count(length.saturating_add(1));
        place.saturating_add(length)
    }

    /// Where the run of these classes that ends here begins, at most so many places back.
    pub(crate) fn run_back(self, place: usize, classes: u8, most: usize) -> usize {
        let until = self.bytes.get(..place).unwrap_or_default();
        let bytes = until.iter().rev().take(most);
        let length = bytes.take_while(|byte| is(**byte, classes)).count();
        self.count(length.saturating_add(1));
        place.saturating_sub(length)
    }

    /// Whether no letter or digit stands before this place.
    pub(crate) fn begins_word(self, place: usize) -> bool {
        !is(self.before(place, 1), WORD)
    }
}
