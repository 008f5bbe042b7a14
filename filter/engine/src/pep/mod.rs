//! The policy enforcement point: what decisions look like on the wire.

mod lists;
mod refusal;
mod rejection;

pub use lists::{ListFilter, Unjudgeable};
pub use refusal::{Answer, Reply, batch, dropped, single, withheld};
pub use rejection::Rejection;
