//! The reply of a stream: what arrives of it goes to the engine, and on as the engine says. Whatever fails cuts it.

use proxy_wasm::types::Action as FilterAction;
use toolgate_engine::exchange::{self, Exchange, ReplyEdit, ReplyStep, STALE, Start};

use super::{Request, Stream, early::EarlyReply};
use crate::held;
use crate::host::{self, Buffer, Flow, Map};
use crate::perform::{self, remove_all};
use crate::store::SharedData;

/// What is done with the reply.
pub(super) enum ReplyMode {
    /// It passes.
    Pass,
    /// It waits for the request to be judged.
    Early(EarlyReply),
    /// It is held to its end.
    Hold,
    /// Its headers are held until its body begins, but not for long.
    HoldStart,
    /// It is held until enough of it is there.
    HoldBegun,
    /// It is rewritten chunk by chunk.
    Rewrite,
    /// It passes and is looked at.
    Observe,
    /// This goes out in its place.
    Replace(Vec<u8>),
    /// It has been replaced; what still comes is dropped.
    Drop,
}

impl Stream {
    /// Where a reply comes from, or why there is none, if a charge hangs on it: the host's response code details. They name the
    /// filter that answered, of which there is any number; how often the host tried the server tells for all of them.
    pub(super) fn origin(&self) -> String {
        if !self.exchange.awaits_answer() {
            return String::new();
        }
        let details = code_details();
        let is_upstreams = details.starts_with("via_upstream");
        match attempts() {
            Some(0) if !is_upstreams && !details.is_empty() => exchange::NEVER_TRIED.to_owned(),
            _ => details,
        }
    }

    /// The reply's headers.
    pub(super) fn reply_headers(&mut self, end_of_stream: bool) -> FilterAction {
        if self.request == Request::Answered {
            // Our own answer: nothing came from upstream.
            return FilterAction::Continue;
        }
        let Ok(headers) = host::headers(Map::Reply) else {
            return self.cut();
        };
        let status = perform::status(&headers).unwrap_or(0);
        if self.request != Request::Forwarded
            && let Some(action) = self.early_reply(status, end_of_stream)
        {
            return action;
        }
        let plugin = self.plugin.clone();
        if plugin.is_some_and(|plugin| plugin.took_another_route(&self.exchange)) {
            let _told_by_the_cut = self.decide(|exchange, cx| Some(exchange.went_elsewhere(cx)));
            return self.cut();
        }
        let details = self.origin();
        let step = self.on_reply(|exchange, cx| {
            exchange.reply_headers(cx, status, &headers, end_of_stream, &details)
        });
        let held = self.holds;
        match step {
            None => self.cut(),
            Some(ReplyStep::Pass) => FilterAction::Continue,
            Some(ReplyStep::Observe) => {
                self.reply = ReplyMode::Observe;
                FilterAction::Continue
            }
            Some(ReplyStep::Hold) => {
                self.reply = ReplyMode::Hold;
                match held {
                    true => FilterAction::Pause,
                    false if remove_all(Map::Reply, &STALE) => FilterAction::Continue,
                    false => self.cut(),
                }
            }
            Some(ReplyStep::HoldStart) if held && self.holds_start() => {
                self.reply = ReplyMode::HoldStart;
                match remove_all(Map::Reply, &STALE) {
                    true => FilterAction::Pause,
                    false => self.cut(),
                }
            }
            Some(ReplyStep::Rewrite | ReplyStep::HoldStart) => {
                self.reply = ReplyMode::Rewrite;
                if remove_all(Map::Reply, &STALE) {
                    FilterAction::Continue
                } else {
                    self.cut()
                }
            }
            Some(ReplyStep::Replace(edit)) => {
                self.reply = ReplyMode::Replace(edit.body);
                if remove_all(Map::Reply, &STALE) && describe_json(edit.status.unwrap_or(200)) {
                    FilterAction::Continue
                } else {
                    self.cut()
                }
            }
        }
    }

    /// Some of its body.
    pub(super) fn reply_body(&mut self, size: usize, end_of_stream: bool) -> FilterAction {
        self.buffered = size;
        match std::mem::replace(&mut self.reply, ReplyMode::Drop) {
            ReplyMode::Pass => {
                self.reply = ReplyMode::Pass;
                FilterAction::Continue
            }
            ReplyMode::Early(early) => {
                self.reply = ReplyMode::Early(EarlyReply {
                    arrived: size,
                    ended: end_of_stream,
                    ..early
                });
                FilterAction::Pause
            }
            ReplyMode::Hold if end_of_stream => self.held_reply_complete(),
            ReplyMode::Hold => match self.on_reply(|exchange, cx| exchange.reply_size(cx, size)) {
                Some(Some(edit)) => self.apply(&edit),
                Some(None) => {
                    self.reply = ReplyMode::Hold;
                    FilterAction::Pause
                }
                None => self.cut(),
            },
            ReplyMode::HoldStart if !self.is_starting() => {
                self.reply = ReplyMode::Rewrite;
                self.reply_body(size, end_of_stream)
            }
            ReplyMode::HoldStart | ReplyMode::HoldBegun => self.reply_begins(end_of_stream),
            reading @ (ReplyMode::Rewrite | ReplyMode::Observe) => {
                let rewrite = matches!(reading, ReplyMode::Rewrite);
                let Ok(chunk) = host::buffer(Buffer::ReplyBody, self.buffered) else {
                    return self.cut();
                };
                let Some(out) =
                    self.on_reply(|exchange, cx| exchange.reply_chunk(cx, &chunk, end_of_stream))
                else {
                    return self.cut();
                };
                let changed = rewrite && out != chunk;
                if changed
                    && host::set_buffer(Buffer::ReplyBody, self.flow, chunk.len(), &out).is_err()
                {
                    return self.cut();
                }
                if self.exchange.reply_is_cut() {
                    // What was said last has to leave first.
                    if let Some(home) = &self.home {
                        home.close_soon(self.context);
                    }
                }
                self.reply = reading;
                FilterAction::Continue
            }
            ReplyMode::Replace(body) => {
                match host::set_buffer(Buffer::ReplyBody, self.flow, size, &body) {
                    Ok(()) => FilterAction::Continue,
                    Err(_) => self.cut(),
                }
            }
            ReplyMode::Drop => match host::set_buffer(Buffer::ReplyBody, self.flow, size, &[]) {
                Ok(()) => FilterAction::Continue,
                Err(_) => self.cut(),
            },
        }
    }

