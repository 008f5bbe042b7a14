//! Announcing questions and their answers, at least once each.
//!
//! Any worker may announce: it takes an event on lease, and gives it back or lets the lease run out if the announcement
//! fails. The question comes first, its answer after it.

use super::question::Question;
use super::table::{edit, slots, stored};
use crate::counters::{Store, StoreLost};
use crate::hmac::hmac_sha256;
use crate::json::ObjectWriter;
use crate::text::hex;
use crate::time::Timestamp;

/// How long an event is one worker's, in seconds.
const LEASE: i64 = 30;

/// Longest time between two tries, in seconds.
const MOST_BACKOFF: i64 = 60;

/// Most events one worker takes at once.
const MOST_EVENTS: usize = 16;

/// Something to announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `pending`, `approved`, `rejected` or `expired`.
    pub kind: &'static str,
    /// Id of the question.
    pub approval: String,
    /// What to send: `{event, time, approval: {…}}`.
    pub body: String,
    /// Which try this is, from 1.
    pub tries: i64,
    announced: i64,
}

impl Event {
    /// What `x-toolgate-signature` says: `t=<seconds>,v1=<hex>`, the second the HMAC-SHA256 of `<seconds>.<body>` under the
    /// webhook's secret. The time is within what is signed, so that receivers can refuse what was sent long ago.
    pub fn signature(&self, secret: &str, now: Timestamp) -> String {
        let seconds = now.seconds().to_string();
        let parts = [seconds.as_bytes(), b".", self.body.as_bytes()];
        let code = hex(&hmac_sha256(secret.as_bytes(), &parts));
        ["t=", &seconds, ",v1=", &code].concat()
    }

    /// The same for every try of the same event, and for no other: receivers drop what they have seen.
    pub fn key(&self) -> String {
        [&*self.approval, "-", self.kind].concat()
    }
}

/// Takes events that have to be announced now, each on a lease of 30 seconds; questions whose time is over are closed
/// on the way. An unreadable store has nothing to announce.
pub fn due(store: &mut dyn Store, now: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    for slot in 0..slots(store).unwrap_or(0) {
        if events.len() >= MOST_EVENTS {
            break;
        }
        let Ok(Some(value)) = stored(store, slot) else {
            continue;
        };
        if value.starts_with(br#"{"settled":true"#) {
            continue;
        }
        let Some(question) = Question::read(&value) else {
            continue;
        };
        events.extend(take(store, now, &question.id));
    }
    events
}

fn take(store: &mut dyn Store, now: Timestamp, id: &str) -> Option<Event> {
    let mut event = None;
    let mut lease = |question: &mut Question| {
        event = None;
        let state = question.state_at(now);
        let expired = state != question.state;
        question.state = state;
        let Some(kind) = question.next_event() else {
            return expired;
        };
        let now_seconds = now.seconds();
        // A time to come that is further off than any lease or backoff is a clock's that was put back.
        let wait = question.announce_at.saturating_sub(now_seconds);
        if (1..=MOST_BACKOFF).contains(&wait) {
            return expired;
        }
        question.announce_at = now_seconds.saturating_add(LEASE);
        question.tries = question.tries.saturating_add(1);
        let mut body = ObjectWriter::default();
        body.text("event", kind);
        body.text("time", &now.to_string());
        body.raw("approval", &question.to_json());
        event = Some(Event {
            kind,
            approval: question.id.clone(),
            body: body.finish(),
            tries: question.tries,
            announced: question.announced,
        });
        true
    };
    edit(store, id, &mut lease).ok()??;
    event
}

/// The event arrived: it is not announced again.
///
/// # Errors
/// [`StoreLost`] when that could not be stored: it will be announced once more.
pub fn delivered(store: &mut dyn Store, event: &Event) -> Result<(), StoreLost> {
    edit(store, &event.approval, &mut |question| {
        let first = question.announced == event.announced;
        if first {
            question.announced = event.announced.saturating_add(1);
            question.announce_at = 0;
            question.tries = 0;
        }
        first
    })?;
    Ok(())
}

/// The event did not arrive: it is tried again after 1, 2, 4… seconds, up to 60.
///
/// # Errors
/// [`StoreLost`] when that could not be stored: it is tried again when the lease has run out.
pub fn failed(store: &mut dyn Store, now: Timestamp, event: &Event) -> Result<(), StoreLost> {
    let doublings = u32::try_from(event.tries.saturating_sub(1).clamp(0, 6)).unwrap_or(6);
    let backoff = 1_i64
        .checked_shl(doublings)
        .unwrap_or(MOST_BACKOFF)
        .min(MOST_BACKOFF);
    edit(store, &event.approval, &mut |question| {
        let current = question.announced == event.announced;
        if current {
            question.announce_at = now.seconds().saturating_add(backoff);
        }
        current
    })?;
    Ok(())
}
