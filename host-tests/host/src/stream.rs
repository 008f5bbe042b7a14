//! One HTTP stream, driven by the test step by step or whole.

use std::collections::BTreeMap;

use super::headers::Headers;
use super::message::{Ending, Message, Received, Request, SentUpstream, Upstream};
use super::metrics::Metrics;
use super::replies::end_stream;
use super::state::{Dir, Iteration, LogLine};
use super::vm::Vm;

/// How a stream stands, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client has a complete response.
    Answered,
    /// The stream was cut.
    Reset,
    /// The module paused the request and nothing resumed it: a client would wait for the stream idle timeout. Also
    /// what a Pause in the headers callback does without `allow_on_headers_stop_iteration`: the body callback never
    /// runs (measured: 504 after 5 minutes).
    Hung,
    /// The module paused the response and nothing resumed it.
    ResponseHung,
    /// The request went to the upstream, and it has not answered to the end.
    Waiting,
    /// The client has not sent the whole request, and nobody has answered it.
    Sending,
}

/// Everything one exchange left behind.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// How it ended.
    pub outcome: Outcome,
    /// What left towards the upstream; `None`: not one byte.
    pub upstream: Option<SentUpstream>,
    /// What the client got.
    pub downstream: Received,
    /// A callback of this stream trapped. The VM is dead.
    pub panicked: bool,
    /// The process ended: see [`Vm::crashed`].
    pub crashed: bool,
    /// What it trapped with.
    pub trap: Option<String>,
    /// Lines logged from the opening of the stream on.
    pub logs: Vec<LogLine>,
    /// Filter state set by the module, `wasm.` left out: what the access log prints.
    pub filter_state: BTreeMap<String, Vec<u8>>,
    /// The process's stats, a live handle.
    pub metrics: Metrics,
}

impl Exchange {
    /// True when the upstream got the whole request: it may have done what it was asked, whatever became of its answer.
    pub fn forwarded(&self) -> bool {
        self.upstream.as_ref().is_some_and(|u| u.ended)
    }

