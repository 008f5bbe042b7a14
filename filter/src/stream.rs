//! One HTTP stream: callbacks in, steps out, and the only place with a [`FilterAction`].
//!
//! Whatever fails on the way to a decision ends in a refusal; whatever fails on the way back cuts the reply.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action as FilterAction;
use toolgate_engine::exchange::{self, Exchange, ReplyEdit, ReplyStep, STALE, Start, Step};
use toolgate_engine::pep::Reply;
use toolgate_engine::time::Timestamp;

use crate::held::{self, Fate, Held};
use crate::host::{self, Buffer, Map};
use crate::live;
use crate::perform::{self, remove_all};
use crate::plugin::Plugin;
use crate::store::SharedData;

/// Where the request is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Request {
    /// Not decided.
    Open,
    /// Waits for a person; what is known of it is in [`held`].
    Held,
    /// Forwarded.
    Forwarded,
    /// Answered here: nothing more goes upstream.
    Answered,
}

/// What is done with the reply.
enum ReplyMode {
    /// It passes.
    Pass,
    /// It is held to its end.
    Hold,
    /// It is held until enough of it is there.
    HoldStart,
    /// It is rewritten chunk by chunk.
    Rewrite,
    /// It passes and is looked at.
    Observe,
    /// This goes out in its place.
    Replace(Vec<u8>),
    /// It has been replaced; what still comes is dropped.
    Drop,
}

/// One stream. Without a plugin (a host that serves before it configures) everything is refused.
pub struct Stream {
    context: u32,
    plugin: Option<Rc<Plugin>>,
    exchange: Exchange,
    request: Request,
    reply: ReplyMode,
    /// How many configurations this VM had taken when the stream began.
    epoch: u64,
    /// How much of the body at hand is buffered, as the host last said.
    buffered: usize,
}

impl Stream {
    /// A stream of this plugin.
    pub fn new(context: u32, plugin: Option<Rc<Plugin>>) -> Self {
        let id = plugin
            .as_ref()
            .map(|plugin| plugin.recorder.next_id())
            .unwrap_or_default();
        Stream {
            context,
            plugin,
            exchange: Exchange::new(id),
            request: Request::Open,
            reply: ReplyMode::Pass,
            epoch: live::epoch(),
            buffered: 0,
        }
    }

