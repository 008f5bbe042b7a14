//! What is known of a body that is read away.

use super::assessment::{BodyDecision, Sender};
use super::body;
use super::context::Context;
use super::head::{self, RequestHead};
use crate::identity::Caller;
use crate::refusal::Rejection;
use crate::rpc::Outline;

/// A body that is refused whatever still comes of it.
#[derive(Debug)]
pub(super) struct Draining {
    head: RequestHead,
    caller: Caller,
    outline: Outline,
    read: usize,
}

impl Draining {
    pub(super) fn new(head: RequestHead, caller: Caller) -> Self {
        Draining {
            head,
            caller,
            outline: Outline::default(),
            read: 0,
        }
    }

    /// Reads on: how many bytes there were so far.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        self.outline.push(bytes);
        self.read = self.read.saturating_add(bytes.len());
        self.read
    }

    /// The refusal, under the ids of what was read to its end.
    pub(super) fn refused(
        self,
        cx: &mut Context<'_>,
        id: &str,
        too_long: bool,
    ) -> (BodyDecision, Caller) {
        let sender = Sender {
            head: &self.head,
            caller: &self.caller,
            id,
            since: None,
        };
        let outline = Some(&self.outline).filter(|_| !too_long);
        let limit = head::largest(cx.gate);
        let refused = body::unread(cx, &sender, outline, Rejection::Size, &limit);
        (refused, self.caller)
    }
}
