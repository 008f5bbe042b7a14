//! A call that waits for a person: what is kept of it, and what ends the wait.

use std::sync::Arc;

use super::context::Context;
use super::told::{full, rejected};
use crate::approvals::{self, AskMode, Binding, Heard, Line, Question, State as Answered};
use crate::audit::{Outcome, Record};
use crate::control;
use crate::counters::StoreLost;
use crate::identity::Stranger;
use crate::json::{Document, Limits};
use crate::pep::{self, Reply};
use crate::policy::Rule;
use crate::refusal::Denial;
use crate::rpc::{self, Id};
use crate::shares::Share;
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
    /// Whose share of the held calls it takes.
    pub(super) share: Share,
    /// Where it hears of its cancellation.
    pub(super) line: Line,
    /// What an approval state is signed for.
    pub(super) binding: Binding,
    /// The state of the upstream's own that the request carried.
    pub(super) state: Option<String>,
    /// The request answers what the upstream asked for, and a retry would not.
    pub(super) answers: bool,
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
pub(super) enum Wakeup {
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
    pub(super) fn wakeup(&self, cx: &mut Context<'_>) -> Result<Wakeup, StoreLost> {
        match approvals::heard(cx.store, &self.line)? {
            Heard::Nothing => {}
            Heard::Cancelled => return Ok(Wakeup::Cancelled),
            // It may have been cancelled: it must not run, and may be repeated.
            Heard::Lost => return self.later(cx),
        }
        if cx.gate.digest != self.record.policy_digest {
            return Ok(Wakeup::Again);
        }
        if let Some(denial) = control::denial(cx.gate, cx.store) {
            return Ok(Wakeup::Refuse(Outcome::Deny, denial));
        }
        if let Some(grant) = &self.grant
            && control::is_revoked(cx.store, grant)?
        {
            return Ok(Wakeup::TurnAway(Stranger::Revoked));
        }
        if self.expires.is_some_and(|expires| cx.now >= expires) {
            return Ok(Wakeup::TurnAway(Stranger::Expired));
        }
        // Used by another call like this one, whose next one has its place already: this one has to ask for itself.
        let Some(question) = approvals::look(cx.store, cx.now, &self.approval)? else {
            return Ok(Wakeup::Again);
        };
        Ok(match question.state {
            Answered::Approved | Answered::Used => Wakeup::Again,
            Answered::Rejected => {
                approvals::close(cx.store, &self.approval)?;
                Wakeup::Refuse(Outcome::Deny, rejected(cx, &self.rule, &question))
            }
            Answered::Expired => {
                let denial = self.ended(cx, &question, "Nobody answered in time");
                Wakeup::Refuse(Outcome::Expire, denial)
            }
            Answered::Withdrawn => {
                let denial = self.ended(cx, &question, "The call was cancelled");
                Wakeup::Refuse(Outcome::Expire, denial)
            }
            Answered::Pending if cx.now.seconds() >= self.until => {
                Wakeup::Later(Box::new(question))
            }
            Answered::Pending => Wakeup::Wait,
        })
    }

    /// It is held no longer, whatever becomes of its question.
    pub(super) fn later(&self, cx: &mut Context<'_>) -> Result<Wakeup, StoreLost> {
        let question = approvals::look(cx.store, cx.now, &self.approval)?;
        let later = |question| Wakeup::Later(Box::new(question));
        Ok(question.map_or_else(|| Wakeup::Refuse(Outcome::Deny, full(None)), later))
    }

    /// The call is over for the gate: nobody waits for the question on its behalf.
    pub(super) fn leave(&self, cx: &mut Context<'_>, withdraw: bool) {
        // What cannot be noted expires by itself.
        let _expires = approvals::leave(cx.store, &self.approval, withdraw);
    }

    /// The record of the end.
    pub(super) fn end(&self, cx: &Context<'_>, outcome: Outcome, denial: &Denial) -> Record {
        let mut record = self.record.clone();
        record.time = cx.now.to_string();
        record.refuse(outcome, denial);
        record
    }

    /// The refusal in the shape its caller expects.
    pub(super) fn refusal(&self, cx: &Context<'_>, denial: Denial) -> Reply {
        let document = Document::parse(self.id.as_bytes(), &Limits::WIRE);
        let id = document.as_ref().ok().map(Document::root);
        let id = id.and_then(rpc::read_id).unwrap_or(Id::NULL);
        let answer = pep::refusal(id, denial, self.tool_result);
        pep::single(&answer, &cx.gate.http.denial_prefix, self.modern)
    }

    /// The signed state by which a client of 2026-07-28 goes on waiting.
    pub(super) fn state(&self, cx: &Context<'_>, question: &Question) -> Option<Reply> {
        let key = cx.gate.approvals.key.as_deref()?;
        if cx.gate.approvals.mode != AskMode::Mrtr || !self.modern || self.answers {
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

    /// What the record says of a call that its caller gave up.
    pub(super) fn cancelled(&self) -> Denial {
        Denial {
            rule: Arc::clone(&self.rule.pointer),
            reason: "The caller gave the call up.".to_owned(),
            retry_after: None,
            approval: self.record.approval.clone(),
        }
    }
}
