//! The policy decision point: from a call and a policy to a [`Decision`].
//!
//! [`decide`] is pure: it reads the policy and the call and says what has to be charged. [`settle`] makes the
//! charges of all calls of a request, all or nothing, and is the only place that mints a [`Permit`], without
//! which nothing is forwarded.

mod charge;
mod decide;
mod decision;
mod order;
mod request;
mod session;
mod settle;
#[cfg(feature = "explain")]
mod trace;

pub use crate::refusal::Denial;
pub use charge::{UNCOUNTABLE, ingest, read_counters};
pub use decide::{decide, decide_within, entries, is_in_shadow, listed};
pub use decision::{Decision, Planned};
pub use request::{AccessRequest, Target};
pub use session::{is_known as knows_session, remember as remember_session};
pub(crate) use settle::permit_protocol;
pub use settle::{COUNTERS_LOST, Charged, Settled, peek, settle};
#[cfg(feature = "explain")]
pub use trace::{
    Known, KnownArguments, Look, Mark, Stage, Trace, TraceStep, TraceVerdict, Usage, trace,
};

/// Proof that everything in a request was judged and may be forwarded. Only this module can make one.
#[derive(Debug)]
pub struct Permit(());
