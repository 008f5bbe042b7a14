//! Where records of decisions go: filter state for the access log, the proxy's log, metrics, the console.

use std::cell::{Cell, RefCell};

use toolgate_engine::audit::{self, Record};
use toolgate_engine::config::Audit;
use toolgate_engine::control::{self, Ring};
use toolgate_engine::metrics;
use toolgate_engine::time::Timestamp;

use crate::host::{self, Level};
use crate::metrics::Metrics;
use crate::store::{self, SharedData};

/// Names exchanges and leaves their records. One for each configuration that a VM has taken.
pub struct Recorder {
    /// The metrics.
    pub metrics: Metrics,
    /// A number no other configuration of this proxy has had.
    pub number: u64,
    /// Begins every decision id: when this VM was configured, and its number.
    instance: String,
    /// Exchanges so far.
    sequence: Cell<u64>,
    /// Which of the recent decisions gives way to the next.
    recent: RefCell<Ring>,
}

impl Recorder {
    /// `None` on a host without a clock or shared data.
    pub fn new() -> Option<Self> {
        let now = host::now().ok()?;
        let number = store::next_vm_number()?;
        Some(Recorder {
            metrics: Metrics::define(),
            number,
            instance: format!("{:x}-{number:x}", now.seconds()),
            sequence: Cell::new(0),
            recent: RefCell::default(),
        })
    }

    /// An id no other exchange of this proxy has.
    pub fn next_id(&self) -> String {
        let next = self.sequence.get().wrapping_add(1);
        self.sequence.set(next);
        format!("{}-{next:x}", self.instance)
    }

    /// Leaves the records of a decision that was begun at `began`.
    pub fn publish(
        &self,
        audit: &Audit,
        counted: &metrics::Metrics,
        records: &[Record],
        began: Timestamp,
    ) {
        if records.is_empty() {
            return;
        }
        let lines = lines(audit, records);
        for (record, line) in records.iter().zip(&lines) {
            self.metrics.count(counted, record);
            let size = u64::try_from(audit.recent).unwrap_or(0);
            if let (Ok(mut recent), 1..) = (self.recent.try_borrow_mut(), size) {
                let place = recent.place(size, record.share());
                control::remember(&mut SharedData, self.number, place, size, line);
            }
            if audit.log {
                host::log(Level::Info, &format!("toolgate-audit {line}"));
            }
        }
        set_filter_state(&lines);
        if let Ok(now) = host::now() {
            let nanos = now.nanos().saturating_sub(began.nanos());
            self.metrics.time(nanos.checked_div(1000).unwrap_or(0));
        }
    }

    /// Hands the records to the access log once more, with what became known after the decision.
    pub fn publish_end(&self, audit: &Audit, records: &[Record]) {
        for record in records {
            self.metrics.count_end(record);
        }
        if !records.is_empty() {
            set_filter_state(&lines(audit, records));
        }
    }
}

fn lines(audit: &Audit, records: &[Record]) -> Vec<String> {
    let line = |record: &Record| record.line(audit.max_bytes);
    records.iter().map(line).collect()
}

/// Filter state `wasm.toolgate`, for the access log.
fn set_filter_state(lines: &[String]) {
    // A host without filter state still has the log.
    let _unavailable = host::set_property("toolgate", audit::join(lines).as_bytes());
}
