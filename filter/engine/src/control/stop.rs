//! The stop switch: while it is set every call on every worker is refused.

use crate::counters::{Store, StoreLost, change};
use crate::gate::Gate;
use crate::json::{Document, Limits, ObjectWriter};
use crate::refusal::{Denial, Own};
use crate::text::clip_reason;
use crate::time::Timestamp;

const KEY: &str = "toolgate.stop";

/// Who stopped everything, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The operator.
    pub by: String,
    /// In the operator's words; may be empty.
    pub reason: String,
    /// Since when, in seconds.
    pub at: i64,
}

/// Whether everything is stopped. A switch that holds something unreadable is on.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell: nothing may be called then.
pub fn stopped(store: &mut dyn Store) -> Result<Option<Stop>, StoreLost> {
    Ok(store.load(KEY)?.and_then(|(value, _)| read(&value)))
}

/// The refusal of every call while the stop switch is set, in this configuration or by an operator.
pub fn denial(gate: &Gate, store: &mut dyn Store) -> Option<Denial> {
    const BY_OPERATOR: &str = "All calls are stopped by the operator";
    let reason = if gate.stopped {
        format!("{BY_OPERATOR}.")
    } else {
        match stopped(store) {
            Ok(None) => return None,
            Ok(Some(stop)) if stop.reason.is_empty() => format!("{BY_OPERATOR}."),
            Ok(Some(stop)) => format!("{BY_OPERATOR}: {}", stop.reason),
            Err(StoreLost) if gate.counters.allow_on_store_error => return None,
            Err(StoreLost) => {
                "The stop switch cannot be read, so the call was not made.".to_owned()
            }
        }
    };
    Some(Denial::own(Own::Stopped, reason))
}

/// Stops everything. One who stops what is stopped already takes it over.
///
/// # Errors
/// [`StoreLost`] when the switch could not be set.
pub fn stop(
    store: &mut dyn Store,
    now: Timestamp,
    by: &str,
    reason: &str,
) -> Result<Stop, StoreLost> {
    let stop = Stop {
        by: by.to_owned(),
        reason: clip_reason(reason),
        at: now.seconds(),
    };
    let mut object = ObjectWriter::default();
    object.text("by", &stop.by);
    object.text("reason", &stop.reason);
    object.number("at", stop.at);
    store.put(KEY, object.finish().as_bytes())?;
    Ok(stop)
}

/// Ends the stop, and says what it was; `None` if nothing was stopped.
///
/// # Errors
/// [`StoreLost`] when the switch could not be read or set.
pub fn resume(store: &mut dyn Store) -> Result<Option<Stop>, StoreLost> {
    let mut was = None;
    change(store, KEY, &mut |value| {
        was = read(value);
        was.is_some().then(Vec::new)
    })?;
    Ok(was)
}

/// Keys cannot be deleted: an empty value is no stop.
fn read(value: &[u8]) -> Option<Stop> {
    if value.is_empty() {
        return None;
    }
    let document = Document::parse(value, &Limits::WIRE).ok();
    let root = document.as_ref().map(Document::root);
    let text = |key: &str| root.and_then(|root| root.text_at(key));
    Some(Stop {
        by: text("by").unwrap_or_else(|| "unknown".to_owned()),
        reason: text("reason").unwrap_or_default(),
        at: root.and_then(|root| root.integer_at("at")).unwrap_or(0),
    })
}
