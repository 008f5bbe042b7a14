//! What is taken out of replies before anybody reads them, and which replies are not shown at all.
//!
//! ```text
//! message  one JSON-RPC message: what of it is taken out, and whether it may be shown at all
//! walk     every string of it that reaches the client, object keys and numbers included
//! keys     what stands under a key, wherever that is
//! detect   plain text to places in it
//! room     what stands there instead, as long as there is room for it
//! shape    what is done once nothing needs hiding: texts marked with their server, and cut
//! ```
//!
//! What to look for is said by [`ResultRules`](crate::policy::ResultRules), and how it is found in a text by [`detect`].
//!
//! JSON keeps its types and every byte that is not replaced. Strings are looked at as they mean, not as they are escaped. What
//! is JSON or base64 inside a string is text like any other: it is not decoded once more, but for keys, in a text that is JSON
//! as a whole.

mod findings;
mod keys;
mod message;
mod room;
mod shape;
#[cfg(test)]
mod tests;
mod walk;
mod written;

pub use crate::policy::detectors as detect;
pub use findings::{Findings, Tally, Uninspected};
pub use message::{message, text};
pub use room::{Room, SURE_ROOM, has_room};
pub use shape::{Shape, Shaped};