    /// Filter state as text.
    pub fn state_text(&self, name: &str) -> Option<String> {
        let value = self.filter_state.get(name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    /// Invariants of every exchange whatever the policy: lengths match on both sides, nothing panicked.
    pub fn check(&self) -> Result<(), String> {
        if self.crashed {
            return Err("the process crashed".to_owned());
        }
        if let Some(trap) = &self.trap {
            return Err(format!("the module trapped: {trap}"));
        }
        if let Some(sent) = &self.upstream {
            sent.check_length().map_err(|e| format!("upstream: {e}"))?;
        }
        let got = self.downstream.check_length();
        got.map_err(|e| format!("downstream: {e}"))
    }
}

/// A handle on one stream. Each step delivers one event and lets everything it causes happen. Steps on a stream that
/// is over do nothing, as in Envoy. Dropping the handle is the client going away.
pub struct Stream {
    vm: Vm,
    id: u32,
    first_log: usize,
}

impl Stream {
    pub(crate) fn open(vm: Vm) -> Self {
        let mut inner = vm.lock();
        let (id, first_log) = (inner.worker().open_stream(), inner.state().logs.len());
        drop(inner);
        Self { vm, id, first_log }
    }

    /// The context id, as the module knows it.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The client's headers. `end`: there is no body.
    pub fn request_headers(&self, headers: impl Into<Headers>, end: bool) -> &Self {
        self.step(|worker| worker.request_headers(self.id, headers.into(), end))
    }

    /// A DATA frame from the client; may be empty.
    pub fn request_data(&self, data: impl AsRef<[u8]>, end: bool) -> &Self {
        let data = data.as_ref().to_vec();
        self.step(|worker| worker.data(self.id, Dir::Request, data, end))
    }

    /// Trailers from the client; they end the request.
    pub fn request_trailers(&self, trailers: impl Into<Headers>) -> &Self {
        self.step(|worker| worker.trailers(self.id, Dir::Request, trailers.into()))
    }

    /// Headers from the upstream. Only an upstream that got headers can answer.
    pub fn response_headers(&self, headers: impl Into<Headers>, end: bool) -> &Self {
        if self.upstream().is_none() {
            return self;
        }
        self.step(|worker| worker.response_headers(self.id, headers.into(), end))
    }

    /// A DATA frame from the upstream; may be empty.
    pub fn response_data(&self, data: impl AsRef<[u8]>, end: bool) -> &Self {
        let data = data.as_ref().to_vec();
        self.step(|worker| worker.data(self.id, Dir::Response, data, end))
    }

    /// Trailers from the upstream; they end the response.
    pub fn response_trailers(&self, trailers: impl Into<Headers>) -> &Self {
        self.step(|worker| worker.trailers(self.id, Dir::Response, trailers.into()))
    }

    /// The upstream resets the stream. Before its response Envoy answers 503 with flag UC; after that the client's
    /// response is cut.
    pub fn upstream_reset(&self) -> &Self {
        const TERMINATION: u64 = 0x40;
        let details = "upstream_reset_before_response_started{connection_termination}";
        let body = "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
        self.step(|worker| worker.upstream_failed(self.id, details, body, TERMINATION))
    }

    /// No upstream can be reached: Envoy answers 503 with flag UH and nothing leaves.
    pub fn upstream_unreachable(&self) -> &Self {
        const NO_HEALTHY_HOST: u64 = 0x2;
        self.step(|worker| {
            if let Some(stream) = worker.stream(self.id) {
                stream.upstream = None;
            }
            worker.upstream_failed(
                self.id,
                "no_healthy_upstream",
                "no healthy upstream",
                NO_HEALTHY_HOST,
            );
        })
    }

    /// Envoy answers in the upstream's place, with this text and these response code details and response flags. Unlike
    /// [`Stream::upstream_reset`] this asks nothing about the upstream.
    pub fn proxy_reply(&self, status: u16, body: &str, details: &str, flags: u64) -> &Self {
        let headers = Headers::from([
            (":status", status.to_string()),
            ("content-length", body.len().to_string()),
            ("content-type", "text/plain".to_owned()),
        ]);
        let mut inner = self.vm.lock();
        if let Some(state) = inner.state().streams.get_mut(&self.id) {
            state
                .properties
                .set(&["response", "flags"], flags.to_le_bytes());
            state.downstream.local_reply = true;
            state.downstream.details = details.to_owned();
        }
        let mut worker = inner.worker();
        worker.encode_headers(self.id, headers, false);
        worker.settle();
        drop(inner);
        self.response_data(body, true)
    }

    /// The client goes away.
    pub fn disconnect(&self) -> &Self {
        self.step(|worker| {
            if let Some(stream) = worker.stream(self.id).filter(|s| !s.terminated) {
                stream.downstream.reset = true;
                stream.downstream.details = "downstream_remote_disconnect".to_owned();
                end_stream(stream);
            }
        })
    }

    /// Sets an Envoy attribute from here on.
    pub fn set_property(&self, path: &[&str], value: impl AsRef<[u8]>) -> &Self {
        let mut inner = self.vm.lock();
        if let Some(stream) = inner.state().streams.get_mut(&self.id) {
            stream.properties.set(path, value);
        }
        drop(inner);
        self
    }

    /// Sends a whole request.
    pub fn send(&self, request: &Request) -> &Self {
        let mut inner = self.vm.lock();
        if let Some(stream) = inner.state().streams.get_mut(&self.id) {
            stream.properties.merge(&request.properties);
        }
        drop(inner);
        let whole = self.play(request, Dir::Request);
        if !whole {
            self.disconnect();
        }
        self
    }

    /// Lets the upstream act, if the request has reached it whole.
    pub fn answer(&self, upstream: impl Into<Upstream>) -> &Self {
        if !self.upstream().is_some_and(|u| u.ended && !u.reset) {
            return self;
        }
        match upstream.into() {
            Upstream::Reply(reply) => {
                if !self.play(&reply, Dir::Response) {
                    self.upstream_reset();
                }
                self
            }
            Upstream::Silent => self,
            Upstream::Reset => self.upstream_reset(),
            Upstream::Unreachable => self.upstream_unreachable(),
        }
    }

    /// What has left towards the upstream so far.
    pub fn upstream(&self) -> Option<SentUpstream> {
        self.vm
            .lock()
            .state()
            .streams
            .get(&self.id)?
            .upstream
            .clone()
    }

    /// What the client has received so far.
    pub fn downstream(&self) -> Received {
        let mut inner = self.vm.lock();
        let stream = inner.state().streams.get_mut(&self.id);
        stream.map(|s| s.downstream.clone()).unwrap_or_default()
    }

    /// How the stream stands.
    pub fn outcome(&self) -> Outcome {
        let mut inner = self.vm.lock();
        let Some(stream) = inner.state().streams.get_mut(&self.id) else {
            return Outcome::Reset;
        };
        let (request, response) = (&stream.request, &stream.response);
        if stream.downstream.reset {
            Outcome::Reset
        } else if stream.downstream.ended {
            Outcome::Answered
        } else if response.complete && response.iteration != Iteration::Continue {
            Outcome::ResponseHung
        } else if stream.upstream.as_ref().is_some_and(|u| u.ended) {
            Outcome::Waiting
        } else if request.complete {
            Outcome::Hung
        } else {
            Outcome::Sending
        }
    }

    /// How the exchange stands, without ending it.
    pub fn snapshot(&self) -> Exchange {
        let outcome = self.outcome();
        let mut inner = self.vm.lock();
        let logs = inner
            .state()
            .logs
            .get(self.first_log..)
            .unwrap_or_default()
            .to_vec();
        let metrics = inner.options().metrics.clone();
        let crashed = inner.state().crashed;
        let (upstream, downstream, trap, filter_state) =
            match inner.state().streams.get_mut(&self.id) {
                Some(s) => (
                    s.upstream.clone(),
                    s.downstream.clone(),
                    s.trap.clone(),
                    s.filter_state.clone(),
                ),
                None => Default::default(),
            };
        Exchange {
            outcome,
            upstream,
            downstream,
            panicked: trap.is_some(),
            crashed,
            trap,
            logs,
            filter_state,
            metrics,
        }
    }

    /// Ends the exchange. A stream that is still open is left by the client; the outcome is how it stood before that,
    /// the rest as it is after `on_log`.
    pub fn done(self) -> Exchange {
        let outcome = self.outcome();
        self.disconnect();
        Exchange {
            outcome,
            ..self.snapshot()
        }
    }

    /// Plays a message into one direction. False when it ends in a reset.
    fn play(&self, message: &Message, dir: Dir) -> bool {
        let headers = message.headers.clone();
        let ends = message.trailers.is_none() && message.ending == Ending::WithLast;
        let end = ends && message.chunks.is_empty();
        match dir {
            Dir::Request => self.request_headers(headers, end),
            Dir::Response => self.response_headers(headers, end),
        };
        let data = |bytes: &[u8], end: bool| match dir {
            Dir::Request => self.request_data(bytes, end),
            Dir::Response => self.response_data(bytes, end),
        };
        for (n, chunk) in message.chunks.iter().enumerate() {
            data(chunk, ends && n + 1 == message.chunks.len());
        }
        if let Some(trailers) = message.trailers.clone() {
            match dir {
                Dir::Request => self.request_trailers(trailers),
                Dir::Response => self.response_trailers(trailers),
            };
        } else if message.ending == Ending::EmptyData {
            data(&[], true);
        }
        message.ending != Ending::Reset
    }

    fn step(&self, event: impl FnOnce(&mut super::worker::Worker<'_>)) -> &Self {
        let mut inner = self.vm.lock();
        let mut worker = inner.worker();
        event(&mut worker);
        worker.settle();
        drop(inner);
        self
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.disconnect();
        self.vm.lock().state().streams.remove(&self.id);
    }
}

impl Vm {
    /// A whole exchange: the request is sent, the upstream acts if the request reached it, the stream ends.
    pub fn exchange(&self, request: &Request, upstream: impl Into<Upstream>) -> Exchange {
        let upstream = upstream.into();
        self.exchange_with(request, |_| upstream)
    }

    /// The same with an upstream that looks at what reached it.
    pub fn exchange_with(
        &self,
        request: &Request,
        upstream: impl FnOnce(&SentUpstream) -> Upstream,
    ) -> Exchange {
        let stream = self.stream();
        stream.send(request);
        if let Some(sent) = stream.upstream().filter(|u| u.ended && !u.reset) {
            stream.answer(upstream(&sent));
        }
        stream.done()
    }
}
