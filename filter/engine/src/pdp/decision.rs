//! What a policy says.

use crate::counters::Charge;
use crate::policy::{Approval, Limit};
use crate::refusal::Denial;

/// A charge to make before forwarding.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'p> {
    /// The limit it belongs to.
    pub limit: &'p Limit,
    /// What it costs.
    pub charge: Charge,
    /// Whether the limit is only observed.
    pub shadow: bool,
}

/// The outcome of an evaluation.
#[derive(Debug)]
pub enum Decision<'p> {
    /// May be forwarded once the charges are made.
    Allow {
        /// The charges, in the order that names the refusal.
        charges: Vec<Planned<'p>>,
        /// What would have refused, had it not been in shadow.
        shadow: Option<Denial>,
    },
    /// Must not be forwarded.
    Deny(Denial),
    /// Must not be forwarded: what a limit counts cannot be counted. An earlier limit that is exceeded names the
    /// refusal instead.
    Uncountable {
        /// The charges of the limits before it.
        charges: Vec<Planned<'p>>,
        /// The refusal by this one.
        denial: Denial,
    },
    /// Must wait for a person. The charges have to fit, but are not made.
    Hold {
        /// The charges that would be made.
        charges: Vec<Planned<'p>>,
        /// Which rule asks.
        approval: &'p Approval,
        /// Groups of which one may decide; anybody, if there are none.
        approvers: &'p [Box<str>],
        /// What would have refused, had it not been in shadow.
        shadow: Option<Denial>,
    },
}