    /// Its trailers.
    pub(super) fn reply_trailers(&mut self) -> FilterAction {
        // With trailers no body callback ever sees the end. An event without its final blank line is dropped
        // here, as the specification has it: nothing can be added to a body any more.
        match self.reply {
            ReplyMode::Early(early) => {
                self.reply = ReplyMode::Early(EarlyReply {
                    has_trailers: true,
                    ..early
                });
                FilterAction::Pause
            }
            ReplyMode::Hold => self.held_reply_complete(),
            ReplyMode::HoldStart if !self.is_starting() => FilterAction::Continue,
            ReplyMode::HoldStart | ReplyMode::HoldBegun => self.reply_begins(true),
            _ => FilterAction::Continue,
        }
    }

    /// Puts another body in place of a held one. What still comes of the old one is dropped.
    pub(super) fn apply(&mut self, edit: &ReplyEdit) -> FilterAction {
        // Headers that have gone already were stripped of everything that describes the body.
        let headers_done = !self.holds || {
            remove_all(Map::Reply, &STALE)
                && edit.status.is_none_or(describe_json)
                && host::set_header(Map::Reply, "content-length", &edit.body.len().to_string())
                    .is_ok()
        };
        if headers_done
            && host::set_buffer(Buffer::ReplyBody, Flow::Held, self.buffered, &edit.body).is_ok()
        {
            self.reply = ReplyMode::Drop;
            return FilterAction::Continue;
        }
        self.cut()
    }

    /// Ends a reply that can neither be judged nor replaced.
    pub(super) fn cut(&mut self) -> FilterAction {
        self.reply = ReplyMode::Drop;
        let _paused = host::close_downstream();
        FilterAction::Pause
    }

    /// Calls the engine about the reply; `None` if that is not possible.
    pub(super) fn on_reply<T>(
        &mut self,
        step: impl FnOnce(&mut Exchange, &mut exchange::Context<'_>) -> T,
    ) -> Option<T> {
        let plugin = self.plugin.clone()?;
        let now = host::now().ok()?;
        let mut store = SharedData;
        let mut cx = plugin.context(now, &mut store, held::count());
        Some(step(&mut self.exchange, &mut cx))
    }

    /// Has the reply's headers held until its body begins; false if nobody would let them go.
    fn holds_start(&self) -> bool {
        let home = self.home.as_ref();
        home.is_some_and(|home| home.hold_start(self.context))
    }

    /// The body of the reply begins; returns whether its headers are still held.
    fn is_starting(&self) -> bool {
        let home = self.home.as_ref();
        home.is_some_and(|home| home.started(self.context))
    }

    /// What has arrived of a stream whose beginning is held.
    fn reply_begins(&mut self, end: bool) -> FilterAction {
        let Ok(start) = host::buffer(Buffer::ReplyBody, self.buffered) else {
            return self.cut();
        };
        match self.on_reply(|exchange, cx| exchange.reply_begins(cx, &start, end)) {
            Some(Start::Wait) => {
                self.reply = ReplyMode::HoldBegun;
                FilterAction::Pause
            }
            Some(Start::Pass(out)) => {
                self.reply = ReplyMode::Rewrite;
                let changed = out != start;
                let done = remove_all(Map::Reply, &STALE)
                    && (!changed
                        || host::set_buffer(Buffer::ReplyBody, Flow::Held, start.len(), &out)
                            .is_ok());
                if done {
                    FilterAction::Continue
                } else {
                    self.cut()
                }
            }
            Some(Start::Refuse(edit)) => {
                if let Some(home) = &self.home {
                    // The server goes on; the caller has its answer.
                    home.close_soon(self.context);
                }
                self.apply(&edit)
            }
            None => self.cut(),
        }
    }

    fn held_reply_complete(&mut self) -> FilterAction {
        let Ok(body) = host::buffer(Buffer::ReplyBody, self.buffered) else {
            return self.cut();
        };
        match self.on_reply(|exchange, cx| exchange.reply_end(cx, &body)) {
            Some(Some(edit)) => self.apply(&edit),
            Some(None) => {
                self.reply = ReplyMode::Pass;
                FilterAction::Continue
            }
            None => self.cut(),
        }
    }
}

/// Says that the body is plain JSON, whatever the old one was.
fn describe_json(status: u32) -> bool {
    host::set_header(Map::Reply, ":status", &status.to_string()).is_ok()
        && host::set_header(Map::Reply, "content-type", "application/json").is_ok()
        && host::remove_header(Map::Reply, "content-encoding").is_ok()
}

/// How often the host has tried to send the request upstream, where it tells.
fn attempts() -> Option<u64> {
    let count = host::property("upstream\0request_attempt_count").ok()?;
    count.try_into().ok().map(u64::from_le_bytes)
}

/// Why the host ended the request, where it did so itself.
pub(super) fn code_details() -> String {
    let details = host::property("response\0code_details").unwrap_or_default();
    String::from_utf8_lossy(&details).into_owned()
}
