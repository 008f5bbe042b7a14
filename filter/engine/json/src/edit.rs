//! Changing parts of a document while every other byte stays as it is.

use std::ops::Range;

use crate::order;

/// Replacements to make in a text, collected in any order and applied in one pass.
#[derive(Debug, Default)]
pub struct Edits {
    replacements: Vec<(Range<usize>, String)>,
}

impl Edits {
    /// Puts `text` in place of the bytes in `span`. Spans must not overlap.
    pub fn replace(&mut self, span: Range<usize>, text: impl Into<String>) {
        self.replacements.push((span, text.into()));
    }

    /// Takes back the replacements in a part of the text.
    pub fn remove(&mut self, part: Range<usize>) {
        self.replacements
            .retain(|(span, _)| span.start < part.start || part.end < span.end);
    }

    /// Whether nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        self.replacements.is_empty()
    }

    /// Makes these replacements too.
    pub fn append(&mut self, mut more: Edits) {
        self.replacements.append(&mut more.replacements);
    }

    /// What a part of the text becomes by the replacements in it; `None` if there are none.
    pub fn within(&self, text: &str, part: Range<usize>) -> Option<String> {
        let inside = self.replacements.iter();
        let inside = inside.filter(|(span, _)| part.start <= span.start && span.end <= part.end);
        let moved = |at: usize| at.saturating_sub(part.start);
        let edits = Edits {
            replacements: inside
                .map(|(span, with)| (moved(span.start)..moved(span.end), with.clone()))
                .collect(),
        };
        if edits.is_empty() {
            return None;
        }
        edits.apply(text.get(part)?)
    }

    /// The text with all replacements made; `None` if two of them overlap or leave the text.
    pub fn apply(self, text: &str) -> Option<String> {
        // Of two that begin in the same place the empty one comes first.
        let starts = self
            .replacements
            .iter()
            .map(|(span, _)| (span.start as u64) << 1 | u64::from(!span.is_empty()));
        let order = order::by_number(starts);
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (span, replacement) in order::arrange(self.replacements, &order) {
            out.push_str(text.get(done..span.start)?);
            out.push_str(&replacement);
            done = span.end;
        }
        out.push_str(text.get(done..)?);
        Some(out)
    }
}
