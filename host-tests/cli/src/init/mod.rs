//! From what a team has to a complete starting set: their clients' list of servers, or one URL.

mod clients;
mod quickstart;

pub use clients::{Entry, Http, Skipped, read};
pub use quickstart::{POLICY, TESTS};
