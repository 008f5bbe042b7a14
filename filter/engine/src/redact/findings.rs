//! What rules make of a message, and why one cannot be shown.

use crate::json::Edits;
use crate::policy::Rule;
use crate::policy::detectors::TooMuchWork;

/// How often what was found, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(pub Vec<(Box<str>, u64)>);

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, name: &str, more: u64) {
        match self.0.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, count)) => *count = count.saturating_add(more),
            None => self.0.push((name.into(), more)),
        }
    }

    /// Counts everything of another.
    pub fn merge(&mut self, other: &Tally) {
        for (name, count) in &other.0 {
            self.add(name, *count);
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How much was found.
    pub fn total(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

/// What rules make of a message.
#[derive(Debug, Default)]
pub struct Findings<'r> {
    /// What has to be replaced, by place in the document.
    pub edits: Edits,
    /// How much of it.
    pub tally: Tally,
    /// The rule by which the message must not be shown.
    pub denied: Option<&'r Rule>,
}

/// A message cannot be inspected, so it must not be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uninspected {
    /// Clients might read it in more than one way, or two keys of an object would become one.
    Ambiguous,
    /// It would take too much work.
    TooMuchWork,
}

impl From<TooMuchWork> for Uninspected {
    fn from(_: TooMuchWork) -> Self {
        Uninspected::TooMuchWork
    }
}
