//! A request body over the limit: read to its end, so that its client reads the answer instead of losing its connection, and
//! kept nowhere.

use super::context::Context;
use super::draining::Draining;
use super::head::{self, RequestHead};
use super::{Exchange, State, Step};
use crate::identity::Caller;
use crate::refusal::Rejection;
use crate::rpc::Id;

/// Largest body that is read to its end, in bytes. What is larger is refused where it stands.
const MOST: usize = 64 << 20;

impl Exchange {
    /// Begins to read away a body that is, or says it is, of so many bytes.
    pub(super) fn drain(
        &mut self,
        cx: &mut Context<'_>,
        head: RequestHead,
        caller: Caller,
        size: usize,
    ) -> Step {
        // Where the headers went ahead the server waits for this body, and is not kept waiting.
        if size > MOST || !cx.gate.http.hold_request_headers {
            let limit = head::largest(cx.gate);
            return self.reject(
                cx,
                Some((&head, &caller)),
                Rejection::Size,
                Id::NULL,
                &limit,
            );
        }
        self.state = State::Draining(Box::new(Draining::new(head, caller)));
        Step::Drain
    }

    /// The next bytes of a body that is not kept: everything that is there, after each [`Step::Drain`].
    pub fn request_excess(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Step {
        let State::Draining(draining) = &mut self.state else {
            return self.host_failed(cx);
        };
        if draining.push(bytes) > MOST {
            return self.drained(cx, true);
        }
        Step::Drain
    }

    /// The body has ended, or goes on for too long.
    pub(super) fn drained(&mut self, cx: &mut Context<'_>, too_long: bool) -> Step {
        let State::Draining(draining) = std::mem::replace(&mut self.state, State::Done) else {
            return self.host_failed(cx);
        };
        let (refused, caller) = draining.refused(cx, &self.id, too_long);
        self.act_on(refused, caller)
    }
}
