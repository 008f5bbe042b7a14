//! The root context: reads its configuration once, hands it to every stream, and looks after things on the tick.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use toolgate_engine::config::Configured;

use crate::console;
use crate::held;
use crate::host::{self, Buffer, Level, Map};
use crate::kept;
use crate::live;
use crate::perform;
use crate::plugin::Plugin;
use crate::recorder::Recorder;
use crate::requirements;
use crate::store::SharedData;
use crate::stream::Stream;

/// What this root is.
enum Role {
    /// Nothing yet: streams are refused.
    None,
    /// Decides calls.
    Gate(Rc<Plugin>),
    /// Answers people.
    Console(Rc<console::Plugin>),
}

/// The root context.
pub struct Root {
    id: u32,
    role: Role,
}

impl Root {
    /// A root without a configuration.
    pub fn new(id: u32) -> Self {
        Root {
            id,
            role: Role::None,
        }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, call: u32, headers: usize, _body: usize, _trailers: usize) {
        // A call that failed is answered without headers.
        let found = if headers > 0 {
            host::headers(Map::CallReply).ok()
        } else {
            None
        };
        let status = found.and_then(|headers| perform::status(&headers));
        if let Role::Gate(plugin) = &self.role {
            plugin.call_answered(call, status);
        }
    }
}

impl RootContext for Root {
    /// False refuses the configuration: the host does not start with it, or keeps the last good one.
    fn on_configure(&mut self, size: usize) -> bool {
        let bytes = match host::buffer(Buffer::Configuration, size) {
            Ok(bytes) => bytes,
            Err(failure) => {
                complain(&format!("cannot read the configuration: {failure:?}"));
                return false;
            }
        };
        let configured = match Configured::from_bytes(&bytes) {
            Ok(configured) => configured,
            Err(errors) => {
                let count = errors.0.len();
                complain(&format!("the configuration is refused, {count} error(s):"));
                for error in errors.0 {
                    complain(&error.to_string());
                }
                return false;
            }
        };
        let Some(recorder) = Recorder::new() else {
            complain("no clock or no shared data on this host");
            return false;
        };
        if !requirements::met() {
            return false;
        }
        match configured {
            Configured::Gate(mut gate) => {
                if !requirements::met_for(&gate) {
                    return false;
                }
                if gate.counters.table.join(&mut SharedData).is_err() {
                    complain("shared data cannot be read or written on this host");
                    return false;
                }
                say_live("configuration", &gate.digest);
                let plugin = Rc::new(Plugin::new(*gate, recorder, requirements::ticks(self.id)));
                live::announce(&plugin);
                self.role = Role::Gate(plugin);
            }
            Configured::Console(console) => {
                say_live("console", &console.digest);
                self.role = Role::Console(Rc::new(console::Plugin { console, recorder }));
            }
        }
        true
    }

    fn on_tick(&mut self) {
        if let Role::Gate(plugin) = &self.role {
            let Ok(now) = host::now() else { return };
            plugin.tick(now, held::count_under(plugin));
            kept::tick();
            let waits = held::tick(plugin, now);
            // What comes now concerns the root again.
            if host::set_effective_context(self.id).is_ok() && !waits {
                plugin.rest();
            }
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(match &self.role {
            Role::Console(plugin) => Box::new(console::Stream::new(plugin.clone())),
            Role::Gate(plugin) => Box::new(Stream::new(context_id, Some(plugin.clone()))),
            Role::None => Box::new(Stream::new(context_id, None)),
        })
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

fn complain(message: &str) {
    host::log(Level::Critical, &format!("toolgate: {message}"));
}

fn say_live(what: &str, digest: &str) {
    host::log(Level::Info, &format!("toolgate: {what} {digest} is live"));
}
