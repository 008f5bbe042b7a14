//! Calls that wait for a person: how one begins to wait, what ends it, and how it goes on.
//!
//! Nothing is kept of a held call but what its end needs. When a person has said yes, or another configuration is live,
//! the whole request is judged again from its headers and its body, which the host still has: there is one way to
//! decide, and an approval is only found by the binding of the very call that is forwarded.

use super::assessment::Sender;
use super::body::body;
use super::context::Context;
use super::head::RequestHead;
use super::told::{unavailable, waits};
use super::waiting::{HeldRequest, Waiting, Wakeup};
use super::{Exchange, State, Step};
use crate::approvals;
use crate::audit::Outcome;
use crate::counters::StoreLost;
use crate::pep;
use crate::refusal::Rejection;
use crate::rpc::Id;

impl Exchange {
    /// A held request is looked after, once a second or so: [`Step::Buffer`] if it goes on waiting, [`Step::Hold`] if
    /// another question was asked for it, else how it ends. `cx.gate` may be another configuration than before; from
    /// here on the exchange belongs to it.
    pub fn held(&mut self, cx: &mut Context<'_>, request: &mut dyn HeldRequest) -> Step {
        self.wake_by(cx, request, |waiting, cx| waiting.wakeup(cx))
    }

    /// A held request is held no longer, because others need its place.
    pub fn held_no_longer(&mut self, cx: &mut Context<'_>, request: &mut dyn HeldRequest) -> Step {
        self.wake_by(cx, request, |waiting, cx| waiting.later(cx))
    }

    fn wake_by(
        &mut self,
        cx: &mut Context<'_>,
        request: &mut dyn HeldRequest,
        why: impl FnOnce(&Waiting, &mut Context<'_>) -> Result<Wakeup, StoreLost>,
    ) -> Step {
        let waiting = match std::mem::replace(&mut self.state, State::Done) {
            State::Held(waiting) => waiting,
            other => {
                self.state = other;
                return self.host_failed(cx);
            }
        };
        let wakeup = match why(&waiting, cx) {
            Ok(wakeup) => wakeup,
            Err(StoreLost) => Wakeup::Refuse(Outcome::Deny, unavailable()),
        };
        let line = waiting.line.clone();
        let step = self.wake(cx, waiting, wakeup, request);
        if !matches!(&self.state, State::Held(waiting) if waiting.line == line) {
            // What cannot be noted expires by itself.
            let _expires = approvals::hang_up(cx.store, &line);
        }
        step
    }

    fn wake(
        &mut self,
        cx: &mut Context<'_>,
        waiting: Box<Waiting>,
        wakeup: Wakeup,
        request: &mut dyn HeldRequest,
    ) -> Step {
        match wakeup {
            Wakeup::Wait => {
                self.state = State::Held(waiting);
                Step::Buffer
            }
            Wakeup::Again => self.judge_again(cx, &waiting, request),
            Wakeup::Cancelled => {
                waiting.leave(cx, true);
                self.records = vec![waiting.end(cx, Outcome::Expire, &waiting.cancelled())];
                Step::Reply(pep::dropped())
            }
            Wakeup::Refuse(outcome, denial) => {
                waiting.leave(cx, false);
                self.records = vec![waiting.end(cx, outcome, &denial)];
                Step::Reply(waiting.refusal(cx, denial))
            }
            Wakeup::TurnAway(stranger) => {
                waiting.leave(cx, false);
                let mut record = waiting.record.clone();
                record.time = cx.now.to_string();
                let rule = format!("/identity/{}", stranger.word());
                record.reject_by(rule, stranger.message());
                self.records = vec![record];
                let metadata = cx.gate.identity.resource_metadata.as_deref();
                Step::Reply(pep::turned_away(stranger, metadata))
            }
            Wakeup::Later(question) => {
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
        let (Some(headers), Some(text)) = (request.headers(), request.body()) else {
            return self.host_failed(cx);
        };
        let head = match RequestHead::read(&headers) {
            Ok(head) => head,
            Err((rejection, detail)) => return self.reject(cx, None, rejection, Id::NULL, &detail),
        };
        let caller = match self.identify(cx, &headers, &head) {
            Ok(caller) => caller,
            Err(refused) => return refused,
        };
        if text.len() > cx.gate.http.max_body_bytes || !head.carries_message {
            let known = Some((&head, &caller));
            return self.reject(cx, known, Rejection::Size, Id::NULL, "");
        }
        let id = self.id.clone();
        let sender = Sender {
            head: &head,
            caller: &caller,
            id: &id,
            since: Some((waiting.since, &waiting.line)),
        };
        let judged = body(cx, &sender, &self.work, &text);
        self.act_on(judged, caller)
    }

    /// The stream of a held request is gone: nothing is forwarded, and it costs nothing. Clients of 2026-07-28 cancel a
    /// call by closing its stream; older ones may just have lost it, and repeat the call. False if nothing was held.
    pub fn abandoned(&mut self, cx: &mut Context<'_>) -> bool {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Held(waiting) => {
                waiting.leave(cx, waiting.modern);
                let _expires = approvals::hang_up(cx.store, &waiting.line);
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
