//! The plugin: reads its configuration once and hands it to every stream.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use toolgate_engine::audit;
use toolgate_engine::config::Gate;
use toolgate_engine::exchange::{self, Exchange, Step};
use toolgate_engine::time::Timestamp;

use crate::host::{self, Buffer, Level};
use crate::metrics::Metrics;
use crate::store::{self, SharedData};
use crate::stream::Stream;

/// How often streams are looked after, in milliseconds.
const TICK: u32 = 1000;

/// What all streams of a plugin share.
pub struct Plugin {
    /// The configuration.
    pub gate: Gate,
    /// The metrics.
    pub metrics: Metrics,
    /// Begins every decision id: when this VM was configured, and its number in the proxy.
    instance: String,
    /// Exchanges so far.
    sequence: Cell<u64>,
    /// Streams whose headers are held and whose body has not begun, with the second by which it has to.
    awaited: RefCell<BTreeMap<u32, i64>>,
    /// Streams whose reply is over although the server goes on.
    closing: RefCell<BTreeSet<u32>>,
}

impl Plugin {
    /// An id no other exchange of this proxy has.
    pub fn next_id(&self) -> String {
        let next = self.sequence.get().wrapping_add(1);
        self.sequence.set(next);
        format!("{}-{next:x}", self.instance)
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
            closing.insert(context);
        }
    }

    /// The stream is gone.
    pub fn forget(&self, context: u32) {
        self.body_came(context);
        if let Ok(mut closing) = self.closing.try_borrow_mut() {
            closing.remove(&context);
        }
    }

    fn close_cut(&self) {
        let contexts = self
            .closing
            .try_borrow_mut()
            .map(|mut closing| std::mem::take(&mut *closing))
            .unwrap_or_default();
        for context in contexts {
            if host::set_effective_context(context).is_ok() {
                let _open = host::close_downstream();
            }
        }
    }

    /// Answers streams whose body does not come: without `allow_on_headers_stop_iteration` the host never delivers
    /// it, and the caller would wait for the host's own timeout of minutes.
    fn end_overdue(&self) {
        let Ok(now) = host::now() else { return };
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
            let mut exchange = Exchange::new(self.next_id());
            let mut cx = exchange::Context {
                gate: &self.gate,
                store: &mut SharedData,
                now,
            };
            if let Step::Reply(reply) = exchange.body_timed_out(&mut cx) {
                // If even this fails the host's own timeout ends the stream.
                let _paused = host::send_local_response(reply.status, &reply.headers, &reply.body);
            }
            self.publish(&exchange, now);
        }
    }

    /// Leaves the records of a decision: filter state for the access log, the proxy's log, metrics.
    pub fn publish(&self, exchange: &Exchange, began: Timestamp) {
        let lines = self.lines(exchange);
        for (record, line) in exchange.records().iter().zip(&lines) {
            self.metrics.count(record);
            if self.gate.audit.log {
                host::log(Level::Info, &format!("toolgate-audit {line}"));
            }
        }
        set_filter_state(&lines);
        if let (false, Ok(now)) = (lines.is_empty(), host::now()) {
            let nanos = now.nanos().saturating_sub(began.nanos());
            self.metrics.time(nanos.checked_div(1000).unwrap_or(0));
        }
    }

    /// Hands the records to the access log once more, with what became known after the decision.
    pub fn publish_end(&self, exchange: &Exchange) {
        for record in exchange.records() {
            self.metrics.count_end(record);
        }
        set_filter_state(&self.lines(exchange));
    }

    fn lines(&self, exchange: &Exchange) -> Vec<String> {
        let max_bytes = self.gate.audit.max_bytes;
        exchange
            .records()
            .iter()
            .map(|record| record.line(max_bytes))
            .collect()
    }
}

/// Filter state `wasm.toolgate`, for the access log.
fn set_filter_state(lines: &[String]) {
    if !lines.is_empty() {
        // A host without filter state still has the log.
        let _unavailable = host::set_property("toolgate", audit::join(lines).as_bytes());
    }
}

/// The root context.
#[derive(Default)]
pub struct Root {
    plugin: Option<Rc<Plugin>>,
}

impl Context for Root {}

impl RootContext for Root {
    /// False refuses the configuration: the host does not start with it, or keeps the last good one.
    fn on_configure(&mut self, size: usize) -> bool {
        let bytes = match host::buffer(Buffer::Configuration, size) {
            Ok(bytes) => bytes,
            Err(failure) => {
                host::log(
                    Level::Critical,
                    &format!("toolgate: cannot read the configuration: {failure:?}"),
                );
                return false;
            }
        };
        let gate = match Gate::from_bytes(&bytes) {
            Ok(gate) => gate,
            Err(errors) => {
                let count = errors.0.len();
                host::log(
                    Level::Critical,
                    &format!("toolgate: the configuration is refused, {count} error(s):"),
                );
                for error in errors.0 {
                    host::log(Level::Critical, &format!("toolgate: {error}"));
                }
                return false;
            }
        };
        let (Ok(now), Some(number)) = (host::now(), store::next_vm_number()) else {
            host::log(
                Level::Critical,
                "toolgate: no clock or no shared data on this host",
            );
            return false;
        };
        Metrics::publish_digest(&gate.digest);
        host::log(
            Level::Info,
            &format!("toolgate: configuration {} is live", gate.digest),
        );
        if host::set_tick_period(TICK).is_err() {
            host::log(
                Level::Info,
                "toolgate: no ticks on this host: requests whose body never comes wait for its timeout",
            );
        }
        let instance = format!("{:x}-{number:x}", now.seconds());
        self.plugin = Some(Rc::new(Plugin {
            gate,
            metrics: Metrics::define(),
            instance,
            sequence: Cell::new(0),
            awaited: RefCell::default(),
            closing: RefCell::default(),
        }));
        true
    }

    fn on_tick(&mut self) {
        if let Some(plugin) = &self.plugin {
            plugin.end_overdue();
            plugin.close_cut();
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(context_id, self.plugin.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
