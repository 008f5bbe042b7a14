//! What is taken out of replies before anybody reads them, and which replies are not shown at all.
//!
//! ```text
//! message  one JSON-RPC message: every string that reaches the client, object keys and numbers included
//! detect   plain text to places in it
//! ```
//!
//! What to look for is said by [`ResultRules`](crate::policy::ResultRules). JSON keeps its types and every byte that is not replaced. Strings are looked at as they mean, not as they are escaped. What
//! is JSON or base64 inside a string is text like any other: it is not decoded once more.

#[allow(
    unreachable_pub,
    reason = "public within their folder: as in a crate of their own"
)]
pub mod detect;
mod message;
#[cfg(test)]
mod tests;

pub use message::{Findings, Tally, Uninspected, message, text};
