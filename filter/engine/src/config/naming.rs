//! How a rule is named in refusals.

use std::sync::Arc;

use crate::policy::Rule;

/// The pointer of a rule, and its author's words.
pub(super) struct Naming {
    pub(super) pointer: Arc<str>,
    pub(super) on_deny: Option<String>,
}

impl Naming {
    /// The rule, with the author's words or else these.
    pub(super) fn rule(&self, default: String) -> Rule {
        let reason = self.on_deny.clone().unwrap_or(default).into();
        Rule {
            pointer: Arc::clone(&self.pointer),
            reason,
        }
    }

    /// Whether the words are the author's.
    pub(super) fn is_authored(&self) -> bool {
        self.on_deny.is_some()
    }
}
