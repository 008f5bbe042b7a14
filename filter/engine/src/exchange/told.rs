//! What an agent is told of a question that was put to a person.

use std::sync::Arc;

use super::context::Context;
use crate::approvals::{MAX_SHOWN, Question};
use crate::policy::Rule;
use crate::refusal::{Denial, Own};

/// Said where the table of questions cannot be reached.
pub(super) const UNAVAILABLE: &str =
    "The store of approvals cannot be reached, so the call was not made.";

/// A refusal because nobody could be asked.
pub(super) fn unavailable() -> Denial {
    Denial::own(Own::ApprovalsUnavailable, UNAVAILABLE)
}

/// A refusal because no more callers can wait. `after` it, in seconds, there may be room.
pub(super) fn full(after: Option<u64>) -> Denial {
    let mut reason =
        "Too many calls wait for a person already, so nobody was asked about this one.".to_owned();
    if let Some(after) = after {
        reason.push_str(&format!(" Try again in {after} seconds."));
    }
    Denial {
        retry_after: after,
        ..Denial::own(Own::ApprovalsFull, reason)
    }
}

/// A refusal because nobody could be shown all of a call that is so many bytes long.
pub(super) fn too_long(length: usize) -> Denial {
    let reason = format!(
        "A person has to approve this call and cannot be shown all of it: its name, arguments and metadata are {length} bytes long, and {MAX_SHOWN} can be shown. Make it shorter, for example by naming a document in place of its text."
    );
    Denial::own(Own::ApprovalsSize, reason)
}

/// Told to an agent whose call is not held, or not any longer, while its question is open.
pub(super) fn waits(cx: &Context<'_>, rule: &Rule, question: &Question) -> Denial {
    let notice = question.notice(cx.now);
    let reason = format!(
        "{} It waits for a person (approval {}): repeat the same call once it is approved, before {}.",
        rule.reason, notice.id, notice.expires
    );
    Denial {
        rule: Arc::clone(&rule.pointer),
        reason,
        retry_after: None,
        approval: Some(Box::new(notice)),
    }
}

/// Told to an agent whose call was rejected.
pub(super) fn rejected(cx: &Context<'_>, rule: &Rule, question: &Question) -> Denial {
    let notice = question.notice(cx.now);
    let mut reason = format!(
        "Rejected by {} (approval {})",
        notice.by.as_deref().unwrap_or("somebody"),
        notice.id
    );
    match &notice.reason {
        Some(words) => {
            reason.push_str(": ");
            reason.push_str(words);
        }
        None => reason.push('.'),
    }
    Denial {
        rule: Arc::clone(&rule.pointer),
        reason,
        retry_after: None,
        approval: Some(Box::new(notice)),
    }
}
