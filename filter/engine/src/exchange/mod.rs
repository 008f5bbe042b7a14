//! One HTTP exchange, from its request headers to its end.
//!
//! A host calls in as things arrive and performs the [`Step`] it gets back; nothing here talks to a host.
//! The order is fixed: header checks, body checks, policy, charges, forward; then the reply's headers, its
//! body, the end.

mod ask;
mod asked;
mod assessment;
mod batch;
mod besides;
mod body;
mod call;
mod caller;
mod context;
mod crowded;
mod decision;
mod drain;
mod draining;
mod early;
mod forward;
mod head;
mod hold;
mod ids;
mod mrtr;
mod probe;
mod record;
mod reply;
mod told;
mod waiting;
mod watch;

use std::borrow::Cow;

use crate::audit::Record;
pub use crate::headers::{Headers, header};
use crate::identity::{Attributes, Caller};
use crate::pdp::{self, Permit};
use crate::pep::{self, Reply};
use crate::policy::Budget;
use crate::refusal::Rejection;
use crate::rpc::Id;
use assessment::{Action, BodyDecision, Sender};
pub use context::Context;
use draining::Draining;
pub use early::{Early, OWN_DETAILS};
use head::RequestHead;
pub use head::belongs_to_head;
use reply::{Forwarded, Reading, ReplyPlan, Work};
pub use reply::{ReplyEdit, ReplyStep, STALE, SURE_ROOM, Start, has_room};
use waiting::Waiting;
pub use waiting::{Held, HeldRequest};
pub use watch::NEVER_TRIED;
use watch::Watch;

/// What to do next with a request.
#[derive(Debug)]
pub enum Step {
    /// Keep what has arrived and go on receiving.
    Buffer,
    /// Hand over what has arrived with [`Exchange::request_excess`], keep none of it and go on receiving.
    Drain,
    /// Keep everything, and call [`Exchange::held`] every now and then.
    Hold(Held),
    /// Forward everything, without these request headers, and with this body if there is one: what was judged is that
    /// body then. Its length is another than the headers said.
    Forward(Permit, Vec<Cow<'static, str>>, Option<Vec<u8>>),
    /// Forward nothing; answer this.
    Reply(Reply),
}

/// The state of one exchange.
#[derive(Debug)]
pub struct Exchange {
    id: String,
    attributes: Attributes,
    state: State,
    records: Vec<Record>,
    /// What judging the request, and then its reply, may still cost.
    work: Budget,
    /// It looks for an authorization server, and is refused in words of OAuth.
    is_oauth: bool,
}

#[derive(Debug)]
enum State {
    /// Nothing has arrived.
    Fresh,
    /// The headers are in; the body is not.
    Receiving(RequestHead, Caller),
    /// The body is too large, and read away.
    Draining(Box<Draining>),
    /// Waits for a person.
    Held(Box<Waiting>),
    /// The gate answered itself, or has nothing to look at in the reply.
    Done,
    /// Forwarded; the reply is to be looked at.
    Forwarded(Forwarded),
}

/// Removed where the reply is to be read.
const ENCODED: &str = "accept-encoding";

impl Exchange {
    /// `id` names the exchange in audit records.
    pub fn new(id: String) -> Self {
        Exchange {
            id,
            attributes: Attributes::default(),
            state: State::Fresh,
            records: Vec::new(),
            work: Budget::default(),
            is_oauth: false,
        }
    }

    /// What the host knows of the connection and the route: the gate's `attributes`.
    pub fn set_attributes(&mut self, attributes: Attributes) {
        self.attributes = attributes;
    }

    /// As [`Exchange::set_attributes`].
    #[must_use]
    pub fn with_attributes(self, attributes: Attributes) -> Self {
        Exchange { attributes, ..self }
    }

