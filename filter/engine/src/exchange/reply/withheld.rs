//! What must not be shown, and what takes its place: a tool result that says so where the client expects one, an error
//! in place of anything else.

use super::plan::{Expected, ReplyPlan};
use crate::audit::Record;
use crate::gate::Gate;
use crate::json::{ObjectWriter, Value};
use crate::pep;
use crate::redact::Uninspected;
use crate::refusal::{Denial, Own};
use crate::rpc::{self, Id};

/// A reply, or a part of one, must not be shown.
pub(super) struct Withheld(pub(super) Denial);

impl From<Uninspected> for Withheld {
    fn from(why: Uninspected) -> Self {
        match why {
            Uninspected::Ambiguous => unreadable(),
            Uninspected::TooMuchWork => {
                let reason = "A reply was withheld: it would take too long to inspect.";
                Withheld(Denial::own(Own::Work, reason))
            }
        }
    }
}

pub(super) fn unreadable() -> Withheld {
    let reason = "A reply was withheld: it cannot be read safely.";
    Withheld(Denial::own(Own::ResultsUnreadable, reason))
}

/// Too much text is kept for all streams, and most of it of this server.
pub(in crate::exchange) fn crowded(is_list: bool) -> Denial {
    let what = "was withheld: the proxy keeps too much text of this server already.";
    Denial::own(Own::ResultsCrowded, said(is_list, what))
}

/// What takes the place of a reply, or of a part of one, is longer than [has room](crate::redact::has_room).
pub(super) fn no_room(is_list: bool) -> Denial {
    let what = "was withheld: what takes its place is longer than the proxy may hold.";
    Denial::own(Own::ResultsRoom, said(is_list, what))
}

/// A list or a result, and what is said of it.
pub(super) fn said(is_list: bool, what: &str) -> String {
    let noun = if is_list { "The list " } else { "The result " };
    format!("{noun}{what}")
}

/// The body that takes the place of a reply, and a note in the records.
pub(super) fn withhold(
    records: &mut [Record],
    plan: &ReplyPlan,
    denial: &Denial,
    gate: &Gate,
) -> String {
    for record in records {
        record.withheld = Some(denial.rule.to_string());
    }
    instead(plan, denial, gate)
}

/// What every request is answered in place of a reply that is withheld.
pub(super) fn instead(plan: &ReplyPlan, denial: &Denial, gate: &Gate) -> String {
    let refusals: Vec<String> = plan
        .expected
        .iter()
        .map(|expected| refusal(expected, denial, gate))
        .collect();
    match refusals.as_slice() {
        all if plan.is_batch => format!("[{}]", all.join(",")),
        [first, ..] => first.clone(),
        [] => pep::withheld(Id::NULL, false, denial, &gate.http.denial_prefix),
    }
}

/// The shortest that says why nothing comes: one error for all requests, without the operator's words.
pub(super) fn briefly(denial: &Denial) -> String {
    let reason = "A reply was withheld: there is no room to say why.";
    let denial = Denial::at(&denial.rule, reason);
    pep::withheld(Id::NULL, false, &denial, "")
}

/// What one request is answered in place of what was withheld.
pub(super) fn refusal(expected: &Expected, denial: &Denial, gate: &Gate) -> String {
    let prefix = &gate.http.denial_prefix;
    pep::withheld(expected.id.id(), expected.is_tool, denial, prefix)
}

/// What takes the place of a request of the server to the client: a request under its id for something no client knows, which it
/// answers with an error. Dropped, it would leave the server waiting, and with it the call.
pub(super) fn instead_of_request(message: Value<'_>) -> Option<String> {
    let id = message.get("id").and_then(rpc::read_id)?;
    message.get("method")?;
    let mut request = ObjectWriter::default();
    request.text("jsonrpc", "2.0");
    request.raw("id", id.token());
    request.text("method", "toolgate/withheld");
    Some(request.finish())
}

/// A note in all records: nothing of the reply is shown, though it was judged. A part that was withheld has its reason.
pub(super) fn note_no_room(records: &mut [Record], denial: &Denial) {
    for record in records {
        record
            .withheld
            .get_or_insert_with(|| denial.rule.to_string());
        record.result_bytes = None;
        record.result_sha256 = None;
    }
}

/// A note in the record of what was withheld.
pub(super) fn note_withheld(records: &mut [Record], expected: Option<&Expected>, denial: &Denial) {
    let index = expected.map_or(0, |expected| expected.record);
    if let Some(record) = records.get_mut(index) {
        record.withheld = Some(denial.rule.to_string());
    }
}
