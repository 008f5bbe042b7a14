//! What the filter relies on of its host, looked at when a configuration is taken: what is missing is named in the log, and a
//! configuration that cannot be kept without it is refused.
//!
//! Functions are called so that they do nothing outside of a stream. What only a stream can show is not looked at: that a body
//! comes although its headers are held, and that a local response arrives.

use toolgate_engine::config::Gate;

use crate::host::{self, Buffer, Failure, Flow, Level, Map, Metric};
use crate::store;

/// A function of the ABI.
struct Function {
    name: &'static str,
    /// What the host says of it.
    said: host::Result<()>,
    /// What is, without it.
    without: &'static str,
    /// Whether the configuration can be kept all the same.
    spared: bool,
}

/// Whether the host has what every configuration rests on.
pub fn met() -> bool {
    let always = |name, said| Function {
        name,
        said,
        without: "requests and replies cannot be judged",
        spared: false,
    };
    let pairs = host::headers(Map::Request).map(drop);
    let set = host::set_header(Map::Request, HEADER, "");
    let remove = host::remove_header(Map::Request, HEADER);
    let replace = host::set_buffer(Buffer::RequestBody, Flow::Passing, 0, &[]);
    let met = look(&[
        always("proxy_get_header_map_pairs", pairs),
        always("proxy_replace_header_map_value", set),
        always("proxy_remove_header_map_value", remove),
        always("proxy_set_buffer_bytes", replace),
        always("proxy_continue_stream", host::continue_request()),
    ]);
    let flaw = store::flaw();
    if let Some(flaw) = flaw {
        refuse(&format!("{flaw}: counters cannot be exact"));
    }
    met && flaw.is_none()
}

/// Whether the host has what this gate needs.
pub fn met_for(gate: &Gate) -> bool {
    let property = host::property("plugin_root_id").map(drop);
    let metric = host::define_metric(Metric::Counter, METRIC).map(drop);
    look(&[
        Function {
            name: "proxy_get_property",
            said: property,
            without: "no JWT, certificate, route or address is known",
            spared: gate.attributes.is_empty(),
        },
        Function {
            name: "proxy_set_property",
            said: host::set_property(NOWHERE, &[]),
            without: "records are in the proxy's log alone, unless `audit` says `log: false`",
            spared: gate.audit.log,
        },
        Function {
            name: "proxy_http_call",
            said: host::no_http_call(),
            without: "nobody is told of calls that wait (`approvals.notify`)",
            spared: gate.approvals.notify.is_none(),
        },
        Function {
            name: "proxy_close_stream",
            said: host::close_downstream(),
            without: "a stream that is cut ends when the server ends it",
            spared: true,
        },
        Function {
            name: "proxy_define_metric",
            said: metric,
            without: "nothing is counted among the statistics",
            spared: true,
        },
    ])
}

/// Whether the host calls back without a stream, and lets the root context reach its streams then.
pub fn ticks(root: u32) -> bool {
    let ticks = host::set_effective_context(root).and_then(|()| host::set_tick_period(0));
    if ticks.is_err() {
        host::log(Level::Warning, NO_TICKS);
    }
    ticks.is_ok()
}

/// Names what is missing. False where something is that cannot be done without.
fn look(functions: &[Function]) -> bool {
    let missing = |function: &&Function| function.said == Err(Failure::Unimplemented);
    let mut kept = true;
    for function in functions.iter().filter(missing) {
        let Function { name, without, .. } = function;
        let message = format!("this host has no `{name}`: {without}");
        if function.spared {
            host::log(Level::Warning, &format!("toolgate: {message}"));
        } else {
            refuse(&message);
            kept = false;
        }
    }
    kept
}

fn refuse(why: &str) {
    let message = format!("toolgate: {why}; the configuration is refused");
    host::log(Level::Critical, &message);
}

const NO_TICKS: &str = "toolgate: no ticks on this host (`proxy_set_tick_period_milliseconds`, `proxy_set_effective_context`): no call \
    waits for a person, and requests whose body never comes wait for the host's own timeout";

/// A header that there is none of, and a property and a statistic that mean nothing by themselves.
const HEADER: &str = "x-toolgate-host";
const NOWHERE: &str = "toolgate_host";
const METRIC: &str = "toolgate.uncounted";
