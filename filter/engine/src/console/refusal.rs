//! Why the console does not do what it is asked to.

use crate::counters::StoreLost;

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    /// HTTP status.
    pub(super) status: u32,
    /// Ends the rule pointer `/console/<word>` and stands in the reply as `error`.
    pub(super) word: &'static str,
    /// What is wrong.
    pub(super) message: &'static str,
    /// What to do about it.
    pub(super) hint: &'static str,
}

/// The outcome of a step.
pub(super) type Checked<T> = Result<T, Refusal>;

/// A refusal.
#[inline(never)]
pub(super) fn refuse<T>(
    status: u32,
    word: &'static str,
    message: &'static str,
    hint: &'static str,
) -> Checked<T> {
    Err(Refusal {
        status,
        word,
        message,
        hint,
    })
}

/// The refusal of a path that leads nowhere.
pub(super) fn not_found<T>() -> Checked<T> {
    refuse(
        404,
        "not-found",
        "there is nothing at this path",
        "the interface is below /api/v1/; the page is at /",
    )
}

/// The refusal of what cannot be known.
pub(super) fn lost(_: StoreLost) -> Refusal {
    Refusal {
        status: 503,
        word: "store",
        message: "the store the gates share cannot be read or written",
        hint: "calls are refused meanwhile; look at the proxy's log",
    }
}

/// The refusal of an id no question has.
pub(super) fn unknown<T>() -> Checked<T> {
    refuse(
        404,
        "unknown",
        "there is no such approval",
        "it may have been decided and forgotten; list what waits",
    )
}
