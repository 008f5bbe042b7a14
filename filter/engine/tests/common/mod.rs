//! What tests of shared state need: a store that conflicts and fails when told to.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;

use toolgate_engine::counters::{SaveError, Store, StoreLost, Version};
use toolgate_engine::time::Timestamp;

/// A map with compare-and-swap.
#[derive(Clone, Default)]
pub struct Memory {
    pub values: BTreeMap<String, (Vec<u8>, u32)>,
    /// So many saves find that somebody else was there first.
    pub conflicts: u32,
    /// Operations so far.
    pub operations: u64,
    /// The operation that fails, counted from 0, and whether all after it do.
    pub failing: Option<(u64, bool)>,
}

impl Memory {
    fn fails(&mut self) -> bool {
        let this = self.operations;
        self.operations += 1;
        match self.failing {
            Some((first, true)) => this >= first,
            Some((only, false)) => this == only,
            None => false,
        }
    }

    fn store(&mut self, key: &str, value: &[u8]) {
        let version = self.values.get(key).map_or(1, |(_, version)| version + 1);
        self.values
            .insert(key.to_owned(), (value.to_vec(), version));
    }

    /// Keys that begin like this.
    pub fn keys(&self, prefix: &str) -> Vec<&str> {
        let keys = self.values.keys().map(String::as_str);
        keys.filter(|key| key.starts_with(prefix)).collect()
    }
}

impl Store for Memory {
    fn load(&mut self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreLost> {
        if self.fails() {
            return Err(StoreLost);
        }
        let found = self.values.get(key).cloned();
        Ok(found.map(|(value, version)| (value, Version(version))))
    }

    fn save(
        &mut self,
        key: &str,
        value: &[u8],
        expected: Option<Version>,
    ) -> Result<(), SaveError> {
        if self.fails() {
            return Err(SaveError::Failed);
        }
        let current = self.values.get(key).map(|(_, version)| Version(*version));
        if self.conflicts > 0 || current != expected {
            self.conflicts = self.conflicts.saturating_sub(1);
            return Err(SaveError::Conflict);
        }
        self.store(key, value);
        Ok(())
    }

    fn put(&mut self, key: &str, value: &[u8]) -> Result<(), StoreLost> {
        if self.fails() {
            return Err(StoreLost);
        }
        self.store(key, value);
        Ok(())
    }
}

/// So many seconds after the tests' beginning of time.
pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_nanos((1_768_471_200 + seconds) * 1_000_000_000)
}

/// A small generator: the same seed, the same numbers (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }
}
