//! What most tokens are: a prefix that begins a word, and a run of an alphabet.

use std::ops::Range;

use crate::text::{Text, WHOLE};

/// From `start` to the end of the run of these classes that begins at `body`, if it is long enough and begins a word.
///
/// The alphabet must lack a character of every prefix, or the byte before `start` be none of it: then no two runs hold the same
/// byte, and they need no end.
pub(crate) fn token(
    text: Text<'_>,
    start: usize,
    body: usize,
    classes: u8,
    least: usize,
) -> Option<Range<usize>> {
    if !text.begins_word(start) {
        return None;
    }
    let end = text.run(body, classes, WHOLE);
    (end.saturating_sub(body) >= least).then_some(start..end)
}
