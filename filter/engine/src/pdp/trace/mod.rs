//! Why a call gets its decision: every step the policy takes, with what it looked at.
//!
//! A second walk beside [`decide`](super::decide()), for people. It uses the same conditions, charges and counters and
//! must come to the same end, which tests hold it to; it charges nothing. Unlike `decide` it can also work on what an
//! audit record has kept of a call: where arguments or claims are not known, what depends on them is [`Mark::Unknown`].

mod show;
mod step;
mod walk;

use super::request::AccessRequest;
use crate::counters::{Counters, Store};
use crate::policy::Policy;
use crate::time::Timestamp;
pub use step::{Known, KnownArguments, Look, Mark, Stage, Trace, TraceStep, TraceVerdict, Usage};

/// Takes every step of one call, without charging anything. `shadow` is the gate's own mode. The store is asked for what
/// counters hold; one that is lost is treated as [`Counters::allow_on_store_error`] says.
pub fn trace<'p>(
    policy: &'p Policy,
    request: &AccessRequest<'_>,
    known: Known<'_>,
    counters: &Counters,
    store: &mut dyn Store,
    now: Timestamp,
    shadow: bool,
) -> Trace<'p> {
    walk::walk(policy, request, known, counters, store, now, shadow)
}
