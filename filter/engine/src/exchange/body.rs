//! The body of a request: every message in it is judged, and all of them together forwarded or refused.

use super::assessment::{Action, BodyDecision, Sender};
use super::batch::conclude;
use super::call::assess;
use super::context::Context;
use super::decision::BodyContext;
use super::head::RequestHead;
use super::{mrtr, record};
use crate::approvals::{AskMode, Ticket};
use crate::identity::Principal;
use crate::json::{Document, Limits};
use crate::mcp::{Method, Mismatch};
use crate::order;
use crate::pdp;
use crate::policy::Budget;
use crate::refusal::{Rejection, is_readable_otherwise};
use crate::rpc::{self, Asker, Id, Malformed, Message, Outline};
use crate::text::clip;

/// Most messages of a batch.
const MAX_BATCH: usize = 100;

/// Said to a request of 2026-07-28 that does not say so itself.
const UNVERSIONED: &str = "`_meta` lacks `io.modelcontextprotocol/protocolVersion`";

/// Judges a whole body, all messages of it within one budget.
pub(super) fn body(
    cx: &mut Context<'_>,
    sender: &Sender<'_>,
    work: &Budget,
    body: &[u8],
) -> BodyDecision {
    work.add_input(body.len(), 0);
    let signs = cx.gate.approvals.mode == AskMode::Mrtr;
    let Some((ticket, edited)) = signs.then(|| mrtr::take_off(body)).flatten() else {
        return text(cx, (sender, work), body, None);
    };
    // What goes upstream is the text without the gate's own state, so that is what is judged.
    let mut judged = text(cx, (sender, work), edited.as_bytes(), Some(ticket));
    if let Action::Forward { body, .. } = &mut judged.action {
        *body = Some(edited.into_bytes());
    }
    judged
}

/// Judges a body, from which `state` was taken off if the gate had put it there.
fn text(
    cx: &mut Context<'_>,
    (sender, work): (&Sender<'_>, &Budget),
    body: &[u8],
    state: Option<Option<Ticket>>,
) -> BodyDecision {
    let Sender {
        head,
        caller,
        id: exchange_id,
        ..
    } = *sender;
    let reject = |cx: &Context<'_>, rejection: Rejection, id: Id<'_>, detail: &str| {
        let mut record = record::of(cx, Some(head), Some(caller), exchange_id);
        record.reject(rejection, detail);
        record.rpc_id = (id != Id::NULL).then(|| clip(id.token()));
        BodyDecision {
            action: Action::Refuse(rejection.reply(id, detail)),
            records: vec![record],
        }
    };

    let document = match Document::parse(body, &Limits::WIRE) {
        Ok(document) => document,
        Err(error) => {
            let at = format!("at byte {}", error.offset);
            let outline = is_readable_otherwise(error.kind).then(|| Outline::of(body));
            return unread(cx, sender, outline.as_ref(), error.kind.into(), &at);
        }
    };
    let (is_batch, values) = rpc::messages(&document);
    if is_batch && (values.is_empty() || values.len() > MAX_BATCH || head.mirrors.is_modern()) {
        return reject(cx, Rejection::Batch, Id::NULL, "");
    }
    let mut modern = false;
    let mut messages = Vec::with_capacity(values.len());
    for value in values {
        let message = match rpc::read(value) {
            Ok(message) => message,
            Err((Malformed::Params, id)) if !is_batch && !head.mirrors.is_modern() => {
                let reply = Rejection::Params.reply_within((id != Id::NULL).then_some(id), "");
                return BodyDecision {
                    action: Action::Refuse(reply),
                    ..reject(cx, Rejection::Params, id, "")
                };
            }
            Err((malformed, id)) => {
                return reject(
                    cx,
                    malformed.into(),
                    if is_batch { Id::NULL } else { id },
                    "",
                );
            }
        };
        let (id, call) = match message {
            Message::Request { id, call } => (Some(id), Some(call)),
            Message::Notification(call) => (None, Some(call)),
            Message::Response { id } => (Some(id), None),
        };
        if let Some(call) = call {
            match head
                .mirrors
                .check(&call, Method::find(&call.method.decode()), id.is_some())
            {
                Ok(in_modern) => modern = modern || in_modern,
                Err(mismatch) => {
                    let (rejection, detail) = match mismatch {
                        Mismatch::Header(name) => (Rejection::Mirror, name),
                        Mismatch::Unversioned => (Rejection::Params, UNVERSIONED),
                    };
                    return reject(cx, rejection, id.unwrap_or(Id::NULL), detail);
                }
            }
        }
        messages.push(message);
    }
    if is_batch && (modern || repeats_an_id(&messages)) {
        return reject(cx, Rejection::Batch, Id::NULL, "");
    }

    let principal = &caller.principal;
    let session = known_session(cx, head, principal);
    let mut body_context = BodyContext {
        sender,
        work,
        session,
        modern,
        state: state.as_ref(),
        stop: None,
    };
    let mut assessments = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let decision_id = if is_batch {
            format!("{exchange_id}.{index}")
        } else {
            exchange_id.to_owned()
        };
        let blank = record::of(cx, Some(head), Some(caller), &decision_id);
        assessments.push(assess(cx, &mut body_context, blank, message));
    }
    conclude(cx, (sender, session), assessments, (is_batch, modern))
}

