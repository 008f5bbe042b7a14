//! What every step of an exchange may use.

use crate::counters::Store;
use crate::gate::Gate;
use crate::time::Timestamp;

/// What a callback may use: the configuration, the counters, the time.
pub struct Context<'a> {
    /// The configuration.
    pub gate: &'a Gate,
    /// The counters.
    pub store: &'a mut dyn Store,
    /// Now.
    pub now: Timestamp,
    /// Requests this VM holds for a person, besides the one at hand.
    pub held: usize,
}
