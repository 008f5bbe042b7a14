//! Calls that wait for a person, driven as a host drives them: several workers over one store.
//!
//! Each way a wait can begin, end and be misused; what a store that fails at any moment leads to; and all of it at random,
//! with what must hold whatever happens.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod common;
#[path = "holding/ends.rs"]
mod ends;
#[path = "holding/failing.rs"]
mod failing;
#[path = "holding/mrtr.rs"]
mod mrtr;
#[path = "holding/random.rs"]
mod random;
#[path = "holding/rig.rs"]
mod rig;
#[path = "holding/shares.rs"]
mod shares;
#[path = "holding/ways.rs"]
mod ways;
