//! What tests of shared state need: a store that conflicts and fails when told to, and a time.

#![allow(dead_code, reason = "each test uses a part of it")]

use toolgate_engine::time::Timestamp;

pub use toolgate_engine::counters::Memory;

/// So many seconds after the tests' beginning of time.
pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_nanos((1_768_471_200 + seconds) * 1_000_000_000)
}