    /// The request headers. `end` tells that there is no body. Where another configuration has come before the end of the
    /// body it is asked again, with the same headers and that configuration: nothing of the old one is left then.
    pub fn request_headers(&mut self, cx: &mut Context<'_>, headers: &Headers, end: bool) -> Step {
        if let State::Draining(_) = self.state {
            // What was read away cannot be judged by any configuration: what follows it must not pass for the whole.
            return Step::Buffer;
        }
        self.is_oauth = probe::is_oauth(headers);
        let head = match RequestHead::read(headers) {
            Ok(head) => head,
            Err((rejection, detail)) => return self.reject(cx, None, rejection, Id::NULL, &detail),
        };
        let caller = match self.identify(cx, headers, &head) {
            Ok(caller) => caller,
            Err(refused) => return refused,
        };
        if end {
            return self.request_end_of(cx, head, caller, &[]);
        }
        if !head.carries_message && !cx.gate.http.hold_request_headers {
            // The headers would be gone before it is known whether a body follows, and the reply might come first.
            let known = Some((&head, &caller));
            return self.reject(cx, known, Rejection::UnexpectedBody, Id::NULL, "");
        }
        if let Some(size) = head
            .declared
            .filter(|size| *size > cx.gate.http.max_body_bytes)
        {
            // Nothing has arrived that could be handed over.
            return match self.drain(cx, head, caller, size) {
                Step::Drain => Step::Buffer,
                refused => refused,
            };
        }
        self.state = State::Receiving(head, caller);
        Step::Buffer
    }

    /// How much of the request body has arrived, in bytes, without what was handed over before.
    pub fn request_size(&mut self, cx: &mut Context<'_>, size: usize) -> Step {
        if let State::Draining(_) = self.state {
            return Step::Drain;
        }
        if size <= cx.gate.http.max_body_bytes {
            return Step::Buffer;
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Receiving(head, caller) => self.drain(cx, head, caller, 0),
            _ => self.reject(cx, None, Rejection::Size, Id::NULL, &head::largest(cx.gate)),
        }
    }

    /// The whole request body, without what was handed over before. What may have changed since the headers counts as it is
    /// now.
    pub fn request_end(&mut self, cx: &mut Context<'_>, body: &[u8]) -> Step {
        match self.request_size(cx, body.len()) {
            Step::Drain => {
                return match self.request_excess(cx, body) {
                    Step::Drain => self.drained(cx, false),
                    refused => refused,
                };
            }
            Step::Reply(reply) => return Step::Reply(reply),
            _ => {}
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Receiving(head, caller) => match self.still_welcome(cx, &head, caller) {
                Ok(caller) => self.request_end_of(cx, head, caller, body),
                Err(refused) => refused,
            },
            // A host that ends a request twice, or one it never began.
            _ => self.reject(cx, None, Rejection::Host, Id::NULL, ""),
        }
    }

    /// The host could not do what was needed to judge the request, or to forward it.
    pub fn host_failed(&mut self, cx: &mut Context<'_>) -> Step {
        self.not_forwarded(cx, Rejection::Host)
    }

