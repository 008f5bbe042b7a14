//! A console, as a configuration says it.

use crate::approvals;
use crate::audit::Audit;
use crate::identity::TokenHash;

/// A console: the page and the interface for people, without any policy.
#[derive(Debug)]
pub struct Console {
    /// SHA-256 over the canonical document, in hex.
    pub digest: String,
    /// Who may use it; at least one.
    pub approvers: Vec<Approver>,
    /// What is recorded of what they do.
    pub audit: Audit,
}

/// Somebody who may use the console.
#[derive(Debug)]
pub struct Approver {
    /// The name in records and on questions.
    pub id: Box<str>,
    /// Of the token that shows who it is.
    pub token: TokenHash,
    /// Groups that `approvers` of an entry may name.
    pub groups: Vec<Box<str>>,
    /// Ids of callers that are this person's own, the person's own id included: nobody approves for themselves.
    pub own: Vec<Box<str>>,
}

impl Approver {
    /// As questions know who decides them.
    pub fn decides(&self) -> approvals::Approver<'_> {
        approvals::Approver {
            id: &self.id,
            groups: &self.groups,
            own: &self.own,
        }
    }

    /// Whether a grant is this person's own.
    pub fn owns(&self, grant: &str) -> bool {
        self.own.iter().any(|own| **own == *grant)
    }
}
