//! The plugin: reads its configuration once and hands it to every stream.

use std::cell::Cell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use toolgate_engine::config::Gate;

use crate::host::{self, Buffer, Level};
use crate::metrics::Metrics;
use crate::store;
use crate::stream::Stream;

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
}

impl Plugin {
    /// An id no other exchange of this proxy has.
    pub fn next_id(&self) -> String {
        let next = self.sequence.get().wrapping_add(1);
        self.sequence.set(next);
        format!("{}-{next:x}", self.instance)
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
    fn on_configure(&mut self, _size: usize) -> bool {
        let bytes = match host::buffer(Buffer::Configuration) {
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
        let instance = format!("{:x}-{number:x}", now.seconds());
        self.plugin = Some(Rc::new(Plugin {
            gate,
            metrics: Metrics::define(),
            instance,
            sequence: Cell::new(0),
        }));
        true
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(self.plugin.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
