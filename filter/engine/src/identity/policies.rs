//! The policies a caller may have.

use crate::policy::Policy;

/// The policies of a gate, as identity sources name them.
#[derive(Clone, Copy, Debug)]
pub struct PolicyNames<'g> {
    policies: &'g [Policy],
    named: bool,
}

impl<'g> PolicyNames<'g> {
    /// `named` tells that identities pick a policy; otherwise there is one, which all have.
    pub(crate) fn new(policies: &'g [Policy], named: bool) -> Self {
        PolicyNames { policies, named }
    }

    /// The index of the policy with this name.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.policies
            .iter()
            .position(|policy| self.named && *policy.name == *name)
    }

    /// The name of the policy with this index.
    pub(super) fn name(&self, index: Option<usize>) -> Option<&'g str> {
        index
            .and_then(|index| self.policies.get(index))
            .map(|policy| &*policy.name)
    }

    /// The index of the policy of a caller of whom nothing is known.
    pub(super) fn of_anybody(&self) -> Option<usize> {
        (!self.named).then_some(0)
    }
}
