//! Envoy stats: `wasmcustom.toolgate.…`. No name comes from a caller, and their number is bounded.

use std::cell::RefCell;

use toolgate_engine::NameMap;
use toolgate_engine::audit::{Outcome, Record};
use toolgate_engine::identity::Stranger;
use toolgate_engine::metrics::{self, RULE, refused, rejected};
use toolgate_engine::refusal::{Own, Rejection};

use crate::host::{self, Metric};

/// The numbers of all metrics.
#[derive(Debug, Default)]
pub struct Metrics {
    /// By [`Outcome::index`].
    decisions: [Option<u32>; Outcome::ALL.len()],
    /// What happens less often, by name; those the host refused are there without a number.
    counters: RefCell<NameMap<Option<u32>>>,
    decision_time: Option<u32>,
    held: Option<u32>,
}

impl Metrics {
    /// Defines what every gate counts, so that it stands at zero before it happens.
    pub fn define() -> Self {
        let rejections = Rejection::ALL
            .iter()
            .map(|rejection| rejected(&rejection.pointer()));
        let strangers = Stranger::ALL
            .iter()
            .map(|stranger| rejected(&format!("/identity/{}", stranger.word())));
        // Without a server a request is rejected before any policy is asked.
        let own = Own::ALL.iter().filter(|own| **own != Own::NoServer);
        let own = own.map(|own| refused(own.pointer()));
        let others = [rejected(Own::NoServer.pointer()), RULE.to_owned()];
        let names = rejections.chain(strangers).chain(own).chain(others).chain(
            [WITHHELD, REDACTED, REFUNDED, DRIFT, SENT, UNSENT, UNCOUNTED].map(str::to_owned),
        );
        let mut counters = NameMap::default();
        for name in names {
            counters.insert(&name, host::define_metric(Metric::Counter, &name).ok());
        }
        let decided = |outcome: Outcome| {
            let name = format!("toolgate.decision.{}", outcome.word());
            host::define_metric(Metric::Counter, &name).ok()
        };
        Metrics {
            decisions: Outcome::ALL.map(decided),
            counters: RefCell::new(counters),
            decision_time: host::define_metric(Metric::Histogram, "toolgate.decision_time_us").ok(),
            held: host::define_metric(Metric::Gauge, "toolgate.held").ok(),
        }
    }

    /// Publishes which configuration is live, and how many were before it in this proxy's VMs: a rejected update leaves
    /// the last good one, and only this tells.
    pub fn publish_configuration(digest: &str, generation: u64) {
        /// Doubles, and so every metrics store, hold 48 bits exactly.
        const HEX_DIGITS: usize = 12;
        let value = digest
            .get(..HEX_DIGITS)
            .and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let gauges = [
            ("toolgate.config_digest", value),
            ("toolgate.config_generation", Some(generation)),
        ];
        for (name, value) in gauges {
            if let (Ok(id), Some(value)) = (host::define_metric(Metric::Gauge, name), value) {
                host::record_metric(id, value);
            }
        }
    }

    /// Counts a decision.
    pub fn count(&self, more: &metrics::Metrics, record: &Record) {
        if let Some(Some(id)) = self.decisions.get(record.decision.index()) {
            host::increment_metric(*id, 1);
        }
        for name in more.decided(record) {
            self.increment(&name);
        }
    }

    /// Counts what became known after the decision.
    pub fn count_end(&self, record: &Record) {
        if record.refunded {
            self.increment(REFUNDED);
        }
        if let Some(rule) = &record.withheld {
            self.increment(WITHHELD);
            self.increment(&refused(rule));
        }
        let redacted = record.redactions.total();
        if redacted > 0 {
            self.add(REDACTED, redacted);
        }
        for _ in record.drifted.iter().flatten() {
            self.increment(DRIFT);
        }
    }

    /// Adds to the histogram of decision times.
    pub fn time(&self, microseconds: u64) {
        if let Some(id) = self.decision_time {
            host::record_metric(id, microseconds);
        }
    }

    /// Counts an announcement that arrived, or did not.
    pub fn announced(&self, arrived: bool) {
        self.increment(if arrived { SENT } else { UNSENT });
    }

    /// Says how many calls wait for a person, in all workers.
    pub fn held(&self, calls: usize) {
        if let (Some(id), Ok(calls)) = (self.held, u64::try_from(calls)) {
            host::record_metric(id, calls);
        }
    }

    fn increment(&self, name: &str) {
        self.add(name, 1);
    }

    fn add(&self, name: &str, more: u64) {
        if let Some(id) = self.number(name) {
            host::increment_metric(id, more);
        }
    }

    /// The number of a counter, which is defined when it is first needed.
    fn number(&self, name: &str) -> Option<u32> {
        let Ok(mut counters) = self.counters.try_borrow_mut() else {
            return None;
        };
        if let Some(known) = counters.get(name) {
            return *known;
        }
        if counters.len() >= MOST_COUNTERS {
            return counters.get(UNCOUNTED).copied().flatten();
        }
        let number = host::define_metric(Metric::Counter, name).ok();
        counters.insert(name, number);
        number
    }
}

const WITHHELD: &str = "toolgate.withheld";
const DRIFT: &str = "toolgate.drift";
const REDACTED: &str = "toolgate.redactions";
const REFUNDED: &str = "toolgate.refunded";
const SENT: &str = "toolgate.webhook.sent";
const UNSENT: &str = "toolgate.webhook.failed";
/// What was not counted under its own name, because there are too many.
const UNCOUNTED: &str = "toolgate.uncounted";

/// Most counters of one configuration. A hundred tools with ten rules each, in three policies, are fewer.
const MOST_COUNTERS: usize = 4096;
