//! A store in memory, for tests, benches and the command: it conflicts, and fails, when told to.

use std::collections::HashMap;

use super::{SaveError, Store, StoreLost, Version};

/// A map with compare-and-swap. A value's version counts its saves.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The values, with their versions.
    pub values: HashMap<String, (Vec<u8>, u32)>,
    /// So many saves find that somebody else was there first.
    pub conflicts: u32,
    /// Operations so far.
    pub operations: u64,
    /// The operation that fails, counted from 0, and whether all after it do.
    pub failing: Option<(u64, bool)>,
}

impl Memory {
    /// Loses the store, or has it back.
    pub fn set_down(&mut self, down: bool) {
        self.failing = down.then_some((0, true));
    }

    /// Keys that begin like this, in order.
    pub fn keys(&self, prefix: &str) -> Vec<&str> {
        let keys = self.values.keys().map(String::as_str);
        let mut keys: Vec<&str> = keys.filter(|key| key.starts_with(prefix)).collect();
        keys.sort_unstable();
        keys
    }

    fn fails(&mut self) -> bool {
        let this = self.operations;
        self.operations = this.wrapping_add(1);
        match self.failing {
            Some((first, true)) => this >= first,
            Some((only, false)) => this == only,
            None => false,
        }
    }

    fn store(&mut self, key: &str, value: &[u8]) {
        if let Some((stored, version)) = self.values.get_mut(key) {
            stored.clear();
            stored.extend_from_slice(value);
            *version = version.wrapping_add(1);
        } else {
            self.values.insert(key.to_owned(), (value.to_vec(), 1));
        }
    }
}

impl Store for Memory {
    fn load(&mut self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreLost> {
        if self.fails() {
            return Err(StoreLost);
        }
        let found = self.values.get(key);
        Ok(found.map(|(value, version)| (value.clone(), Version(*version))))
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
