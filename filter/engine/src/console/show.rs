//! What people see: how things stand, what waits, what was decided. Nothing here changes anything.

use super::context::Context;
use super::query;
use super::refusal::{Checked, lost, unknown};
use super::request::Request;
use crate::approvals::{self, Question};
use crate::audit;
use crate::control;
use crate::json::{Document, Kind, Limits, ObjectWriter, Value};
use crate::order;
use crate::shares;

/// Most questions one reply lists.
const MOST_QUESTIONS: usize = 100;

/// Decisions one reply lists, unless `limit` says otherwise.
const DECISIONS: usize = 100;

/// Most decisions one reply lists.
const MOST_DECISIONS: usize = 1000;

/// Objects as a list.
fn list(objects: impl Iterator<Item = String>) -> String {
    let mut out = "[".to_owned();
    for object in objects {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&object);
    }
    out.push(']');
    out
}

/// Who asks, and how the gates stand.
pub(super) fn state(cx: &mut Context<'_>, request: &Request<'_>) -> Checked<String> {
    let mut out = ObjectWriter::default();
    out.number("now", cx.now.seconds());
    let mut you = ObjectWriter::default();
    you.text("id", &request.approver.id);
    you.texts("groups", &request.approver.groups);
    out.raw("you", &you.finish());
    let stop = control::stopped(cx.store).map_err(lost)?;
    let stop = stop.map(|stop| {
        let mut object = ObjectWriter::default();
        object.text("by", &stop.by);
        object.text("reason", &stop.reason);
        object.number("at", stop.at);
        object.finish()
    });
    out.raw("stop", stop.as_deref().unwrap_or("null"));
    let gate = control::gate(cx.store).map_err(lost)?;
    let gate = gate.as_ref().map(|gate| gate.root().raw());
    out.raw("gate", gate.unwrap_or("null"));
    let workers = control::workers(cx.store, cx.now).map_err(lost)?;
    let workers = workers.iter().map(control::Worker::to_json);
    out.raw("workers", &list(workers));
    let revoked = control::revoked(cx.store).map_err(lost)?;
    let revoked = revoked.iter().map(|revoked| {
        let mut object = ObjectWriter::default();
        object.text("grant", &revoked.grant);
        object.text("by", &revoked.by);
        object.text("reason", &revoked.reason);
        object.number("at", revoked.at);
        object.finish()
    });
    out.raw("revoked", &list(revoked));
    Ok(out.finish())
}

/// A question with what this person may do about it.
fn shown(request: &Request<'_>, question: &Question) -> String {
    let who = request.approver.decides();
    let blocked = if !who.may_decide(question) {
        Some("It is for others: you are in none of the groups that may decide it.")
    } else if who.is_own(question) {
        Some("The call is your own: you may reject it, and somebody else has to approve it.")
    } else {
        None
    };
    let mut more = ObjectWriter::default();
    more.flag("may_decide", who.may_decide(question));
    more.flag("may_approve", blocked.is_none());
    more.optional("why_not", blocked);
    let mut object = question.to_json();
    object.pop();
    object.push(',');
    object.push_str(more.finish().get(1..).unwrap_or("}"));
    object
}

/// The questions, the oldest first. Where there are too many, each caller has some of its own in the list: first all callers'
/// oldest, then their second ones.
pub(super) fn questions(cx: &mut Context<'_>, request: &Request<'_>) -> Checked<String> {
    let wanted = query::value(request.query, "state").unwrap_or_else(|| "pending".to_owned());
    let mut questions = approvals::list(cx.store, cx.now).map_err(lost)?;
    questions.retain(|question| wanted == "all" || question.state.word() == wanted);
    let total = questions.len();
    let key = |question: &Question| u64::try_from(question.created).unwrap_or(0);
    let order = order::by_number(questions.iter().map(key));
    let questions = order::arrange(questions, &order);
    let share = |question: &Question| question.share;
    let some = shares::in_turn(questions.iter().map(share), MOST_QUESTIONS);
    let questions = order::arrange(questions, &some);
    let questions = questions.iter().map(|question| shown(request, question));
    let mut out = ObjectWriter::default();
    out.raw("total", &total.to_string());
    out.raw("approvals", &list(questions));
    Ok(out.finish())
}

/// One question.
pub(super) fn question(cx: &mut Context<'_>, request: &Request<'_>, id: &str) -> Checked<String> {
    match approvals::look(cx.store, cx.now, id).map_err(lost)? {
        Some(question) => Ok(shown(request, &question)),
        None => unknown(),
    }
}

/// Recent decisions, the newest first. Where there are too many, some of each caller.
pub(super) fn decisions(cx: &mut Context<'_>, request: &Request<'_>) -> Checked<String> {
    let filter = |key| query::value(request.query, key).map(|text| text.to_ascii_lowercase());
    let filters = [
        ("decision", filter("outcome"), true),
        ("target", filter("tool"), false),
        ("principal", filter("caller"), false),
    ];
    let limit = filter("limit").and_then(|limit| limit.parse().ok());
    let limit = limit.unwrap_or(DECISIONS).min(MOST_DECISIONS);
    let matches = |record: Value<'_>| {
        record.kind() == Kind::Object
            && filters.iter().all(|(key, wanted, whole)| {
                let Some(wanted) = wanted else { return true };
                let text = record.get(key).and_then(|value| value.as_str());
                let text = text.unwrap_or_default().to_ascii_lowercase();
                if *whole {
                    text == *wanted
                } else {
                    text.contains(wanted.as_str())
                }
            })
    };
    let lines = control::recent(cx.store).map_err(lost)?;
    let (mut wanted, mut holders) = (Vec::new(), Vec::new());
    for line in lines {
        let document = Document::parse(line.as_bytes(), &Limits::WIRE);
        if let Some(document) = document.ok().filter(|document| matches(document.root())) {
            holders.push(audit::share(document.root()));
            wanted.push(line);
        }
    }
    let lines = order::arrange(wanted, &shares::in_turn(holders.into_iter(), limit));
    let mut out = ObjectWriter::default();
    out.raw("decisions", &list(lines.into_iter()));
    Ok(out.finish())
}
