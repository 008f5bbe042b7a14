//! What operators see: recent decisions, workers, the live configuration.

use crate::approvals;
use crate::counters::{Store, StoreLost};
use crate::gate::{Gate, Mode};
use crate::json::{Document, Limits, ObjectWriter};
use crate::order;
use crate::time::Timestamp;

/// Rings of recent decisions. VMs beyond it share one.
pub const LANES: u64 = 16;
/// Decisions a ring holds; `audit.recent` may make it less.
pub const RING: u64 = 64;
/// A worker that was not heard of for this many seconds is gone.
pub const WORKER_SEEN: i64 = 10;
/// Heartbeats that are kept.
const WORKERS: u64 = 64;

const GATE: &str = "toolgate.gate";

fn recent_key(lane: u64, n: u64) -> String {
    format!("toolgate.recent.{lane}.{n}")
}

fn worker_key(place: u64) -> String {
    format!("toolgate.worker.{place}")
}

fn wrap(number: u64, modulus: u64) -> u64 {
    number.checked_rem(modulus).unwrap_or(0)
}

/// Keeps the audit line of a decision. `vm` is the number of the VM, `n` its [place](super::Ring); `size` is
/// `audit.recent`, 0 keeps nothing. A line that cannot be kept is missing, and nothing else.
pub fn remember(store: &mut dyn Store, vm: u64, n: u64, size: u64, line: &str) {
    if size > 0 {
        let key = recent_key(wrap(vm, LANES), wrap(n, size.min(RING)));
        let _missing = store.put(&key, line.as_bytes());
    }
}

/// The audit lines of recent decisions, newest first, at most [`LANES`] × [`RING`].
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub fn recent(store: &mut dyn Store) -> Result<Vec<String>, StoreLost> {
    let mut lines = Vec::new();
    for lane in 0..LANES {
        for n in 0..RING {
            if let Some((line, _)) = store.load(&recent_key(lane, n))? {
                lines.extend(String::from_utf8(line));
            }
        }
    }
    // Every line begins with its time.
    let mut order = order::by_text(lines.iter().map(String::as_str));
    order.reverse();
    Ok(order::arrange(lines, &order))
}

/// What a VM says of itself once a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its number.
    pub vm: u64,
    /// The configuration that is live in it.
    pub digest: String,
    /// `enforce` or `shadow`.
    pub mode: String,
    /// Whether its configuration says `stopped: true`.
    pub stopped: bool,
    /// When it was heard of, in seconds.
    pub at: i64,
    /// Calls it holds.
    pub held: usize,
}

impl Worker {
    /// What a VM with this configuration says.
    pub fn of(gate: &Gate, vm: u64, now: Timestamp, held: usize) -> Self {
        Worker {
            vm,
            digest: gate.digest.clone(),
            mode: mode(gate.mode).to_owned(),
            stopped: gate.stopped,
            at: now.seconds(),
            held,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        let mut object = ObjectWriter::default();
        object.raw("vm", &self.vm.to_string());
        object.text("digest", &self.digest);
        object.text("mode", &self.mode);
        object.flag("stopped", self.stopped);
        object.number("at", self.at);
        object.raw("held", &self.held.to_string());
        object.finish()
    }

    fn read(value: &[u8]) -> Option<Worker> {
        let document = Document::parse(value, &Limits::WIRE).ok()?;
        let root = document.root();
        Some(Worker {
            vm: root.get("vm")?.raw().parse().ok()?,
            digest: root.text_at("digest")?,
            mode: root.text_at("mode")?,
            stopped: root.flag_at("stopped"),
            at: root.integer_at("at")?,
            held: root.get("held")?.raw().parse().ok()?,
        })
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Shadow => "shadow",
    }
}

/// A VM's heartbeat. One that cannot be stored makes the worker look gone, and nothing else.
pub fn beat(store: &mut dyn Store, worker: &Worker) {
    let _unseen = store.put(
        &worker_key(wrap(worker.vm, WORKERS)),
        worker.to_json().as_bytes(),
    );
}

/// The workers that were heard of within [`WORKER_SEEN`] seconds.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub fn workers(store: &mut dyn Store, now: Timestamp) -> Result<Vec<Worker>, StoreLost> {
    let mut workers = Vec::new();
    for place in 0..WORKERS {
        let Some((value, _)) = store.load(&worker_key(place))? else {
            continue;
        };
        let age = |worker: &Worker| now.seconds().saturating_sub(worker.at);
        workers.extend(Worker::read(&value).filter(|worker| age(worker) <= WORKER_SEEN));
    }
    Ok(workers)
}

/// Tells what configuration went live: `{digest, mode, stopped, grants: [{id, label, policy, expires, revoked}],
/// grants_total, max_pending, notify}`, with the first [`LISTED`](crate::identity::Grants::LISTED) grants in the order of the
/// document. Questions of grants that it takes back are nobody's from then on.
///
/// # Errors
/// [`StoreLost`] when that could not be stored: operators see the one before.
pub fn publish(store: &mut dyn Store, gate: &Gate) -> Result<(), StoreLost> {
    let mut grants = "[".to_owned();
    for grant in gate.identity.grants.listed() {
        if grants.len() > 1 {
            grants.push(',');
        }
        let mut object = ObjectWriter::default();
        object.text("id", &grant.id);
        object.optional("label", grant.label.as_deref());
        object.optional("policy", grant.policy_name.as_deref());
        if let Some(expires) = grant.expires {
            object.number("expires", expires.seconds());
        }
        object.flag("revoked", grant.revoked);
        grants.push_str(&object.finish());
    }
    grants.push(']');
    let mut object = ObjectWriter::default();
    object.text("digest", &gate.digest);
    object.text("mode", mode(gate.mode));
    object.flag("stopped", gate.stopped);
    object.raw("grants", &grants);
    object.raw("grants_total", &gate.identity.grants.len().to_string());
    object.raw("max_pending", &gate.approvals.max_pending.to_string());
    object.flag("notify", gate.approvals.notify.is_some());
    store.put(GATE, object.finish().as_bytes())?;
    approvals::announce_slots(store, gate.approvals.max_pending)?;
    approvals::withdraw(store, &gate.identity.grants.revoked())
}

/// What [`publish`] told last, as an object; `None` if no gate was configured yet.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub fn gate(store: &mut dyn Store) -> Result<Option<Document<'static>>, StoreLost> {
    let Some((value, _)) = store.load(GATE)? else {
        return Ok(None);
    };
    let text = String::from_utf8(value).map_err(|_foreign| StoreLost)?;
    Document::parse_owned(text, &Limits::CONFIG)
        .map(Some)
        .map_err(|_foreign| StoreLost)
}
