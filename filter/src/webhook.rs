//! Announces questions and their answers to a webhook, at least once each. Decides nothing and delays nothing.

use std::cell::{Cell, RefCell};

use toolgate_engine::approvals::{self, Event};
use toolgate_engine::config::Notify;
use toolgate_engine::time::Timestamp;

use crate::host::{self, Level};
use crate::metrics::Metrics;
use crate::store::SharedData;

/// Most announcements under way at a time, before more are taken on.
const MOST_IN_FLIGHT: usize = 16;

/// How often a webhook that cannot be reached is complained of, in seconds.
const COMPLAINT: i64 = 60;

/// What is under way.
#[derive(Default)]
pub struct Webhook {
    /// Announcements without an answer, by the host's number for the call.
    flights: RefCell<Vec<(u32, Event)>>,
    /// When a complaint was last logged, in seconds.
    complained: Cell<i64>,
}

impl Webhook {
    /// Sends what is due.
    pub fn send(&self, notify: &Notify, metrics: &Metrics, now: Timestamp) {
        let Ok(mut flights) = self.flights.try_borrow_mut() else {
            return;
        };
        if flights.len() >= MOST_IN_FLIGHT {
            return;
        }
        for event in approvals::due(&mut SharedData, now) {
            let signature = event.signature(&notify.hmac_secret, now);
            let key = event.key();
            let headers = vec![
                (":method", "POST"),
                (":path", &*notify.path),
                (":authority", &*notify.authority),
                ("content-type", "application/json"),
                ("x-toolgate-signature", &*signature),
                ("idempotency-key", &*key),
            ];
            match host::http_call(
                &notify.cluster,
                headers,
                event.body.as_bytes(),
                notify.timeout,
            ) {
                Ok(call) => flights.push((call, event)),
                // The host knows no such cluster, or nothing can be sent to it.
                Err(_) => self.failed(&event, metrics, now),
            }
        }
    }

    /// The host's answer to a call: its status, none where the call failed.
    pub fn answered(&self, call: u32, status: Option<u32>, metrics: &Metrics, now: Timestamp) {
        let Ok(mut flights) = self.flights.try_borrow_mut() else {
            return;
        };
        let Some(place) = flights.iter().position(|(flight, _)| *flight == call) else {
            return;
        };
        let (_, event) = flights.swap_remove(place);
        if status.is_some_and(|status| (200..300).contains(&status)) {
            metrics.announced(true);
            // Otherwise it is announced once more.
            let _again = approvals::delivered(&mut SharedData, &event);
        } else {
            self.failed(&event, metrics, now);
        }
    }

    fn failed(&self, event: &Event, metrics: &Metrics, now: Timestamp) {
        metrics.announced(false);
        // Otherwise it is announced when its lease has run out.
        let _later = approvals::failed(&mut SharedData, now, event);
        if now.seconds().saturating_sub(self.complained.get()) >= COMPLAINT {
            self.complained.set(now.seconds());
            let message = format!(
                "toolgate: the webhook was not told of approval {}",
                event.approval
            );
            host::log(Level::Warning, &message);
        }
    }
}
