//! The store all workers share, in memory, where it can be lost on purpose.

use std::collections::HashMap;

use toolgate_engine::counters::{SaveError, Store, StoreLost, Version};

/// What an Envoy process keeps for its workers, for one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    values: HashMap<String, (Vec<u8>, u32)>,
    saved: u32,
    /// Nothing can be read or written.
    pub(crate) down: bool,
}

impl Store for Memory {
    fn load(&mut self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreLost> {
        if self.down {
            return Err(StoreLost);
        }
        let value = self.values.get(key);
        Ok(value.map(|(value, version)| (value.clone(), Version(*version))))
    }

    fn save(
        &mut self,
        key: &str,
        value: &[u8],
        expected: Option<Version>,
    ) -> Result<(), SaveError> {
        if self.down {
            return Err(SaveError::Failed);
        }
        let present = self.values.get(key).map(|(_, version)| Version(*version));
        if present != expected {
            return Err(SaveError::Conflict);
        }
        self.saved += 1;
        self.values
            .insert(key.to_owned(), (value.to_vec(), self.saved));
        Ok(())
    }

    fn put(&mut self, key: &str, value: &[u8]) -> Result<(), StoreLost> {
        if self.down {
            return Err(StoreLost);
        }
        self.saved += 1;
        self.values
            .insert(key.to_owned(), (value.to_vec(), self.saved));
        Ok(())
    }
}
