//! The gate's own state in the request of a client that waits for a person: read, and taken off before anything is
//! judged or forwarded.

use crate::approvals::Ticket;
use crate::json::{Document, Edits, Limits, Value, quoted};
use crate::rpc;

/// The state in this body and the body without it, with the upstream's own state in its place where that had one. `None`
/// if there is none of the gate's, `Some(None)` with the body as it is if there only seems to be.
pub(super) fn take_off(body: &[u8]) -> Option<(Option<Ticket>, String)> {
    let document = Document::parse(body, &Limits::WIRE).ok()?;
    let text = std::str::from_utf8(body).ok()?;
    let (_, messages) = rpc::messages(&document);
    let mut found = None;
    // A batch carries no state in the version that has it; one that does is no batch the gate gave a state to.
    for message in messages {
        let params = message.get("params")?;
        let state = params.get("requestState").and_then(|state| state.as_str());
        if let Some(ticket) = state.and_then(|state| Ticket::read(&state)) {
            found = Some((params, ticket));
        }
    }
    let (params, ticket) = found?;
    let edited = ticket
        .as_ref()
        .and_then(|ticket| without(text, params, ticket.state.as_deref()));
    Some(match edited {
        Some(edited) => (ticket, edited),
        None => (None, text.to_owned()),
    })
}

/// The text with another `requestState` in these parameters, or without any.
fn without(text: &str, params: Value<'_>, state: Option<&str>) -> Option<String> {
    let mut members = params.members();
    let mut edits = Edits::default();
    while let Some((key, value)) = members.next_with_key() {
        if !key.as_text()?.is("requestState") {
            continue;
        }
        match state {
            Some(state) => edits.replace(value.span(), quoted(state)),
            None => {
                let (start, end) = (key.span().start, value.span().end);
                let after = text.get(end..)?.trim_ascii_start();
                let before = text.get(..start)?.trim_ascii_end();
                // With the comma after it, or the one before it.
                let span = match (after.strip_prefix(','), before.strip_suffix(',')) {
                    (Some(rest), _) => start..text.len().checked_sub(rest.len())?,
                    (None, Some(rest)) => rest.len()..end,
                    (None, None) => start..end,
                };
                edits.replace(span, "");
            }
        }
        break;
    }
    edits.apply(text)
}
