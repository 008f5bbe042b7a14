//! One HTTP stream: callbacks in, steps out; what becomes of the request is here, of the reply in `reply.rs`.
//!
//! Whatever fails on the way to a decision ends in a refusal; whatever fails on the way back cuts the reply.

mod early;
mod kept;
mod reply;

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action as FilterAction;
use toolgate_engine::exchange::{self, Exchange, Step};
use toolgate_engine::pep::{self, Rejection};
use toolgate_engine::time::Timestamp;

use crate::held::{self, Fate, Held};
use crate::host::{self, Buffer, Flow, Map};
use crate::live;
use crate::perform;
use crate::plugin::Plugin;
use crate::store::SharedData;
use reply::ReplyMode;

/// Names and values of headers, in order.
type Headers = Vec<(Vec<u8>, Vec<u8>)>;

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
    /// Over before it was decided: nothing goes upstream, and the reply is not the gate's.
    Left,
}

/// One stream. Without a plugin (a host that serves before it configures) everything is refused.
pub struct Stream {
    context: u32,
    /// The configuration whose root looks after it.
    home: Option<Rc<Plugin>>,
    /// The configuration it is judged under: a newer one, where that came before the request was complete.
    plugin: Option<Rc<Plugin>>,
    exchange: Exchange,
    request: Request,
    reply: ReplyMode,
    /// How many configurations this VM had taken when the stream began.
    epoch: u64,
    /// The host holds its headers until they are judged, as it was told to when the stream began.
    holds: bool,
    /// The request headers as they came, where the host does not hold them: what is left there lacks what was taken off.
    sent: Headers,
    /// How much of the body at hand is buffered, as the host last said.
    buffered: usize,
    /// How much of the request, and of the reply, counts as kept.
    kept: [usize; 2],
    /// What becomes of the piece of a reply at hand.
    flow: Flow,
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
            holds: (plugin.as_ref()).is_none_or(|plugin| plugin.gate.http.hold_request_headers),
            sent: Headers::new(),
            home: plugin.clone(),
            plugin,
            exchange: Exchange::new(id),
            request: Request::Open,
            reply: ReplyMode::Pass,
            epoch: live::epoch(),
            buffered: 0,
            kept: [0; 2],
            flow: Flow::Passing,
        }
    }

    /// Calls the engine with everything it may use. A clock that fails is passed on as time 0 to a step that
    /// can only refuse.
    fn decide(
        &mut self,
        step: impl FnOnce(&mut Exchange, &mut exchange::Context<'_>) -> Option<Step>,
    ) -> Step {
        let Some(plugin) = self.plugin.clone() else {
            return Step::Reply(pep::unconfigured());
        };
        let time = host::now();
        let now = time.unwrap_or(Timestamp::from_nanos(0));
        let mut store = SharedData;
        // Headers that have gone cannot wait for a person.
        let held = if self.holds {
            let most = plugin.gate.approvals.max_held;
            held::count_for(|| self.exchange.request_share(|| None), most)
        } else {
            usize::MAX
        };
        let mut cx = plugin.context(now, &mut store, held);
        let decided = time.ok().and_then(|_| step(&mut self.exchange, &mut cx));
        let step = decided.unwrap_or_else(|| self.exchange.host_failed(&mut cx));
        if !matches!(step, Step::Buffer | Step::Drain) {
            plugin.publish(&self.exchange, now);
        }
        step
    }

    /// Performs a step. `headers_here` tells that the request headers can still be changed.
    fn perform(&mut self, step: Step, headers_here: bool) -> FilterAction {
        match step {
            Step::Buffer => FilterAction::Pause,
            Step::Drain => self.drain(),
            Step::Hold(_) => self.hold(),
            Step::Forward(_permit, removals, body) => {
                if let Err(rejection) = self.make_ready(&removals, body.as_deref(), headers_here) {
                    return self.stop(rejection);
                }
                self.request = Request::Forwarded;
                self.release_early();
                FilterAction::Continue
            }
            reply @ Step::Reply(_) => self.answer(&reply),
        }
    }

    /// Takes out of the host's buffer what is there of a body that is only read to its end.
    fn drain(&mut self) -> FilterAction {
        let size = std::mem::take(&mut self.buffered);
        let piece = host::buffer(Buffer::RequestBody, size);
        let step = self.decide(|exchange, cx| {
            let step = exchange.request_excess(cx, &piece.ok()?);
            let is_gone = !matches!(step, Step::Drain)
                || host::set_buffer(Buffer::RequestBody, Flow::Held, size, &[]).is_ok();
            is_gone.then_some(step)
        });
        match step {
            Step::Drain => FilterAction::Pause,
            step => self.perform(step, self.holds),
        }
    }

    fn make_ready(
        &self,
        removals: &[impl AsRef<str>],
        body: Option<&[u8]>,
        headers_here: bool,
    ) -> Result<(), Rejection> {
        match &self.plugin {
            Some(plugin) if headers_here => {
                perform::make_ready(plugin, &self.exchange, removals, (body, self.buffered))
            }
            // Headers that have gone say how long the body is.
            Some(_) if body.is_none() => Ok(()),
            _ => Err(Rejection::Host),
        }
    }

    /// Something keeps the request from going on.
    fn stop(&mut self, rejection: Rejection) -> FilterAction {
        let stopped = self.decide(|exchange, cx| Some(exchange.not_forwarded(cx, rejection)));
        self.answer(&stopped)
    }

    fn answer(&mut self, reply: &Step) -> FilterAction {
        self.request = Request::Answered;
        self.drop_early();
        perform::answer(reply);
        FilterAction::Pause
    }

    /// The request waits for a person, and the tick looks after it.
    fn hold(&mut self) -> FilterAction {
        if let (Some(home), Some(plugin)) = (self.home.clone(), self.plugin.clone()) {
            home.hurry();
            let share = self.exchange.request_share(|| None);
            let held = Held {
                context: self.context,
                home: home.clone(),
                plugin: plugin.clone(),
                exchange: std::mem::replace(&mut self.exchange, Exchange::new(String::new())),
                size: self.buffered,
                epoch: self.epoch,
                fate: Fate::Waiting,
                share,
                turn: held::turn(),
                gives_way: false,
            };
            held::begin(held, plugin.gate.approvals.max_held);
            if !self.keep(false, share, self.buffered) {
                held::end_soon(self.context);
            }
        }
        self.request = Request::Held;
        FilterAction::Pause
    }

    /// Takes back what was held. Where nobody has decided the host ended the stream, and nothing is forwarded.
    fn take_back(&mut self) {
        if self.request != Request::Held {
            return;
        }
        self.request = Request::Left;
        self.done(false);
        if let Some(mut held) = held::take(self.context) {
            self.request = match held.fate {
                Fate::Waiting => Request::Left,
                Fate::Forwarded => Request::Forwarded,
                Fate::Answered => Request::Answered,
            };
            held.abandon();
            self.exchange = held.exchange;
            self.plugin = Some(held.plugin);
        }
    }

    /// The body has begun, or never will: nobody waits for it any more.
    fn body_came(&self) {
        if let Some(home) = &self.home {
            home.body_came(self.context);
        }
    }

    /// Goes over to the newest configuration of the filter, if it came since the stream began: what the old one made of the
    /// headers counts no more. `None` if there is no newer one.
    fn renew(&mut self) -> Option<Step> {
        let newer = live::newer(self.plugin.as_ref()?, self.epoch)?;
        newer.read_attributes(&mut self.exchange);
        self.plugin = Some(newer);
        self.epoch = live::epoch();
        let headers = match self.holds {
            true => host::headers(Map::Request),
            false => Ok(std::mem::take(&mut self.sent)),
        };
        Some(self.decide(|exchange, cx| {
            let headers = headers.ok()?;
            Some(exchange.request_headers(cx, &headers, false))
        }))
    }

    /// Takes off the trailers what belongs into headers, where it would have been judged; false if something could not be.
    fn clear_trailers(&self) -> bool {
        let Some(plugin) = &self.plugin else {
            return true;
        };
        let Ok(trailers) = host::headers(Map::RequestTrailers) else {
            return false;
        };
        trailers
            .iter()
            .filter(|(name, _)| exchange::belongs_to_head(&plugin.gate, name))
            // What is no text no server takes for one of these.
            .filter_map(|(name, _)| std::str::from_utf8(name).ok())
            .all(|name| host::remove_header(Map::RequestTrailers, name).is_ok())
    }

    /// The request is complete, whether its end came with headers, body or trailers.
    fn request_complete(&mut self) -> FilterAction {
        let step = match self.renew() {
            None | Some(Step::Buffer) => {
                let body = host::buffer(Buffer::RequestBody, self.buffered);
                self.decide(|exchange, cx| body.ok().map(|body| exchange.request_end(cx, &body)))
            }
            Some(refused) => refused,
        };
        if !matches!(step, Step::Hold(_)) {
            self.done(false);
        }
        self.perform(step, self.holds)
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> FilterAction {
        if let Some(plugin) = &self.plugin {
            plugin.read_attributes(&mut self.exchange);
        }
        let headers = host::headers(Map::Request);
        let step = self.decide(|exchange, cx| {
            let headers = headers.as_ref().ok()?;
            Some(exchange.request_headers(cx, headers, end_of_stream))
        });
        if matches!(step, Step::Buffer) && !self.holds {
            self.sent = headers.unwrap_or_default();
            // Second best: the headers go ahead, without what would keep the reply from being read.
            let removals = self.exchange.unheld_removals();
            return match self.make_ready(&removals, None, true) {
                Ok(()) => FilterAction::Continue,
                Err(rejection) => self.stop(rejection),
            };
        }
        if let (Step::Buffer, Some(home)) = (&step, &self.home) {
            home.await_body(self.context);
        }
        self.perform(step, true)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> FilterAction {
        self.body_came();
        self.buffered = size;
        match self.request {
            Request::Forwarded => FilterAction::Continue,
            Request::Held | Request::Answered | Request::Left => FilterAction::Pause,
            Request::Open if end_of_stream => self.request_complete(),
            Request::Open => {
                let step = self.decide(|exchange, cx| Some(exchange.request_size(cx, size)));
                let step = self.keep_request(step);
                self.perform(step, false)
            }
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> FilterAction {
        self.body_came();
        if !self.clear_trailers() && matches!(self.request, Request::Open | Request::Forwarded) {
            return self.stop(Rejection::Host);
        }
        // With trailers no body callback ever sees the end of the stream.
        match self.request {
            Request::Forwarded => FilterAction::Continue,
            Request::Held | Request::Answered | Request::Left => FilterAction::Pause,
            Request::Open => self.request_complete(),
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> FilterAction {
        self.buffered = 0;
        self.take_back();
        self.reply_headers(end_of_stream)
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> FilterAction {
        let action = self.reply_body(size, end_of_stream);
        self.keep_reply(action)
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> FilterAction {
        let action = self.reply_trailers();
        self.keep_reply(action)
    }

    fn on_log(&mut self) {
        if let Some(home) = &self.home {
            home.forget(self.context);
        }
        self.take_back();
        self.forget_kept();
        self.record_early();
        let details = self.origin();
        let Some(plugin) = self.plugin.clone() else {
            return;
        };
        let _no_clock = self.on_reply(|exchange, cx| exchange.finish(cx, &details));
        plugin.publish_end(&self.exchange);
    }
}
