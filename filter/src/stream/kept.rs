//! What is kept of the text of a stream, and what becomes of it where that is too much.

use proxy_wasm::types::Action as FilterAction;
use toolgate_engine::exchange::Step;
use toolgate_engine::identity::Attributes;
use toolgate_engine::shares::{Share, Text};

use super::Stream;
use super::reply::ReplyMode;
use crate::host;
use crate::kept;

impl Stream {
    fn text(&self, of_reply: bool) -> Text {
        Text {
            stream: self.context,
            of_reply,
        }
    }

    /// So many bytes are kept of the request or the reply; false if they have to be given up.
    pub(super) fn keep(&mut self, of_reply: bool, share: Share, bytes: usize) -> bool {
        let Some(plugin) = &self.plugin else {
            return true;
        };
        let bytes = kept::counted(bytes);
        if let Some(kept) = self.kept.get_mut(usize::from(of_reply)) {
            *kept = bytes;
        }
        let most = plugin.gate.http.max_kept_bytes;
        let stays = kept::keep(self.text(of_reply), share, bytes, most);
        if kept::is_leaving() {
            plugin.hurry();
        }
        stays
    }

    /// Nothing is kept any more of the request or the reply.
    pub(super) fn done(&mut self, of_reply: bool) {
        if let Some(kept) = self.kept.get_mut(usize::from(of_reply))
            && std::mem::take(kept) > 0
        {
            kept::done(self.text(of_reply));
        }
    }

    /// Counts what the host has of a request that goes on; else the step it ends with.
    pub(super) fn keep_request(&mut self, step: Step) -> Step {
        if !matches!(step, Step::Buffer) {
            self.done(false);
            return step;
        }
        let address = || {
            let address = host::property(&Attributes::SOURCE.replace('.', "\0")).ok()?;
            String::from_utf8(address).ok()
        };
        let share = self.exchange.request_share(address);
        match self.keep(false, share, self.buffered) {
            true => step,
            false => self.decide(|exchange, cx| Some(exchange.request_crowded_out(cx))),
        }
    }

    /// Counts what is kept of the reply after a piece of it came, which the host is to treat so.
    pub(super) fn keep_reply(&mut self, action: FilterAction) -> FilterAction {
        let bytes = match &self.reply {
            ReplyMode::Early(early) => early.arrived,
            ReplyMode::Hold | ReplyMode::HoldStart | ReplyMode::HoldBegun => self.buffered,
            ReplyMode::Rewrite | ReplyMode::Observe => self.exchange.kept(),
            ReplyMode::Pass | ReplyMode::Replace(_) | ReplyMode::Drop => 0,
        };
        let bytes = kept::counted(bytes);
        let [_, before] = self.kept;
        if bytes == before || self.keep(true, self.exchange.reply_share(), bytes) {
            return action;
        }
        match self.reply {
            ReplyMode::Rewrite | ReplyMode::Observe => {
                self.exchange.reply_crowded_out();
                action
            }
            ReplyMode::Hold => {
                let size = self.buffered;
                let edit = self.on_reply(|exchange, cx| exchange.held_reply_crowded_out(cx, size));
                match edit.flatten() {
                    Some(edit) => self.apply(&edit),
                    None => self.cut(),
                }
            }
            _ => {
                self.exchange.cut_crowded_out();
                self.cut()
            }
        }
    }

    /// The stream is over.
    pub(super) fn forget_kept(&mut self) {
        self.done(false);
        self.done(true);
        if kept::was_ended(self.text(false)) {
            let _told_already = self.decide(|exchange, cx| Some(exchange.request_crowded_out(cx)));
        }
        if kept::was_ended(self.text(true)) {
            self.exchange.cut_crowded_out();
        }
    }
}
