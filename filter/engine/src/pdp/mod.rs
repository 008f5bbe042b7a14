//! The policy decision point: from a call and a policy to a [`Decision`].
//!
//! [`decide`] is pure: it reads the policy and the call and says what has to be charged. [`settle`] makes the
//! charges of all calls of a request, all or nothing, and is the only place that mints a [`Permit`], without
//! which nothing is forwarded.

mod decide;
mod settle;

pub use decide::{AccessRequest, Decision, Denial, Planned, Target, decide, listed};
pub use settle::{Charged, Settled, permit_protocol, settle};

/// Proof that everything in a request was judged and may be forwarded. Only this module can make one.
#[derive(Debug)]
pub struct Permit(());
