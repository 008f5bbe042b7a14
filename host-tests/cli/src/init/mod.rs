//! From what a team has to a complete starting set: their clients' list of servers, one URL, or
//! the name of a well-known server.

mod clients;
mod library;
mod quickstart;

pub use clients::{Entry, Listed, Place, Skipped, read};
pub use library::{LIBRARY, Ready, ready};
pub use quickstart::{POLICY, TESTS};
