//! Text that has to be given up because too much of it is kept for all streams together.
//!
//! A host counts what it keeps for a request until that is whole, and for a reply until it may pass, in a
//! [`Ledger`](crate::shares::Ledger): of a request it is the caller's, of a reply its server's.

use super::context::Context;
use super::reply::{Reading, ReplyEdit, crowded};
use super::{Exchange, State, Step};
use crate::identity::network;
use crate::refusal::Rejection;
use crate::rpc::Id;
use crate::shares::Share;

impl Exchange {
    /// Whose the text of the request is. `address` is asked where nothing else tells the caller from others.
    pub fn request_share(&mut self, address: impl FnOnce() -> Option<String>) -> Share {
        let caller = match &mut self.state {
            State::Receiving(_, caller) => caller,
            State::Held(waiting) => return waiting.share,
            _ => return Share::of(&[]),
        };
        let principal = &mut caller.principal;
        if principal.source == "anonymous" && principal.network.is_none() {
            principal.network = address().map(|address| network(&address));
        }
        principal.share()
    }

    /// Whose the text of the reply is.
    pub fn reply_share(&self) -> Share {
        let server = match &self.state {
            State::Forwarded(forwarded) => forwarded.server.as_deref(),
            State::Receiving(_, caller) => caller.server.as_deref(),
            _ => None,
        };
        Share::of(&[b"server", server.unwrap_or_default().as_bytes()])
    }

    /// How much of the reply is kept here, in bytes.
    pub fn kept(&self) -> usize {
        match &self.state {
            State::Forwarded(forwarded) => forwarded.reading.kept(),
            _ => 0,
        }
    }

    /// No more of the request is kept: it is refused.
    pub fn request_crowded_out(&mut self, cx: &mut Context<'_>) -> Step {
        self.reject(cx, None, Rejection::Crowded, Id::NULL, "")
    }

    /// No more of a reply is kept that is [read](super::ReplyStep::Rewrite) as it comes: what has come of the event or value
    /// at hand is dropped, and what comes in its place follows with its end.
    pub fn reply_crowded_out(&mut self) {
        if let State::Forwarded(forwarded) = &mut self.state {
            forwarded.crowded = true;
            match &mut forwarded.reading {
                Reading::Events(rewriter) => rewriter.give_up(),
                Reading::Values(splitter) => splitter.give_up(),
                copy @ Reading::Copy(_) => *copy = Reading::Over,
                Reading::Waiting | Reading::Whole { .. } | Reading::Over => {}
            }
            if forwarded.plan.must_read() {
                // Its end may never come.
                self.cut_crowded_out();
            }
        }
    }

    /// The host ends the stream, because no more of it can be kept.
    pub fn cut_crowded_out(&mut self) {
        for record in &mut self.records {
            record
                .withheld
                .get_or_insert_with(|| crowded(false).rule.to_string());
        }
    }

    /// No more of a reply is kept that is held whole, of which the proxy holds so many bytes: what to answer in its place.
    pub fn held_reply_crowded_out(
        &mut self,
        cx: &mut Context<'_>,
        size: usize,
    ) -> Option<ReplyEdit> {
        self.withhold_whole(cx, size, &crowded)
    }
}
