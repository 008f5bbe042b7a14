//! Host calls that fail on purpose.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::abi::Status;

/// Which calls of a host call are hit. Counting starts at 1, over the life of the [`Faults`] handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Every call.
    Always,
    /// The n-th call alone.
    Nth(u64),
    /// The n-th call and all after it.
    From(u64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Status(Status),
    Trap,
}

/// Faults to inject, by the name of the host call as the module imports it (`proxy_get_buffer_bytes`,
/// `clock_time_get`). Clones share rules and counts, so a test can change them while a VM runs.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Rules>>);

#[derive(Debug, Default)]
struct Rules {
    rules: Vec<(String, When, Fault)>,
    calls: HashMap<&'static str, u64>,
}

impl Faults {
    /// No faults.
    pub fn none() -> Self {
        Self::default()
    }

    /// Makes `call` return `status` without doing anything.
    pub fn fail(&self, call: &str, when: When, status: Status) -> &Self {
        self.add(call, when, Fault::Status(status))
    }

    /// Makes `call` end the guest, as a bug in the module would.
    pub fn trap(&self, call: &str, when: When) -> &Self {
        self.add(call, when, Fault::Trap)
    }

    /// Removes every rule; counts go on.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// How often the guest made this host call. With it a test can walk a fault over every call of an exchange.
    pub fn calls(&self, call: &str) -> u64 {
        self.lock().calls.get(call).copied().unwrap_or(0)
    }

    /// Every host call made so far with its count, sorted by name.
    pub fn counts(&self) -> Vec<(String, u64)> {
        let rules = self.lock();
        let mut all: Vec<_> = rules
            .calls
            .iter()
            .map(|(k, v)| ((*k).to_owned(), *v))
            .collect();
        all.sort();
        all
    }

    pub(crate) fn hit(&self, call: &'static str) -> Option<Fault> {
        let mut rules = self.lock();
        let count = rules.calls.entry(call).or_insert(0);
        *count += 1;
        let n = *count;
        rules
            .rules
            .iter()
            .find(|(name, when, _)| {
                name == call
                    && match when {
                        When::Always => true,
                        When::Nth(at) => n == *at,
                        When::From(at) => n >= *at,
                    }
            })
            .map(|(_, _, fault)| *fault)
    }

    fn add(&self, call: &str, when: When, fault: Fault) -> &Self {
        self.lock().rules.push((call.to_owned(), when, fault));
        self
    }

    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
