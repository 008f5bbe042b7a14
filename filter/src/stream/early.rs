//! A reply that comes before its request was judged: where request headers cannot be held the server has them already.

use proxy_wasm::types::Action as FilterAction;
use toolgate_engine::exchange::Early;

use super::reply::{ReplyMode, code_details};
use super::{Request, Stream};
use crate::host::{self, Flow};

/// What has come of it.
#[derive(Clone, Copy, Default)]
pub(super) struct EarlyReply {
    /// Bytes of its body, which the host keeps.
    pub(super) arrived: usize,
    /// The body is complete.
    pub(super) ended: bool,
    /// There were trailers.
    pub(super) has_trailers: bool,
}

impl Stream {
    /// The headers of a reply to a request that was not judged; `None` if it goes on as one that was forwarded. What is not known
    /// to be harmless does not pass.
    pub(super) fn early_reply(&mut self, status: u32, ended: bool) -> Option<FilterAction> {
        let details = code_details();
        match self.on_reply(|exchange, cx| exchange.early_reply(cx, status, &details)) {
            Some(Early::Own) => {
                self.request = Request::Answered;
                Some(FilterAction::Continue)
            }
            Some(Early::Inspect) => {
                self.request = Request::Left;
                None
            }
            Some(Early::Hold) if self.request == Request::Open && self.waits_for_decision() => {
                self.reply = ReplyMode::Early(EarlyReply {
                    ended,
                    ..EarlyReply::default()
                });
                Some(FilterAction::Pause)
            }
            Some(Early::Hold) | None => Some(self.cut()),
        }
    }

    fn waits_for_decision(&self) -> bool {
        let home = self.home.as_ref();
        home.is_some_and(|home| home.close_undecided(self.context))
    }

    /// The request was forwarded: its reply, if that is there already, is treated as it would have been then.
    pub(super) fn release_early(&mut self) {
        let ReplyMode::Early(early) = self.reply else {
            return;
        };
        self.drop_early();
        self.reply = ReplyMode::Pass;
        let mut action = self.reply_headers(early.ended && early.arrived == 0);
        if action == FilterAction::Continue && early.arrived > 0 {
            self.flow = Flow::Held;
            action = self.reply_body(early.arrived, early.ended);
            self.flow = Flow::Passing;
        }
        if action == FilterAction::Continue && early.has_trailers {
            action = self.reply_trailers();
        }
        if action == FilterAction::Continue && host::continue_reply().is_err() {
            self.cut();
        }
    }

    /// The reply, if it came early, need not be cut any more.
    pub(super) fn drop_early(&mut self) {
        if let ReplyMode::Early(_) = self.reply {
            self.reply = ReplyMode::Drop;
            if let Some(home) = &self.home {
                home.decided(self.context);
            }
        }
    }

    /// The stream is over: leaves a record where its reply came early and its request was never judged.
    pub(super) fn record_early(&mut self) {
        if let (ReplyMode::Early(_), Request::Open) = (&self.reply, self.request) {
            let _nobody_to_tell = self.decide(|exchange, cx| Some(exchange.reply_too_early(cx)));
        }
    }
}