    /// Calls the engine with everything it may use. A clock that fails is passed on as time 0 to a step that
    /// can only refuse.
    fn decide(
        &mut self,
        step: impl FnOnce(&mut Exchange, &mut exchange::Context<'_>) -> Option<Step>,
    ) -> Step {
        let unconfigured = || {
            let body = br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"the gate has no configuration"}}"#;
            let headers = vec![("content-type", "application/json".to_owned())];
            Step::Reply(Reply {
                status: 503,
                headers,
                body: body.to_vec(),
            })
        };
        let Some(plugin) = self.plugin.clone() else {
            return unconfigured();
        };
        let time = host::now();
        let now = time.unwrap_or(Timestamp::from_nanos(0));
        let mut store = SharedData;
        let mut cx = perform::context(&plugin, now, &mut store);
        let decided = time.ok().and_then(|_| step(&mut self.exchange, &mut cx));
        let step = decided.unwrap_or_else(|| self.exchange.host_failed(&mut cx));
        if !matches!(step, Step::Buffer) {
            plugin.publish(&self.exchange, now);
        }
        step
    }

    fn holds(&self) -> bool {
        self.plugin
            .as_ref()
            .is_none_or(|plugin| plugin.gate.http.hold_request_headers)
    }

    /// Performs a step. `headers_here` tells that the request headers can still be changed.
    fn perform(&mut self, step: Step, headers_here: bool) -> FilterAction {
        match step {
            Step::Buffer => FilterAction::Pause,
            Step::Hold(_) => self.hold(),
            Step::Forward(_permit, removals, body) => {
                let ready = match headers_here {
                    true => perform::make_ready(&removals, body.as_deref(), self.buffered),
                    // Headers that have gone say how long the body is.
                    false => body.is_none(),
                };
                if !ready {
                    let failed = self.decide(|exchange, cx| Some(exchange.host_failed(cx)));
                    return self.answer(&failed);
                }
                self.request = Request::Forwarded;
                FilterAction::Continue
            }
            reply @ Step::Reply(_) => self.answer(&reply),
        }
    }

    fn answer(&mut self, reply: &Step) -> FilterAction {
        self.request = Request::Answered;
        perform::answer(reply);
        FilterAction::Pause
    }

    /// The request waits for a person, and the tick looks after it.
    fn hold(&mut self) -> FilterAction {
        if let Some(plugin) = &self.plugin {
            plugin.hurry();
            held::put(Held {
                context: self.context,
                home: plugin.clone(),
                plugin: plugin.clone(),
                exchange: std::mem::replace(&mut self.exchange, Exchange::new(String::new())),
                size: self.buffered,
                epoch: self.epoch,
                fate: Fate::Waiting,
            });
        }
        self.request = Request::Held;
        FilterAction::Pause
    }

    /// Takes back what was held. Where nobody has decided the host ended the stream, and nothing is forwarded.
    fn take_back(&mut self) {
        if self.request != Request::Held {
            return;
        }
        self.request = Request::Answered;
        if let Some(mut held) = held::take(self.context) {
            held.abandon();
            if held.fate == Fate::Forwarded {
                self.request = Request::Forwarded;
            }
            self.exchange = held.exchange;
            self.plugin = Some(held.plugin);
        }
    }

    /// The body has begun, or never will: nobody waits for it any more.
    fn body_came(&self) {
        if let Some(plugin) = &self.plugin {
            plugin.body_came(self.context);
        }
    }

    /// The request is complete, whether its end came with headers, body or trailers.
    fn request_complete(&mut self) -> FilterAction {
        let body = host::buffer(Buffer::RequestBody, self.buffered);
        let step =
            self.decide(|exchange, cx| body.ok().map(|body| exchange.request_end(cx, &body)));
        let headers_here = self.holds();
        self.perform(step, headers_here)
    }

    /// Puts another body in place of a held one. What still comes of the old one is dropped.
    fn apply(&mut self, edit: &ReplyEdit) -> FilterAction {
        // Headers that have gone already were stripped of everything that describes the body.
        let headers_done = !self.holds() || {
            remove_all(Map::Reply, &STALE)
                && edit.status.is_none_or(describe_json)
                && host::set_header(Map::Reply, "content-length", &edit.body.len().to_string())
                    .is_ok()
        };
        if headers_done && host::set_buffer(Buffer::ReplyBody, self.buffered, &edit.body).is_ok() {
            self.reply = ReplyMode::Drop;
            return FilterAction::Continue;
        }
        self.cut()
    }

    /// Ends a reply that can neither be judged nor replaced.
    fn cut(&mut self) -> FilterAction {
        self.reply = ReplyMode::Drop;
        let _paused = host::close_downstream();
        FilterAction::Pause
    }

    /// Calls the engine about the reply; `None` if that is not possible.
    fn on_reply<T>(
        &mut self,
        step: impl FnOnce(&mut Exchange, &mut exchange::Context<'_>) -> T,
    ) -> Option<T> {
        let plugin = self.plugin.clone()?;
        let now = host::now().ok()?;
        let mut store = SharedData;
        let mut cx = perform::context(&plugin, now, &mut store);
        Some(step(&mut self.exchange, &mut cx))
    }

    /// What has arrived of a stream whose beginning is held.
    fn reply_begins(&mut self, end: bool) -> FilterAction {
        let Ok(start) = host::buffer(Buffer::ReplyBody, self.buffered) else {
            return self.cut();
        };
        match self.on_reply(|exchange, cx| exchange.reply_begins(cx, &start, end)) {
            Some(Start::Wait) => {
                self.reply = ReplyMode::HoldStart;
                FilterAction::Pause
            }
            Some(Start::Pass(out)) => {
                self.reply = ReplyMode::Rewrite;
                let changed = out != start;
                let done = remove_all(Map::Reply, &STALE)
                    && (!changed || host::set_buffer(Buffer::ReplyBody, start.len(), &out).is_ok());
                if done {
                    FilterAction::Continue
                } else {
                    self.cut()
                }
            }
            Some(Start::Refuse(edit)) => {
                if let Some(plugin) = &self.plugin {
                    // The server goes on; the caller has its answer.
                    plugin.close_soon(self.context);
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

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> FilterAction {
        if let Some(plugin) = &self.plugin {
            perform::read_attributes(&mut self.exchange, plugin);
        }
        let headers = host::headers(Map::Request);
        let step = self.decide(|exchange, cx| {
            headers
                .ok()
                .map(|headers| exchange.request_headers(cx, &headers, end_of_stream))
        });
        if matches!(step, Step::Buffer) && !self.holds() {
            // Second best: the headers go ahead, without what would keep the reply from being read.
            if remove_all(Map::Request, &self.exchange.unheld_removals()) {
                return FilterAction::Continue;
            }
            let failed = self.decide(|exchange, cx| Some(exchange.host_failed(cx)));
            return self.answer(&failed);
        }
        if let (Step::Buffer, Some(plugin)) = (&step, &self.plugin) {
            plugin.await_body(self.context);
        }
        self.perform(step, true)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> FilterAction {
        self.body_came();
        self.buffered = size;
        match self.request {
            Request::Forwarded => FilterAction::Continue,
            Request::Held | Request::Answered => FilterAction::Pause,
            Request::Open if end_of_stream => self.request_complete(),
            Request::Open => {
                let step = self.decide(|exchange, cx| Some(exchange.request_size(cx, size)));
                self.perform(step, false)
            }
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> FilterAction {
        self.body_came();
        // With trailers no body callback ever sees the end of the stream.
        match self.request {
            Request::Forwarded => FilterAction::Continue,
            Request::Held | Request::Answered => FilterAction::Pause,
            Request::Open => self.request_complete(),
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> FilterAction {
        self.buffered = 0;
        self.take_back();
        if self.request != Request::Forwarded {
            // Our own answer, or another filter's: nothing came from upstream.
            return FilterAction::Continue;
        }
        let Ok(headers) = host::headers(Map::Reply) else {
            return self.cut();
        };
        let status = headers
            .iter()
            .find(|(name, _)| name == b":status")
            .map(|(_, value)| value);
        let status = status
            .and_then(|status| std::str::from_utf8(status).ok()?.parse().ok())
            .unwrap_or(0);
        let details = if self.exchange.awaits_answer() {
            code_details()
        } else {
            String::new()
        };
        let step = self.on_reply(|exchange, cx| {
            exchange.reply_headers(cx, status, &headers, end_of_stream, &details)
        });
        let held = self.holds();
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
            Some(ReplyStep::HoldStart) if held => {
                self.reply = ReplyMode::HoldStart;
                FilterAction::Pause
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

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> FilterAction {
        self.buffered = size;
        match std::mem::replace(&mut self.reply, ReplyMode::Drop) {
            ReplyMode::Pass => {
                self.reply = ReplyMode::Pass;
                FilterAction::Continue
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
            ReplyMode::HoldStart => self.reply_begins(end_of_stream),
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
                if changed && host::set_buffer(Buffer::ReplyBody, chunk.len(), &out).is_err() {
                    return self.cut();
                }
                if self.exchange.reply_is_cut() {
                    // What was said last has to leave first.
                    if let Some(plugin) = &self.plugin {
                        plugin.close_soon(self.context);
                    }
                }
                self.reply = reading;
                FilterAction::Continue
            }
            ReplyMode::Replace(body) => match host::set_buffer(Buffer::ReplyBody, size, &body) {
                Ok(()) => FilterAction::Continue,
                Err(_) => self.cut(),
            },
            ReplyMode::Drop => match host::set_buffer(Buffer::ReplyBody, size, &[]) {
                Ok(()) => FilterAction::Continue,
                Err(_) => self.cut(),
            },
        }
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> FilterAction {
        // With trailers no body callback ever sees the end. An event without its final blank line is dropped
        // here, as the specification has it: nothing can be added to a body any more.
        match self.reply {
            ReplyMode::Hold => self.held_reply_complete(),
            ReplyMode::HoldStart => self.reply_begins(true),
            _ => FilterAction::Continue,
        }
    }

    fn on_log(&mut self) {
        if let Some(plugin) = &self.plugin {
            plugin.forget(self.context);
        }
        self.take_back();
        let details = if self.exchange.awaits_answer() {
            code_details()
        } else {
            String::new()
        };
        let Some(plugin) = self.plugin.clone() else {
            return;
        };
        let _no_clock = self.on_reply(|exchange, cx| exchange.finish(cx, &details));
        plugin.publish_end(&self.exchange);
    }
}

/// Says that the body is plain JSON, whatever the old one was.
fn describe_json(status: u32) -> bool {
    host::set_header(Map::Reply, ":status", &status.to_string()).is_ok()
        && host::set_header(Map::Reply, "content-type", "application/json").is_ok()
        && host::remove_header(Map::Reply, "content-encoding").is_ok()
}

/// Why the host ended the request, where it did so itself.
fn code_details() -> String {
    let details = host::property("response\0code_details").unwrap_or_default();
    String::from_utf8_lossy(&details).into_owned()
}
