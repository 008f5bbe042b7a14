//! A counter store in memory.

use std::collections::HashMap;

use toolgate_engine::counters::{SaveError, Store, StoreLost, Version};

/// Counters of one process, for as long as it runs.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    values: HashMap<String, (Vec<u8>, u32)>,
    saved: u32,
}

impl Store for Memory {
    fn load(&mut self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreLost> {
        let value = self.values.get(key);
        Ok(value.map(|(value, version)| (value.clone(), Version(*version))))
    }

    fn save(
        &mut self,
        key: &str,
        value: &[u8],
        expected: Option<Version>,
    ) -> Result<(), SaveError> {
        let present = self.values.get(key).map(|(_, version)| Version(*version));
        if present != expected {
            return Err(SaveError::Conflict);
        }
        self.saved += 1;
        self.values
            .insert(key.to_owned(), (value.to_vec(), self.saved));
        Ok(())
    }
}
