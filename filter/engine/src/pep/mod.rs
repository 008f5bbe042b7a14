//! The policy enforcement point: what decisions look like on the wire.

mod lists;
mod refusal;

pub use lists::{Inspection, ListFilter, Unjudgeable};
pub use refusal::{
    Answer, NO_SERVER, Reply, batch, dropped, input_required, no_server, single, turned_away,
    withheld,
};

pub use crate::refusal::Rejection;
