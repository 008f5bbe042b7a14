//! What answering a request may use, and what it yields.

use super::settings::Console;
use crate::audit::Record;
use crate::counters::Store;
use crate::pep::Reply;
use crate::time::Timestamp;

/// Largest body of a request, in bytes.
pub const MAX_BODY: usize = 64 << 10;

/// What answering a request may use.
pub struct Context<'a> {
    /// The configuration.
    pub console: &'a Console,
    /// What the gates and the console share.
    pub store: &'a mut dyn Store,
    /// Now.
    pub now: Timestamp,
    /// Names the request in records.
    pub id: &'a str,
}

/// What has arrived of a request's body.
#[derive(Clone, Copy, Debug)]
pub enum Body<'b> {
    /// Nothing yet, but something will.
    Awaited,
    /// All of it.
    Whole(&'b [u8]),
    /// More than [`MAX_BODY`].
    TooLarge,
}

/// What a request is answered with.
#[derive(Debug)]
pub struct Answer {
    /// The reply.
    pub reply: Reply,
    /// What was done or refused; nothing where somebody only looked.
    pub records: Vec<Record>,
}
