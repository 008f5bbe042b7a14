//! The HTTP+SSE transport of 2024-11-05, which is not served: its stream says first where to post.

use crate::audit::Record;
use crate::exchange::context::Context;
use crate::exchange::record;
use crate::identity::Principal;
use crate::refusal::{Denial, Own};

/// The refusal of the transport that Streamable HTTP replaced.
pub(super) fn sse_transport() -> Denial {
    let reason = "The HTTP+SSE transport of 2024-11-05 is not supported here; use Streamable HTTP.";
    Denial::own(Own::SseTransport, reason)
}

/// The record of that.
pub(super) fn refused_transport(cx: &Context<'_>, principal: Principal, id: &str) -> Record {
    let mut record = record::untied(cx, principal, id);
    let denial = sse_transport();
    record.reject_by(denial.rule.to_string(), &denial.reason);
    record
}
