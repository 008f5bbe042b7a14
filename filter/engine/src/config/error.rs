//! What is wrong with a configuration: where, what stands there, what was expected.

use std::fmt;

/// One error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// JSON Pointer of the offending value; empty for the document itself.
    pub pointer: String,
    /// What is wrong and what was expected, as a clause; user input in backquotes.
    pub message: String,
    /// The word that was probably meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() {
            "(document)"
        } else {
            &self.pointer
        };
        write!(out, "{place}: {}", self.message)?;
        match &self.suggestion {
            Some(word) => write!(out, "; did you mean `{word}`?"),
            None => Ok(()),
        }
    }
}

/// All errors of a document, in document order; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// The word of `words` nearest to `word`, if one is near: at most a third of its letters differ.
pub fn nearest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let allowed = word.chars().count().div_ceil(3).min(3);
    words
        .into_iter()
        .map(|candidate| {
            (
                distance(&word.to_ascii_lowercase(), &candidate.to_ascii_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    for (index, char) in left.chars().enumerate() {
        let mut next = vec![index.saturating_add(1)];
        for (column, other) in right.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX);
            let replace = at(&row, column).saturating_add(usize::from(char != *other));
            let delete = at(&row, column.saturating_add(1)).saturating_add(1);
            let insert = at(&next, column).saturating_add(1);
            let mut best = replace.min(delete).min(insert);
            let before = column.checked_sub(1);
            if let (Some(before), Some(last)) = (before, previous)
                && right.get(before) == Some(&char)
                && last == *other
            {
                best = best.min(at(&above, before).saturating_add(1));
            }
            next.push(best);
        }
        above = std::mem::replace(&mut row, next);
        previous = Some(char);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words() {
        let words = ["default", "deny", "hide", "tools", "version"];
        for (word, expected) in [
            ("defualt", Some("default")),
            ("Default", Some("default")),
            ("tool", Some("tools")),
            ("dney", Some("deny")),
            ("vresion", Some("version")),
            ("xyz", None),
            ("approvals", None),
        ] {
            assert_eq!(nearest(word, words), expected, "{word}");
        }
    }
}