    /// Something kept the request from going on. What it was charged is given back.
    pub fn not_forwarded(&mut self, cx: &mut Context<'_>, rejection: Rejection) -> Step {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Receiving(head, caller) => {
                self.reject(cx, Some((&head, &caller)), rejection, Id::NULL, "")
            }
            State::Forwarded(mut forwarded) => {
                forwarded.watch.release(&cx.gate.counters, cx.store);
                for record in &mut self.records {
                    record.counters.clear();
                    record.reject(rejection, "");
                }
                Step::Reply(rejection.reply(Id::NULL, ""))
            }
            _ => self.reject(cx, None, rejection, Id::NULL, ""),
        }
    }

    /// The request took another route than it was judged for. What it was charged stays: it may have run.
    pub fn went_elsewhere(&mut self, cx: &mut Context<'_>) -> Step {
        if self.records.is_empty() {
            return self.reject(cx, None, Rejection::Route, Id::NULL, "");
        }
        for record in &mut self.records {
            record.reject(Rejection::Route, "");
        }
        self.state = State::Done;
        Step::Reply(Rejection::Route.reply(Id::NULL, ""))
    }

    /// The route the request was judged for, where the configuration asks for it.
    pub fn route(&self) -> Option<&[u8]> {
        self.attributes.get(Attributes::ROUTE)
    }

    /// No part of the body came within `http.body_timeout`.
    pub fn body_timed_out(&mut self, cx: &mut Context<'_>) -> Step {
        self.reject(cx, None, Rejection::BodyTimeout, Id::NULL, "")
    }

    /// Headers to take off before the body is judged, where the host cannot hold them.
    pub fn unheld_removals(&self) -> Vec<Cow<'static, str>> {
        let mut removals = vec![ENCODED.into()];
        if let State::Receiving(_, caller) = &self.state {
            removals.extend(caller.removals.iter().cloned());
        }
        removals
    }

    fn request_end_of(
        &mut self,
        cx: &mut Context<'_>,
        head: RequestHead,
        caller: Caller,
        body: &[u8],
    ) -> Step {
        if !head.carries_message {
            if !body.is_empty() {
                return self.reject(
                    cx,
                    Some((&head, &caller)),
                    Rejection::UnexpectedBody,
                    Id::NULL,
                    "",
                );
            }
            let plan = if head.is_get {
                ReplyPlan::get(cx.gate, cx.gate.policy_of(&caller.principal), &head)
            } else {
                ReplyPlan::default()
            };
            let session = body::known_session(cx, &head, &caller.principal).map(str::to_owned);
            return self.forward(
                caller,
                (pdp::permit_protocol(), None),
                (plan, Watch::default()),
                false,
                session,
            );
        }
        let id = self.id.clone();
        let sender = Sender {
            head: &head,
            caller: &caller,
            id: &id,
            since: None,
        };
        let judged = body::body(cx, &sender, &self.work, body);
        self.act_on(judged, caller)
    }

    /// What follows from a judgement.
    fn act_on(&mut self, judged: BodyDecision, caller: Caller) -> Step {
        self.records = judged.records;
        match judged.action {
            Action::Forward {
                permit,
                body,
                plan,
                watch,
                learns_session,
                session,
            } => self.forward(
                caller,
                (permit, body),
                (plan, watch),
                learns_session,
                session,
            ),
            Action::Hold(waiting) => {
                let held = Held {
                    approval: waiting.approval.clone(),
                    until: waiting.until,
                };
                self.state = State::Held(waiting);
                Step::Hold(held)
            }
            Action::Refuse(reply) => {
                self.state = State::Done;
                self.refuse(reply)
            }
        }
    }

    fn forward(
        &mut self,
        caller: Caller,
        (permit, body): (Permit, Option<Vec<u8>>),
        (plan, watch): (ReplyPlan, Watch),
        learns_session: bool,
        session: Option<String>,
    ) -> Step {
        let mut removals = caller.removals;
        if plan.must_read() || !watch.is_empty() {
            removals.push(ENCODED.into());
        }
        self.state = if plan.is_pass() && watch.is_empty() && !learns_session {
            State::Done
        } else {
            State::Forwarded(Forwarded {
                principal: caller.principal,
                server: caller.server,
                plan,
                watch,
                learns_session,
                session,
                reading: Reading::Waiting,
                is_told: false,
                crowded: false,
                work: Work::default(),
            })
        };
        Step::Forward(permit, removals, body)
    }

    fn reject(
        &mut self,
        cx: &mut Context<'_>,
        known: Option<(&RequestHead, &Caller)>,
        rejection: Rejection,
        id: Id<'_>,
        detail: &str,
    ) -> Step {
        let (head, caller) = known.unzip();
        let mut record = record::of(cx, head, caller, &self.id);
        record.reject(rejection, detail);
        self.records = vec![record];
        self.state = State::Done;
        self.refuse(rejection.reply(id, detail))
    }

    /// Answers this, in the caller's words.
    fn refuse(&self, reply: Reply) -> Step {
        Step::Reply(match self.is_oauth && reply.status >= 400 {
            true => pep::no_oauth(),
            false => reply,
        })
    }

    /// How much was looked at on behalf of this exchange so far, in units of its [`Budget`].
    pub fn work(&self) -> u64 {
        let reply = match &self.state {
            State::Forwarded(forwarded) => forwarded.work(),
            _ => 0,
        };
        self.work.spent().saturating_add(reply)
    }

    /// The records of this exchange so far.
    pub fn records(&self) -> &[Record] {
        &self.records
    }
}
