//! The engine itself, driven as the shell in the wasm drives it.
//!
//! This is the shell's logic (`filter/src/stream.rs`) and the proxy's around it, written a second time without host
//! calls: that both come to the same bytes is what the comparison is for.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::{Result, anyhow, bail};
use toolgate_engine::audit;
use toolgate_engine::config::Gate;
use toolgate_engine::control;
use toolgate_engine::counters::{Memory, Store};
use toolgate_engine::exchange::{
    Context, Exchange, HeldRequest, ReplyEdit, ReplyStep, STALE, Start, Step,
};
use toolgate_engine::identity::Attributes;
use toolgate_engine::time::Timestamp;

use super::{Backend, MOST_STEPS, Meanwhile, Observed, Reply, Running, Upstream, read_records};
use toolgate_host::{Clock, Ending, Headers, Message, SentUpstream};

/// Runs the engine without a VM.
#[derive(Clone, Copy, Debug, Default)]
pub struct Native;

impl Backend for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn start(&self, config: &str, clock: &Clock) -> Result<Box<dyn Running>> {
        let gate = Gate::from_json(config.as_bytes(), false)
            .map_err(|errors| anyhow!("the configuration was rejected:\n{errors}"))?;
        let mut store = Memory::default();
        tell(&mut store, &gate)?;
        Ok(Box::new(RunningNative {
            gate: Rc::new(gate),
            store: RefCell::new(store),
            clock: clock.clone(),
            exchanges: 0,
        }))
    }
}

struct RunningNative {
    gate: Rc<Gate>,
    store: RefCell<Memory>,
    clock: Clock,
    exchanges: u64,
}

impl Running for RunningNative {
    fn held_exchange(
        &mut self,
        request: &Message,
        upstream: &mut dyn FnMut(&SentUpstream) -> Upstream,
        meanwhile: &mut dyn FnMut(usize, &mut dyn Store) -> Meanwhile,
    ) -> Result<Observed> {
        self.exchanges += 1;
        let mut drive = Drive {
            gate: Rc::clone(&self.gate),
            store: &self.store,
            clock: &self.clock,
            exchange: Exchange::new(format!("native-{}", self.exchanges))
                .with_attributes(attributes(&self.gate, request)),
            sent: None,
            reply: Reply::default(),
            details: String::new(),
            is_head: request.headers.get(":method") == Some(b"HEAD"),
        };
        let held = drive.request(request, meanwhile)?;
        self.gate = Rc::clone(&drive.gate);
        let forwarded = drive.sent.clone();
        let mut disconnected = request.ending == Ending::Reset;
        if let Some(sent) = forwarded.as_ref().filter(|sent| sent.ended && !sent.reset) {
            let action = upstream(sent);
            disconnected = matches!(action, Upstream::Nothing);
            drive.upstream(action);
        }
        if disconnected {
            drive.details = "downstream_remote_disconnect".to_owned();
        }
        drive.finish();
        let state = match drive.exchange.records() {
            [] => String::new(),
            records => audit::lines(records, drive.gate.audit.max_bytes),
        };
        Ok(Observed {
            forwarded,
            held,
            records: read_records(&state)?,
            reply: drive.reply,
            metrics: Default::default(),
        })
    }

    fn with_store(&mut self, act: &mut dyn FnMut(&mut dyn Store)) {
        act(&mut *self.store.borrow_mut());
    }

    fn set_store_down(&mut self, down: bool) {
        self.store.borrow_mut().set_down(down);
    }
}

/// One exchange on its way.
struct Drive<'g> {
    gate: Rc<Gate>,
    store: &'g RefCell<Memory>,
    clock: &'g Clock,
    exchange: Exchange,
    sent: Option<SentUpstream>,
    reply: Reply,
    details: String,
    is_head: bool,
}

/// A configuration goes live.
fn tell(store: &mut Memory, gate: &Gate) -> Result<()> {
    control::publish(store, gate).map_err(|_| anyhow!("the store is lost"))
}

/// What the proxy has of a held request.
struct Kept {
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
}

impl HeldRequest for Kept {
    fn headers(&mut self) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        Some(self.headers.clone())
    }

    fn body(&mut self) -> Option<Vec<u8>> {
        Some(self.body.clone())
    }
}

