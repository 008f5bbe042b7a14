//! Calls that wait for a person: how one begins to wait, what ends it, and how it goes on.
//!
//! Nothing is kept of a held call but what its end needs. When a person has said yes, or another configuration is live,
//! the whole request is judged again from its headers and its body, which the host still has: there is one way to
//! decide, and an approval is only found by the binding of the very call that is forwarded.

use std::sync::Arc;

use super::head::RequestHead;
use super::judge::{self, Subject};
use super::{Context, Exchange, State, Step};
use crate::approvals::{self, AskMode, Binding, CallId, Question, State as Answered};
use crate::audit::{Outcome, Record};
use crate::control;
use crate::counters::StoreLost;
use crate::identity::Stranger;
use crate::json::{Document, Limits};
use crate::pep::{self, Answer, Reply};
use crate::policy::Rule;
use crate::refusal::{Denial, Rejection};
use crate::rpc::{self, Id};
use crate::time::Timestamp;

/// What a host still has of a request it holds.
pub trait HeldRequest {
    /// Its headers, as they arrived; `None` if the host cannot tell.
    fn headers(&mut self) -> Option<Vec<(Vec<u8>, Vec<u8>)>>;

    /// Its whole body; `None` if the host cannot tell.
    fn body(&mut self) -> Option<Vec<u8>>;
}

/// A request to be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Id of the question.
    pub approval: String,
    /// Until when it is held at most, in seconds.
    pub until: i64,
}

/// A request that is held.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Id of the question.
    pub(super) approval: String,
    /// Since when.
    pub(super) since: Timestamp,
    /// Until when at most, in seconds.
    pub(super) until: i64,
    /// What a cancellation names.
    pub(super) call: CallId,
    /// How far its mailbox had come when the wait began.
    pub(super) mark: u64,
    /// What an approval state is signed for.
    pub(super) binding: Binding,
    /// The state of the upstream's own that the request carried.
    pub(super) state: Option<String>,
    /// The grant it was called with.
    pub(super) grant: Option<Box<str>>,
    /// When that is over.
    pub(super) expires: Option<Timestamp>,
    /// Whether the client speaks 2026-07-28, where a closed stream is a cancelled call.
    pub(super) modern: bool,
    /// The JSON-RPC id.
    pub(super) id: String,
    /// Whether a tool result is the answer.
    pub(super) tool_result: bool,
    /// The rule that asks.
    pub(super) rule: Rule,
    /// The record of the decision to hold.
    pub(super) record: Record,
}

/// What becomes of a held request now.
enum Outlook {
    /// It goes on waiting.
    Wait,
    /// It is judged again.
    Again,
    /// Its caller cancelled it.
    Cancelled,
    /// It is refused.
    Refuse(Outcome, Denial),
    /// Its caller is turned away.
    TurnAway(Stranger),
    /// It was held long enough.
    Later(Box<Question>),
}

/// Said where the table of questions cannot be reached.
pub(super) const UNAVAILABLE: &str =
    "The store of approvals cannot be reached, so the call was not made.";

