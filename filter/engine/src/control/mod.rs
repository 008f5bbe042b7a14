//! What operators see and change while the gate runs: the stop switch, revoked grants, recent decisions, workers.
//!
//! All of it lives in the [`Store`](crate::counters::Store) that the workers of a proxy share, under a fixed number of
//! keys, whatever callers send. It survives a configuration update and the death of a VM, and ends with the proxy: what
//! has to outlast a restart belongs into the configuration (`stopped: true`, `revoked: true` on a grant).
//!
//! Times are seconds since 1970-01-01T00:00:00Z.

mod revoked;
mod ring;
mod seen;
mod stop;

pub use revoked::{Revoked, is_revoked, reinstate, revoke, revoked};
pub use ring::Ring;
pub use seen::{LANES, RING, WORKER_SEEN, Worker, beat, gate, publish, recent, remember, workers};
pub use stop::{Stop, denial, resume, stop, stopped};

pub use crate::text::MAX_REASON;