/// What is done with the reply.
enum Mode {
    Pass,
    Hold(Vec<u8>),
    HoldStart(Vec<u8>),
    Rewrite,
    Observe,
    Replace(Vec<u8>),
    Drop,
}

impl Drive<'_> {
    fn call<T>(&mut self, step: impl FnOnce(&mut Exchange, &mut Context<'_>) -> T) -> T {
        let mut store = self.store.borrow_mut();
        let mut cx = Context {
            gate: &self.gate,
            store: &mut *store,
            now: Timestamp::from_nanos(self.clock.nanos()),
            held: 0,
        };
        step(&mut self.exchange, &mut cx)
    }

    fn holds(&self) -> bool {
        self.gate.http.hold_request_headers
    }

    /// The request as far as it gets; whether it was held.
    fn request(
        &mut self,
        request: &Message,
        meanwhile: &mut dyn FnMut(usize, &mut dyn Store) -> Meanwhile,
    ) -> Result<bool> {
        let in_last = request.trailers.is_none() && request.ending == Ending::WithLast;
        let end = in_last && request.chunks.is_empty();
        let headers = pairs(&request.headers);
        let mut step = self.call(|exchange, cx| exchange.request_headers(cx, &headers, end));
        if matches!(step, Step::Buffer) && !self.holds() {
            let mut headers = request.headers.clone();
            remove_all(&mut headers, &self.exchange.unheld_removals());
            self.sent = Some(SentUpstream {
                headers,
                headers_left_early: true,
                ..SentUpstream::default()
            });
        }
        let mut body = Vec::new();
        let last = request.chunks.len();
        for (index, chunk) in request.chunks.iter().enumerate() {
            if !matches!(step, Step::Buffer | Step::Drain) {
                break;
            }
            body.extend_from_slice(chunk);
            step = if in_last && index + 1 == last {
                self.call(|exchange, cx| exchange.request_end(cx, &body))
            } else {
                self.call(|exchange, cx| exchange.request_size(cx, body.len()))
            };
            if matches!(step, Step::Drain) {
                let piece = std::mem::take(&mut body);
                step = self.call(|exchange, cx| exchange.request_excess(cx, &piece));
            }
        }
        let ends_apart = request.trailers.is_some() || request.ending == Ending::EmptyData;
        if matches!(step, Step::Buffer | Step::Drain) && ends_apart {
            step = self.call(|exchange, cx| exchange.request_end(cx, &body));
        }
        let held = matches!(step, Step::Hold(_));
        if held {
            step = self.hold(request, &body, meanwhile)?;
        }
        match step {
            Step::Forward(_permit, removals, edited) => {
                if let Some(edited) = edited {
                    body = edited;
                }
                let sent = self.sent.get_or_insert_with(|| {
                    let mut headers = request.headers.clone();
                    remove_all(&mut headers, &removals);
                    SentUpstream {
                        headers,
                        ..SentUpstream::default()
                    }
                });
                sent.body = body;
                sent.trailers = request.trailers.clone();
                sent.ended = true;
            }
            Step::Reply(reply) => {
                if let Some(sent) = &mut self.sent {
                    sent.reset = true;
                }
                let mut headers = Headers::new();
                for (name, value) in reply.headers {
                    headers.add(name, value.as_bytes());
                }
                if reply.body.is_empty() {
                    headers.remove("content-type");
                } else {
                    headers.set("content-length", reply.body.len().to_string());
                }
                self.reply = Reply {
                    status: u16::try_from(reply.status).unwrap_or(0),
                    headers,
                    body: if self.is_head { Vec::new() } else { reply.body },
                    trailers: None,
                    complete: true,
                };
                self.details = "toolgate".to_owned();
            }
            // The client has not sent everything, or has gone.
            Step::Buffer | Step::Drain | Step::Hold(_) => {}
        }
        Ok(held)
    }

    /// What happens while the request is held, until that ends.
    fn hold(
        &mut self,
        request: &Message,
        body: &[u8],
        meanwhile: &mut dyn FnMut(usize, &mut dyn Store) -> Meanwhile,
    ) -> Result<Step> {
        for step in 0..MOST_STEPS {
            let next = meanwhile(step, &mut *self.store.borrow_mut());
            match next {
                Meanwhile::After(time) => self.clock.advance(time),
                Meanwhile::Disconnect => {
                    self.call(|exchange, cx| exchange.abandoned(cx));
                    return Ok(Step::Buffer);
                }
                Meanwhile::Update(config) => {
                    let gate = Gate::from_json(config.as_bytes(), false);
                    let gate = gate.map_err(|errors| anyhow!("{errors}"))?;
                    tell(&mut self.store.borrow_mut(), &gate)?;
                    self.gate = Rc::new(gate);
                }
            }
            let mut kept = Kept {
                headers: pairs(&request.headers),
                body: body.to_vec(),
            };
            match self.call(|exchange, cx| exchange.held(cx, &mut kept)) {
                Step::Buffer | Step::Drain | Step::Hold(_) => {}
                ended => return Ok(ended),
            }
        }
        bail!("the exchange hangs: nothing resumes or answers it")
    }

    fn upstream(&mut self, action: Upstream) {
        let proxy = action.proxy_reply();
        if let Upstream::Reply(reply) = action {
            self.details = "via_upstream".to_owned();
            self.answer(&reply);
            return;
        }
        let Some(reply) = proxy else { return };
        self.details = reply.details.to_owned();
        let headers = Headers::from([
            (":status", reply.status.to_string()),
            ("content-length", reply.body.len().to_string()),
            ("content-type", "text/plain".to_owned()),
        ]);
        let message = Message {
            headers,
            ..Message::default()
        };
        self.answer(&message.body(vec![reply.body.as_bytes().to_vec()]));
    }

    /// A reply comes in, piece by piece.
    fn answer(&mut self, reply: &Message) {
        let in_last = reply.trailers.is_none() && reply.ending == Ending::WithLast;
        let end = in_last && reply.chunks.is_empty();
        let details = self.awaited_details();
        let headers = pairs(&reply.headers);
        let status = reply.headers.status();
        let step = self.call(|exchange, cx| {
            exchange.reply_headers(cx, u32::from(status), &headers, end, &details)
        });
        let mut headers = reply.headers.clone();
        let mut mode = match step {
            ReplyStep::Pass => Mode::Pass,
            ReplyStep::Observe => Mode::Observe,
            ReplyStep::Hold => {
                if !self.holds() {
                    remove_all(&mut headers, &STALE);
                }
                Mode::Hold(Vec::new())
            }
            ReplyStep::HoldStart if self.holds() => Mode::HoldStart(Vec::new()),
            ReplyStep::Rewrite | ReplyStep::HoldStart => {
                remove_all(&mut headers, &STALE);
                Mode::Rewrite
            }
            ReplyStep::Replace(edit) => {
                remove_all(&mut headers, &STALE);
                describe_json(&mut headers, edit.status.unwrap_or(200));
                Mode::Replace(edit.body)
            }
        };
        self.show_headers(headers);
        self.reply.complete = end;
        let last = reply.chunks.len();
        for (index, chunk) in reply.chunks.iter().enumerate() {
            self.chunk(&mut mode, chunk, in_last && index + 1 == last);
        }
        match (&reply.trailers, reply.ending) {
            (Some(trailers), _) => {
                match std::mem::replace(&mut mode, Mode::Drop) {
                    Mode::Hold(body) => self.held(&body),
                    Mode::HoldStart(start) => self.begins(&mut mode, start, true),
                    _ => {}
                }
                self.reply.trailers = Some(trailers.clone());
                self.reply.complete = true;
            }
            (None, Ending::EmptyData) => self.chunk(&mut mode, &[], true),
            (None, Ending::Reset) => self.reset_by_upstream(&mode),
            (None, Ending::WithLast | Ending::Open) => {}
        }
    }

    /// The upstream resets in the middle of its reply. While nothing of it has left, the proxy answers instead.
    fn reset_by_upstream(&mut self, mode: &Mode) {
        let Some(reply) = Upstream::Reset.proxy_reply() else {
            return;
        };
        self.details = reply.details.to_owned();
        if self.holds() && matches!(mode, Mode::Hold(_)) {
            self.reply = Reply {
                status: reply.status,
                headers: Headers::from([
                    ("content-length", reply.body.len().to_string()),
                    ("content-type", "text/plain".to_owned()),
                ]),
                body: reply.body.as_bytes().to_vec(),
                trailers: None,
                complete: true,
            };
        }
    }

    fn chunk(&mut self, mode: &mut Mode, chunk: &[u8], end: bool) {
        match mode {
            Mode::Pass => self.reply.body.extend_from_slice(chunk),
            Mode::Hold(body) => {
                body.extend_from_slice(chunk);
                if end {
                    let body = std::mem::take(body);
                    self.held(&body);
                } else {
                    let size = body.len();
                    let edit = self.call(|exchange, cx| exchange.reply_size(cx, size));
                    if let Some(edit) = edit {
                        self.apply(edit);
                        *mode = Mode::Drop;
                    }
                }
            }
            Mode::HoldStart(start) => {
                start.extend_from_slice(chunk);
                let start = std::mem::take(start);
                self.begins(mode, start, end);
            }
            Mode::Rewrite => {
                let out = self.call(|exchange, cx| exchange.reply_chunk(cx, chunk, end));
                self.reply.body.extend(out);
            }
            Mode::Observe => {
                self.call(|exchange, cx| exchange.reply_chunk(cx, chunk, end));
                self.reply.body.extend_from_slice(chunk);
            }
            Mode::Replace(body) => {
                self.reply.body.append(body);
                *mode = Mode::Drop;
            }
            Mode::Drop => {}
        }
        self.reply.complete = end;
    }

    /// What has arrived of a stream whose beginning is held.
    fn begins(&mut self, mode: &mut Mode, start: Vec<u8>, end: bool) {
        match self.call(|exchange, cx| exchange.reply_begins(cx, &start, end)) {
            Start::Wait => *mode = Mode::HoldStart(start),
            Start::Pass(out) => {
                remove_all(&mut self.reply.headers, &STALE);
                self.reply.body.extend(out);
                *mode = Mode::Rewrite;
            }
            Start::Refuse(edit) => {
                self.apply(edit);
                *mode = Mode::Drop;
            }
        }
    }

    /// A held body is complete.
    fn held(&mut self, body: &[u8]) {
        match self.call(|exchange, cx| exchange.reply_end(cx, body)) {
            Some(edit) => self.apply(edit),
            None => self.reply.body.extend_from_slice(body),
        }
    }

    fn apply(&mut self, edit: ReplyEdit) {
        if self.holds() {
            let mut headers = Headers::from([(":status", self.reply.status.to_string())]);
            for (name, value) in self.reply.headers.iter() {
                headers.push(name, value);
            }
            remove_all(&mut headers, &STALE);
            if let Some(status) = edit.status {
                describe_json(&mut headers, status);
            }
            headers.set("content-length", edit.body.len().to_string());
            self.show_headers(headers);
        }
        self.reply.body.extend(edit.body);
    }

    fn show_headers(&mut self, mut headers: Headers) {
        self.reply.status = headers.status();
        headers.remove(":status");
        self.reply.headers = headers;
    }

    fn awaited_details(&self) -> String {
        if self.exchange.awaits_answer() {
            self.details.clone()
        } else {
            String::new()
        }
    }

    fn finish(&mut self) {
        let details = self.awaited_details();
        self.call(|exchange, cx| exchange.finish(cx, &details));
    }
}

/// What the configuration needs to know of the connection and the route.
fn attributes(gate: &Gate, request: &Message) -> Attributes {
    let read = |name: &'static str| {
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        Some((name, request.properties.find(&path)?.clone()))
    };
    Attributes(gate.attributes.iter().copied().filter_map(read).collect())
}

fn pairs(headers: &Headers) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pair = |(name, value): (&str, &[u8])| (name.as_bytes().to_vec(), value.to_vec());
    headers.iter().map(pair).collect()
}

fn remove_all(headers: &mut Headers, names: &[impl AsRef<str>]) {
    for name in names {
        headers.remove(name.as_ref());
    }
}

fn describe_json(headers: &mut Headers, status: u32) {
    headers.set(":status", status.to_string());
    headers.set("content-type", "application/json");
    headers.remove("content-encoding");
}