/// A refusal because nobody could be asked.
pub(super) fn unavailable() -> Denial {
    Denial::new("/approvals/unavailable", UNAVAILABLE)
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

impl Waiting {
    /// What the caller is told when its question ended without an answer.
    fn ended(&self, cx: &Context<'_>, question: &Question, what: &str) -> Denial {
        let reason = format!(
            "{what} (approval {}). Repeat the call to ask again.",
            self.approval
        );
        Denial {
            rule: Arc::clone(&self.rule.pointer),
            reason,
            retry_after: None,
            approval: Some(Box::new(question.notice(cx.now))),
        }
    }

    /// Looks at everything that may end the wait, what forbids the call first.
    fn outlook(&self, cx: &mut Context<'_>) -> Result<Outlook, StoreLost> {
        if approvals::was_cancelled(cx.store, self.mark, &self.call)? {
            return Ok(Outlook::Cancelled);
        }
        if cx.gate.digest != self.record.policy_digest {
            return Ok(Outlook::Again);
        }
        if let Some(denial) = judge::stopped(cx) {
            return Ok(Outlook::Refuse(Outcome::Deny, denial));
        }
        if let Some(grant) = &self.grant
            && control::is_revoked(cx.store, grant)?
        {
            return Ok(Outlook::TurnAway(Stranger::Revoked));
        }
        if self.expires.is_some_and(|expires| cx.now >= expires) {
            return Ok(Outlook::TurnAway(Stranger::Expired));
        }
        // Used by another call like this one, whose next one has its place already: this one has to ask for itself.
        let Some(question) = approvals::look(cx.store, cx.now, &self.approval)? else {
            return Ok(Outlook::Again);
        };
        Ok(match question.state {
            Answered::Approved | Answered::Used => Outlook::Again,
            Answered::Rejected => {
                approvals::close(cx.store, &self.approval)?;
                Outlook::Refuse(Outcome::Deny, rejected(cx, &self.rule, &question))
            }
            Answered::Expired => {
                let denial = self.ended(cx, &question, "Nobody answered in time");
                Outlook::Refuse(Outcome::Expire, denial)
            }
            Answered::Withdrawn => {
                let denial = self.ended(cx, &question, "The call was cancelled");
                Outlook::Refuse(Outcome::Expire, denial)
            }
            Answered::Pending if cx.now.seconds() >= self.until => {
                Outlook::Later(Box::new(question))
            }
            Answered::Pending => Outlook::Wait,
        })
    }

    /// The call is over for the gate: nobody waits for the question on its behalf.
    fn leave(&self, cx: &mut Context<'_>, withdraw: bool) {
        // What cannot be noted expires by itself.
        let _expires = approvals::leave(cx.store, &self.approval, withdraw);
    }

    /// The record of the end.
    fn end(&self, cx: &Context<'_>, outcome: Outcome, denial: &Denial) -> Record {
        let mut record = self.record.clone();
        record.time = cx.now.to_string();
        record.refuse(outcome, denial);
        record
    }

    /// The refusal in the shape its caller expects.
    fn refusal(&self, cx: &Context<'_>, denial: Denial) -> Reply {
        let document = Document::parse(self.id.as_bytes(), &Limits::WIRE);
        let id = document.as_ref().ok().map(Document::root);
        let id = id.and_then(rpc::read_id).unwrap_or(Id::NULL);
        let answer = if self.tool_result {
            Answer::ToolError(id, denial)
        } else {
            Answer::RpcError(id, denial)
        };
        pep::single(&answer, &cx.gate.http.denial_prefix, self.modern)
    }

    /// The signed state by which a client of 2026-07-28 goes on waiting.
    fn state(&self, cx: &Context<'_>, question: &Question) -> Option<Reply> {
        let key = cx.gate.approvals.key.as_deref()?;
        if cx.gate.approvals.mode != AskMode::Mrtr || !self.modern {
            return None;
        }
        let state = approvals::sign(
            key,
            self.binding,
            &self.approval,
            question.expires,
            self.state.as_deref(),
        );
        let document = Document::parse(self.id.as_bytes(), &Limits::WIRE).ok()?;
        let id = rpc::read_id(document.root())?;
        Some(pep::input_required(id, &state))
    }
}

impl Exchange {
    /// A held request is looked after, once a second or so: [`Step::Buffer`] if it goes on waiting, [`Step::Hold`] if
    /// another question was asked for it, else how it ends. `cx.gate` may be another configuration than before; from
    /// here on the exchange belongs to it.
    pub fn held(&mut self, cx: &mut Context<'_>, request: &mut dyn HeldRequest) -> Step {
        let waiting = match std::mem::replace(&mut self.state, State::Done) {
            State::Held(waiting) => waiting,
            other => {
                self.state = other;
                return self.host_failed(cx);
            }
        };
        let outlook = match waiting.outlook(cx) {
            Ok(outlook) => outlook,
            Err(StoreLost) => Outlook::Refuse(Outcome::Deny, unavailable()),
        };
        match outlook {
            Outlook::Wait => {
                self.state = State::Held(waiting);
                Step::Buffer
            }
            Outlook::Again => self.judge_again(cx, &waiting, request),
            Outlook::Cancelled => {
                waiting.leave(cx, true);
                self.records = vec![waiting.end(cx, Outcome::Expire, &waiting.cancelled())];
                Step::Reply(pep::dropped())
            }
            Outlook::Refuse(outcome, denial) => {
                waiting.leave(cx, false);
                self.records = vec![waiting.end(cx, outcome, &denial)];
                Step::Reply(waiting.refusal(cx, denial))
            }
            Outlook::TurnAway(stranger) => {
                waiting.leave(cx, false);
                let mut record = waiting.record.clone();
                record.time = cx.now.to_string();
                let rule = format!("/identity/{}", stranger.word());
                record.reject_by(rule, stranger.message());
                self.records = vec![record];
                let metadata = cx.gate.identity.resource_metadata.as_deref();
                Step::Reply(pep::turned_away(stranger, metadata))
            }
            Outlook::Later(question) => {
                waiting.leave(cx, false);
                let denial = waits(cx, &waiting.rule, &question);
                self.records = vec![waiting.end(cx, Outcome::Expire, &denial)];
                let reply = waiting.state(cx, &question);
                Step::Reply(reply.unwrap_or_else(|| waiting.refusal(cx, denial)))
            }
        }
    }

    /// The whole request once more, from its headers on.
    fn judge_again(
        &mut self,
        cx: &mut Context<'_>,
        waiting: &Waiting,
        request: &mut dyn HeldRequest,
    ) -> Step {
        // Nobody can answer for another configuration than the live one.
        waiting.leave(cx, cx.gate.digest != waiting.record.policy_digest);
        let (Some(headers), Some(body)) = (request.headers(), request.body()) else {
            return self.host_failed(cx);
        };
        let head = match RequestHead::read(&headers, cx.gate) {
            Ok(head) => head,
            Err((rejection, detail)) => return self.reject(cx, None, rejection, Id::NULL, &detail),
        };
        let caller = match self.identify(cx, &headers, &head) {
            Ok(caller) => caller,
            Err(refused) => return refused,
        };
        if body.len() > cx.gate.http.max_body_bytes || !head.carries_message {
            let known = Some((&head, &caller));
            return self.reject(cx, known, Rejection::Size, Id::NULL, "");
        }
        let id = self.id.clone();
        let subject = Subject {
            head: &head,
            caller: &caller,
            id: &id,
            since: Some((waiting.since, waiting.mark)),
        };
        let judged = judge::body(cx, &subject, &body);
        self.conclude(judged, caller)
    }

    /// The stream of a held request is gone: nothing is forwarded, and it costs nothing. Clients of 2026-07-28 cancel a
    /// call by closing its stream; older ones may just have lost it, and repeat the call. False if nothing was held.
    pub fn abandoned(&mut self, cx: &mut Context<'_>) -> bool {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Held(waiting) => {
                waiting.leave(cx, waiting.modern);
                self.records = vec![waiting.end(cx, Outcome::Expire, &waiting.cancelled())];
                true
            }
            other => {
                self.state = other;
                false
            }
        }
    }
}

impl Waiting {
    /// What the record says of a call that its caller gave up.
    fn cancelled(&self) -> Denial {
        Denial {
            rule: Arc::clone(&self.rule.pointer),
            reason: "The caller gave the call up.".to_owned(),
            retry_after: None,
            approval: self.record.approval.clone(),
        }
    }
}
