//! What is taken out of replies before anybody reads them, and which replies are not shown at all.
//!
//! ```text
//! message  one JSON-RPC message: every string that reaches the client, object keys and numbers included
//! detect   plain text to places in it
//! room     what stands there instead, as long as there is room for it
//! ```
//!
//! What to look for is said by [`ResultRules`](crate::policy::ResultRules), and how it is found in a text by [`detect`].
//!
//! JSON keeps its types and every byte that is not replaced. Strings are looked at as they mean, not as they are escaped. What
//! is JSON or base64 inside a string is text like any other: it is not decoded once more.

mod message;
mod room;
#[cfg(test)]
mod tests;

pub use crate::policy::detectors as detect;
pub use message::{Findings, Tally, Uninspected, message, text};
pub use room::{Room, SURE_ROOM, has_room};
