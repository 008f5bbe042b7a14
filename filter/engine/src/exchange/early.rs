//! A reply that comes before its request was judged.
//!
//! Where the host cannot hold request headers the server has them before the gate knows what is asked, and may answer: because
//! it refuses whatever comes, or because it answers without waiting. A refusal passes, inspected as the answer to a request
//! that nobody knows. Anything else waits for the judgement, and is cut where that does not come.

use super::context::Context;
use super::reply::{Forwarded, Reading, ReplyPlan, Work};
use super::watch::Watch;
use super::{Exchange, State, Step, record};
use crate::identity::Principal;
use crate::refusal::Rejection;
use crate::rpc::Id;

/// What to do with a reply to a request that has not been judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Early {
    /// It is the gate's own.
    Own,
    /// It passes as one to a forwarded request does: [`Exchange::reply_headers`] is next. Nothing of the request may follow.
    Inspect,
    /// It is held until the request is judged, and cut if that takes too long: [`Exchange::reply_too_early`].
    Hold,
}

/// With these a server refuses a request by its headers alone: no credential, a wrong one, too large, no JSON, too many.
const REFUSALS: [u32; 5] = [401, 403, 413, 415, 429];

/// The host's response code details of what the gate answers itself.
pub const OWN_DETAILS: &str = "toolgate";

impl Exchange {
    /// A reply with this status has begun; `details` are the host's response code details, empty where it does not tell.
    pub fn early_reply(&mut self, cx: &mut Context<'_>, status: u32, details: &str) -> Early {
        if details == OWN_DETAILS {
            return Early::Own;
        }
        let is_hosts = !details.is_empty() && !details.starts_with("via_upstream");
        if !is_hosts && !REFUSALS.contains(&status) {
            return Early::Hold;
        }
        // The access log tells of what the host answered.
        if !is_hosts {
            self.record_early(cx);
        }
        let caller = match std::mem::replace(&mut self.state, State::Done) {
            State::Receiving(_, caller) => Some(caller),
            _ => None,
        };
        let policy = caller
            .as_ref()
            .and_then(|caller| cx.gate.policy_of(&caller.principal));
        let plan = ReplyPlan::unknown(cx.gate, policy);
        let server = caller.as_ref().and_then(|caller| caller.server.clone());
        self.state = State::Forwarded(Forwarded {
            principal: caller.map_or_else(Principal::anonymous, |caller| caller.principal),
            server,
            plan,
            watch: Watch::default(),
            learns_session: false,
            session: None,
            reading: Reading::Waiting,
            is_told: false,
            crowded: false,
            work: Work::default(),
        });
        Early::Inspect
    }

    /// The request is not judged because its reply came first: nothing more of either passes.
    pub fn reply_too_early(&mut self, cx: &mut Context<'_>) -> Step {
        self.record_early(cx);
        self.state = State::Done;
        Step::Reply(Rejection::EarlyReply.reply(Id::NULL, ""))
    }

    /// Says why the request was not judged, unless there is a record of it already: it waited for a person.
    fn record_early(&mut self, cx: &Context<'_>) {
        if !self.records.is_empty() {
            return;
        }
        let known = match &self.state {
            State::Receiving(head, caller) => Some((head, caller)),
            _ => None,
        };
        let (head, caller) = known.unzip();
        let mut record = record::of(cx, head, caller, &self.id);
        record.reject(Rejection::EarlyReply, "");
        self.records = vec![record];
    }
}
