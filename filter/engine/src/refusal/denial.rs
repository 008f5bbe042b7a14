//! Refusals by policy.

use std::sync::Arc;

use super::Own;
use crate::approvals::Notice;
use crate::policy::Rule;

/// A refusal by policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Pointer of the rule.
    pub rule: Arc<str>,
    /// What to tell the agent.
    pub reason: String,
    /// Seconds after which it may try again.
    pub retry_after: Option<u64>,
    /// The question that was put to a person.
    pub approval: Option<Box<Notice>>,
}

impl Denial {
    /// A refusal of the gate's own.
    pub fn own(own: Own, reason: impl Into<String>) -> Self {
        Denial::at(own.pointer(), reason)
    }

    /// A refusal at a place in the configuration that says nothing of its own about it.
    pub fn at(pointer: &str, reason: impl Into<String>) -> Self {
        Denial {
            rule: pointer.into(),
            reason: reason.into(),
            retry_after: None,
            approval: None,
        }
    }

    /// A refusal by a rule.
    pub fn by(rule: &Rule) -> Self {
        Denial {
            rule: Arc::clone(&rule.pointer),
            reason: (*rule.reason).to_owned(),
            retry_after: None,
            approval: None,
        }
    }
}
