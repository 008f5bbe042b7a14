//! The time the guest sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// 2026-01-15T10:30:00Z, a Thursday: where every clock starts.
pub const START_NANOS: u64 = 1_768_473_000_000_000_000;

/// A settable clock. Clones share the time, so one clock can drive several VMs.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicU64>);

impl Default for Clock {
    fn default() -> Self {
        Self::at(START_NANOS)
    }
}

impl Clock {
    /// A clock that stands at [`START_NANOS`].
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock that stands at `nanos` since 1970-01-01T00:00:00Z.
    pub fn at(nanos: u64) -> Self {
        Self(Arc::new(AtomicU64::new(nanos)))
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub fn nanos(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Sets the time, backwards too: real clocks do that.
    pub fn set(&self, nanos: u64) {
        self.0.store(nanos, Ordering::SeqCst);
    }

    /// Moves the time forward.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.set(self.nanos().saturating_add(by));
    }
}
