//! A gate that is live: its configuration, and the streams it has to look after without being called for them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use toolgate_engine::config::Gate;
use toolgate_engine::control::{self, Worker};
use toolgate_engine::counters::Store as _;
use toolgate_engine::exchange::{Context, Exchange};
use toolgate_engine::identity::Attributes;
use toolgate_engine::time::Timestamp;

use crate::host::{self, Failure};
use crate::metrics::Metrics;
use crate::perform;
use crate::recorder::Recorder;
use crate::store::SharedData;
use crate::webhook::Webhook;

/// How often streams are looked after, in milliseconds.
const TICK: u32 = 1000;

/// How often while calls wait for a person.
const TICK_WHILE_HOLDING: u32 = 100;

/// What all streams of a gate share.
pub struct Plugin {
    /// The configuration.
    pub gate: Gate,
    /// Where records go.
    pub recorder: Recorder,
    /// Streams whose headers are held and whose body has not begun, with the second by which it has to.
    awaited: RefCell<BTreeMap<u32, i64>>,
    /// Streams that are to be closed, with the second after which: their reply is over although the server goes on, or came
    /// before the request was judged.
    closing: RefCell<BTreeMap<u32, i64>>,
    /// Routes that requests left when headers were taken off them.
    left_routes: RefCell<BTreeSet<Vec<u8>>>,
    /// Streams whose reply's headers are held although nothing of its body has come, and whether a tick has seen that.
    starting: RefCell<BTreeMap<u32, bool>>,
    /// Announces questions and their answers.
    webhook: Webhook,
    /// Whether the host has ticks. Without them no call is held.
    pub ticks: bool,
    /// Whether it has them more often now, because calls wait.
    ticks_fast: Cell<bool>,
    /// The second of the last tick.
    second: Cell<i64>,
}

impl Plugin {
    /// A gate without streams. Tells operators that it is live.
    pub fn new(gate: Gate, recorder: Recorder, ticks: bool) -> Self {
        // Otherwise operators see the one before.
        let _unseen = control::publish(&mut SharedData, &gate);
        Metrics::publish_configuration(&gate.digest, recorder.number);
        Plugin {
            gate,
            recorder,
            awaited: RefCell::default(),
            closing: RefCell::default(),
            starting: RefCell::default(),
            left_routes: RefCell::default(),
            webhook: Webhook::default(),
            ticks: ticks && host::set_tick_period(TICK).is_ok(),
            ticks_fast: Cell::new(false),
            second: Cell::new(-1),
        }
    }

