//! What a call costs a counter, and what came of charging it.

use sha2::{Digest, Sha256};

use super::StoreLost;
use super::window::{Span, Window};

/// Identifies a counter: a hash over length-prefixed parts, so that crafted names cannot collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CounterKey(pub(crate) [u8; 16]);

impl CounterKey {
    /// The key for a counter named by these parts.
    pub fn new(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
        let digest: [u8; 32] = hasher.finalize().into();
        let [key, _] = digest.as_chunks::<16>().0 else {
            return CounterKey([0; 16]);
        };
        CounterKey(*key)
    }

    /// A place for it among so many.
    pub(crate) fn place(self, buckets: u32) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
            .checked_rem(buckets)
            .unwrap_or(0)
    }
}

/// What one call costs one counter.
#[derive(Clone, Copy, Debug)]
pub struct Charge {
    /// Which counter.
    pub key: CounterKey,
    /// The window it counts in.
    pub window: Window,
    /// Cost in 10^-9, never negative.
    pub amount: i128,
    /// Most the counter may reach, inclusive, in 10^-9.
    pub max: i128,
}

/// A charge that was made, to be kept until it is known whether the call ran.
#[derive(Clone, Copy, Debug)]
pub struct Receipt {
    pub(super) key: CounterKey,
    pub(super) span: Span,
    pub(super) amount: i128,
    /// What the counter held before and after.
    pub before: i128,
    /// See `before`.
    pub after: i128,
}

/// Why charges were not made. None of them was, then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveError {
    /// The charge at this index does not fit.
    Exceeded {
        /// Index of the charge.
        index: usize,
        /// Seconds until it may fit, at least 1; `None` if it never does.
        retry_after: Option<u64>,
    },
    /// No room for another counter; `retry_after` seconds until one expires.
    Full {
        /// Index of the charge.
        index: usize,
        /// Seconds, at least 1.
        retry_after: u64,
    },
    /// The store cannot be read or written.
    Lost,
}

impl From<StoreLost> for ReserveError {
    fn from(_: StoreLost) -> Self {
        ReserveError::Lost
    }
}