/// Rejects a body that was not read whole; `outline` is what it says of itself, where that can be relied on.
pub(super) fn unread(
    cx: &Context<'_>,
    sender: &Sender<'_>,
    outline: Option<&Outline>,
    rejection: Rejection,
    detail: &str,
) -> BodyDecision {
    let mut record = record::of(cx, Some(sender.head), Some(sender.caller), sender.id);
    record.reject(rejection, detail);
    let asker = outline.map_or(Asker::Unclear, Outline::asker);
    record.method = outline
        .filter(|_| asker != Asker::Unclear)
        .and_then(Outline::method)
        .map(|method| clip(&method));
    let document = match &asker {
        Asker::Request(id) => Document::parse(id.as_bytes(), &Limits::WIRE).ok(),
        _ => None,
    };
    let id = document
        .as_ref()
        .and_then(|document| rpc::read_id(document.root()));
    record.rpc_id = id.map(|id| clip(id.token()));
    let is_modern = sender.head.mirrors.is_modern();
    let reply = match asker {
        Asker::Request(_) | Asker::Notification if !is_modern => rejection.reply_within(id, detail),
        _ => rejection.reply(id.unwrap_or(Id::NULL), detail),
    };
    BodyDecision {
        action: Action::Refuse(reply),
        records: vec![record],
    }
}

/// Two requests under one id, or under ids that some server makes one of: their answers could not be told apart.
fn repeats_an_id(messages: &[Message<'_>]) -> bool {
    let by_value = |id: Id<'_>| -> String {
        let document = Document::parse(id.token().as_bytes(), &Limits::WIRE);
        let text = document
            .as_ref()
            .ok()
            .and_then(|document| document.root().as_str());
        match text {
            Some(text) => text.into_owned(),
            // Some servers keep integers as doubles: from 2^53 on, of which the first 15 digits are less than a tenth,
            // they tell only some of them apart.
            None if id.token().len() > 15 => "large".to_owned(),
            None => id.token().to_owned(),
        }
    };
    let ids: Vec<String> = messages
        .iter()
        .filter_map(|message| match message {
            Message::Request { id, .. } => Some(by_value(*id)),
            _ => None,
        })
        .collect();
    order::has_twins(ids.iter().map(String::as_str))
}

/// The session of a request, where counters need it and the gate saw it issued to this caller.
pub(super) fn known_session<'h>(
    cx: &mut Context<'_>,
    head: &'h RequestHead,
    principal: &Principal,
) -> Option<&'h str> {
    let session = head.session.as_deref().filter(|_| {
        cx.gate
            .policy_of(principal)
            .is_some_and(|policy| policy.counts_sessions)
    })?;
    let known = pdp::knows_session(
        &cx.gate.counters.table,
        cx.store,
        cx.now,
        principal,
        session,
    );
    known.unwrap_or(false).then_some(session)
}
