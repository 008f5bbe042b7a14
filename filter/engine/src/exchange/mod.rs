//! One HTTP exchange, from its request headers to its end.
//!
//! A host calls in as things arrive and performs the [`Step`] it gets back; nothing here talks to a host.
//! The order is fixed: header checks, body checks, policy, charges, forward; then the reply's headers, its
//! body, the end.

mod head;
mod judge;
mod reply;
mod watch;

use crate::audit::Record;
use crate::config::Gate;
use crate::counters::Store;
use crate::identity::Principal;
use crate::pdp::{self, Permit};
use crate::pep::{Rejection, Reply};
use crate::rpc::Id;
use crate::time::Timestamp;
use head::RequestHead;
use reply::{Reading, ReplyPlan};
pub use reply::{ReplyEdit, ReplyStep, STALE};
use watch::Watch;

/// Header names with values, as they arrived.
pub type Headers = [(Vec<u8>, Vec<u8>)];

/// What a callback may use: the configuration, the counters, the time.
pub struct Context<'a> {
    /// The configuration.
    pub gate: &'a Gate,
    /// The counters.
    pub store: &'a mut dyn Store,
    /// Now.
    pub now: Timestamp,
}

/// What to do next with a request.
#[derive(Debug)]
pub enum Step {
    /// Keep what has arrived and go on receiving.
    Buffer,
    /// Forward everything, without these request headers.
    Forward(Permit, &'static [&'static str]),
    /// Forward nothing; answer this.
    Reply(Reply),
}

/// The state of one exchange.
#[derive(Debug)]
pub struct Exchange {
    id: String,
    state: State,
    records: Vec<Record>,
}

#[derive(Debug)]
enum State {
    /// Nothing has arrived.
    Fresh,
    /// The headers are in; the body is not.
    Receiving(RequestHead),
    /// The gate answered itself, or has nothing to look at in the reply.
    Done,
    /// Forwarded; the reply is to be looked at.
    Forwarded(Forwarded),
}

/// What has to be known of a forwarded request when its reply comes.
#[derive(Debug)]
struct Forwarded {
    principal: Principal,
    plan: ReplyPlan,
    watch: Watch,
    learns_session: bool,
    reading: Reading,
}

/// Removed where the reply is to be read.
const ENCODED: &[&str] = &["accept-encoding"];

impl Exchange {
    /// `id` names the exchange in audit records.
    pub fn new(id: String) -> Self {
        Exchange {
            id,
            state: State::Fresh,
            records: Vec::new(),
        }
    }

    /// The request headers. `end` tells that there is no body.
    pub fn request_headers(&mut self, cx: &mut Context<'_>, headers: &Headers, end: bool) -> Step {
        let head = match RequestHead::read(headers, cx.gate) {
            Ok(head) => head,
            Err((rejection, detail)) => return self.reject(cx, None, rejection, Id::NULL, &detail),
        };
        if end {
            return self.request_end_of(cx, head, &[]);
        }
        self.state = State::Receiving(head);
        Step::Buffer
    }

    /// How much of the request body has arrived, in bytes.
    pub fn request_size(&mut self, cx: &mut Context<'_>, size: usize) -> Step {
        if size > cx.gate.http.max_body_bytes {
            let limit = format!("at most {} bytes", cx.gate.http.max_body_bytes);
            return self.reject(cx, None, Rejection::Size, Id::NULL, &limit);
        }
        Step::Buffer
    }

    /// The whole request body.
    pub fn request_end(&mut self, cx: &mut Context<'_>, body: &[u8]) -> Step {
        if let Step::Reply(reply) = self.request_size(cx, body.len()) {
            return Step::Reply(reply);
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Receiving(head) => self.request_end_of(cx, head, body),
            // A host that ends a request twice, or one it never began.
            _ => self.reject(cx, None, Rejection::Host, Id::NULL, ""),
        }
    }

    /// The host could not do what was needed to judge the request.
    pub fn host_failed(&mut self, cx: &mut Context<'_>) -> Step {
        self.reject(cx, None, Rejection::Host, Id::NULL, "")
    }

    /// Headers to take off before the body is judged, where the host cannot hold them.
    pub fn unheld_removals(&self) -> &'static [&'static str] {
        ENCODED
    }

    fn request_end_of(&mut self, cx: &mut Context<'_>, head: RequestHead, body: &[u8]) -> Step {
        if !head.carries_message {
            if !body.is_empty() {
                return self.reject(cx, Some(&head), Rejection::UnexpectedBody, Id::NULL, "");
            }
            let plan = if head.is_get {
                ReplyPlan::get(cx.gate)
            } else {
                ReplyPlan::default()
            };
            return self.forward(pdp::permit_protocol(), plan, Watch::default(), false);
        }
        let judged = judge::body(cx, &head, &self.id, body);
        self.records = judged.records;
        match judged.ruling {
            judge::Ruling::Forward {
                permit,
                plan,
                watch,
                learns_session,
            } => self.forward(permit, plan, watch, learns_session),
            judge::Ruling::Refuse(reply) => {
                self.state = State::Done;
                Step::Reply(reply)
            }
        }
    }

    fn forward(
        &mut self,
        permit: Permit,
        plan: ReplyPlan,
        watch: Watch,
        learns_session: bool,
    ) -> Step {
        let reads_reply = plan.must_read() || !watch.is_empty();
        self.state = if plan.is_pass() && watch.is_empty() && !learns_session {
            State::Done
        } else {
            State::Forwarded(Forwarded {
                principal: Principal::anonymous(),
                plan,
                watch,
                learns_session,
                reading: Reading::Waiting,
            })
        };
        Step::Forward(permit, if reads_reply { ENCODED } else { &[] })
    }

    fn reject(
        &mut self,
        cx: &mut Context<'_>,
        head: Option<&RequestHead>,
        rejection: Rejection,
        id: Id<'_>,
        detail: &str,
    ) -> Step {
        let mut record = judge::record(cx, head, &self.id);
        record.reject(rejection, detail);
        self.records = vec![record];
        self.state = State::Done;
        Step::Reply(rejection.reply(id, detail))
    }

    /// The records of this exchange so far.
    pub fn records(&self) -> &[Record] {
        &self.records
    }
}
