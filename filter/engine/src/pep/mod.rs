//! The policy enforcement point: what decisions look like on the wire.

mod answer;
mod lists;

pub use answer::{
    Answer, NO_SERVER, Reply, batch, dropped, input_required, no_oauth, no_server, refusal, single,
    turned_away, unconfigured, withheld,
};
pub use lists::{Inspection, ListFilter, Unjudgeable};

pub use crate::refusal::Rejection;