    /// What the engine may use. `held` is how many requests of this VM wait for a person.
    pub fn context<'a>(
        &'a self,
        now: Timestamp,
        store: &'a mut SharedData,
        held: usize,
    ) -> Context<'a> {
        Context {
            gate: &self.gate,
            store,
            now,
            held: if self.ticks { held } else { usize::MAX },
        }
    }

    /// Hands the engine what the configuration needs to know of the connection and the route.
    pub fn read_attributes(&self, exchange: &mut Exchange) {
        if self.gate.attributes.is_empty() {
            return;
        }
        let read = |name: &'static str| Some((name, self.attribute(name)?));
        let attributes = self.gate.attributes.iter().copied().filter_map(read);
        exchange.set_attributes(Attributes(attributes.collect()));
    }

    /// What the host knows by this name now, if the configuration needs it. What the host has and cannot hand over is no
    /// text and no metadata, so that nobody takes it for absent.
    pub fn attribute(&self, name: &'static str) -> Option<Vec<u8>> {
        const UNREADABLE: u8 = 0xff;
        if !self.gate.attributes.contains(&name) {
            return None;
        }
        match host::property(&name.replace('.', "\0")) {
            Ok(value) => Some(value),
            Err(Failure::NotFound) => None,
            Err(_) => Some(vec![UNREADABLE]),
        }
    }

    /// Whether a request that was judged for its route took another one: a host matches routes again when a header has changed,
    /// and tells of it only once it has forwarded the request (measured on Envoy 1.40). Requests of such a route are
    /// refused from now on, by every worker.
    pub fn took_another_route(&self, exchange: &Exchange) -> bool {
        let taken = self.attribute(Attributes::ROUTE);
        let judged = exchange.route();
        let differs = taken.as_deref().filter(|route| !route.is_empty()) != judged;
        if differs && let Ok(mut left) = self.left_routes.try_borrow_mut() {
            left.insert(judged.unwrap_or_default().to_vec());
            // Otherwise each worker finds out by itself.
            let _untold = SharedData.put(&self.left_key(exchange), &[1]);
        }
        differs
    }

    /// Whether the route of this request is known to be another one without headers.
    pub fn leaves_route(&self, exchange: &Exchange) -> bool {
        let route = exchange.route().unwrap_or_default();
        let left = self.left_routes.try_borrow();
        left.map_or(true, |left| left.contains(route))
            || self.gate.attributes.contains(&Attributes::ROUTE)
                && matches!(SharedData.load(&self.left_key(exchange)), Ok(Some(_)))
    }

    /// Where all workers find that the route of this request was left. Routes are the host's configuration, and few.
    fn left_key(&self, exchange: &Exchange) -> String {
        let route = String::from_utf8_lossy(exchange.route().unwrap_or_default());
        format!("toolgate.left.{}.{route}", self.gate.digest)
    }

    /// What is to be done once a second without a stream's callback. `held` is how many requests wait under this root.
    pub fn tick(&self, now: Timestamp, held: usize) {
        self.release_starts();
        if self.second.replace(now.seconds()) != now.seconds() {
            self.beat(now, held);
            if let Some(notify) = &self.gate.approvals.notify {
                self.webhook.send(notify, &self.recorder.metrics, now);
            }
            self.end_overdue(now);
            self.close_cut(now);
        }
    }

    /// Nothing waits for a person: the ticks come slower. The root has to be the effective context.
    pub fn rest(&self) {
        let nothing_starts = (self.starting.try_borrow()).is_ok_and(|starting| starting.is_empty());
        if self.ticks_fast.get() && nothing_starts {
            self.tick_every(TICK);
        }
    }

    /// Something waits for a person: the ticks come faster.
    pub fn hurry(&self) {
        if !self.ticks_fast.get() {
            self.tick_every(TICK_WHILE_HOLDING);
        }
    }

    fn tick_every(&self, milliseconds: u32) {
        // With the slower ticks a decision is only seen later.
        if host::set_tick_period(milliseconds).is_ok() {
            self.ticks_fast.set(milliseconds != TICK);
        }
    }

    /// The answer to a call of our own: its status, none where it failed.
    pub fn call_answered(&self, call: u32, status: Option<u32>) {
        if let Ok(now) = host::now() {
            self.webhook
                .answered(call, status, &self.recorder.metrics, now);
        }
    }

    /// Says that this VM is alive and what it holds, and how much all of them do.
    fn beat(&self, now: Timestamp, held: usize) {
        let worker = Worker::of(&self.gate, self.recorder.number, now, held);
        control::beat(&mut SharedData, &worker);
        if let Ok(workers) = control::workers(&mut SharedData, now) {
            let held = workers.iter().map(|worker| worker.held);
            self.recorder
                .metrics
                .held(held.fold(0, usize::saturating_add));
        }
    }

    /// The headers of this stream are held until its body comes.
    pub fn await_body(&self, context: u32) {
        let deadline =
            host::now().map(|now| now.seconds().saturating_add(self.gate.http.body_timeout));
        if let (Ok(mut awaited), Ok(deadline)) = (self.awaited.try_borrow_mut(), deadline) {
            awaited.insert(context, deadline);
        }
    }

    /// The body of this stream has begun, or never will.
    pub fn body_came(&self, context: u32) {
        if let Ok(mut awaited) = self.awaited.try_borrow_mut() {
            awaited.remove(&context);
        }
    }

    /// The reply of this stream is over: it is closed on the next tick, when what was said last has left.
    pub fn close_soon(&self, context: u32) {
        if let Ok(mut closing) = self.closing.try_borrow_mut() {
            closing.insert(context, i64::MIN);
        }
    }

    /// This stream is closed unless it is [decided](Plugin::decided) in the next second. False where nobody would do that.
    pub fn close_undecided(&self, context: u32) -> bool {
        let (Ok(mut closing), Ok(now), true) =
            (self.closing.try_borrow_mut(), host::now(), self.ticks)
        else {
            return false;
        };
        closing.insert(context, now.seconds().saturating_add(1));
        true
    }

    /// This stream need not be closed any more.
    pub fn decided(&self, context: u32) {
        if let Ok(mut closing) = self.closing.try_borrow_mut() {
            closing.remove(&context);
        }
    }

    /// The headers of this stream's reply are held until its body begins, or until the tick after the next. False where nobody
    /// would let them go.
    pub fn hold_start(&self, context: u32) -> bool {
        let (Ok(mut starting), true) = (self.starting.try_borrow_mut(), self.ticks) else {
            return false;
        };
        starting.insert(context, false);
        self.hurry();
        true
    }

    /// The body of this stream's reply begins; returns whether its headers are still held.
    pub fn started(&self, context: u32) -> bool {
        (self.starting.try_borrow_mut())
            .is_ok_and(|mut starting| starting.remove(&context).is_some())
    }

    /// Lets headers go behind which nothing has come: a stream may say nothing for minutes, and its client waits for them.
    fn release_starts(&self) {
        let Ok(mut starting) = self.starting.try_borrow_mut() else {
            return;
        };
        let due: Vec<u32> = starting
            .extract_if(.., |_, seen| std::mem::replace(seen, true))
            .map(|(context, _)| context)
            .collect();
        drop(starting);
        for context in due {
            // If it fails the stream goes on waiting for its first event.
            let _waits = host::set_effective_context(context).and_then(|()| host::continue_reply());
        }
    }

    /// The stream is gone.
    pub fn forget(&self, context: u32) {
        self.started(context);
        self.body_came(context);
        self.decided(context);
    }

    /// Closes streams that are to be closed.
    fn close_cut(&self, now: Timestamp) {
        let due: Vec<u32> = match self.closing.try_borrow_mut() {
            Ok(mut closing) => closing
                .extract_if(.., |_, after| *after < now.seconds())
                .map(|(context, _)| context)
                .collect(),
            Err(_) => return,
        };
        for context in due {
            if host::set_effective_context(context).is_ok() {
                let _open = host::close_downstream();
            }
        }
    }

    /// Answers streams whose body does not come: without `allow_on_headers_stop_iteration` the host never delivers
    /// it, and the caller would wait for the host's own timeout of minutes.
    fn end_overdue(&self, now: Timestamp) {
        let overdue: Vec<u32> = match self.awaited.try_borrow() {
            Ok(awaited) => {
                let late = awaited
                    .iter()
                    .filter(|(_, deadline)| **deadline < now.seconds());
                late.map(|(context, _)| *context).collect()
            }
            Err(_) => return,
        };
        for context in overdue {
            self.body_came(context);
            if host::set_effective_context(context).is_err() {
                continue;
            }
            let mut exchange = Exchange::new(self.recorder.next_id());
            let mut store = SharedData;
            // Nothing here begins to wait.
            let mut cx = self.context(now, &mut store, usize::MAX);
            perform::answer(&exchange.body_timed_out(&mut cx));
            self.publish(&exchange, now);
        }
    }

    /// Leaves the records of a decision.
    pub fn publish(&self, exchange: &Exchange, began: Timestamp) {
        let gate = &self.gate;
        self.recorder
            .publish(&gate.audit, &gate.metrics, exchange.records(), began);
    }

    /// Leaves the records again, with what became known after the decision.
    pub fn publish_end(&self, exchange: &Exchange) {
        self.recorder
            .publish_end(&self.gate.audit, exchange.records());
    }
}
