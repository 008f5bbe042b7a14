use std::collections::HashMap;

use toolgate_engine::counters::{SaveError, Store, StoreLost, Version};

/// A counter store in this process's memory.
#[derive(Debug, Default)]
pub struct Memory {
    values: HashMap<String, (Vec<u8>, u32)>,
}

impl Store for Memory {
    fn load(&mut self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreLost> {
        let found = self.values.get(key);
        Ok(found.map(|(value, version)| (value.clone(), Version(*version))))
    }

    fn save(
        &mut self,
        key: &str,
        value: &[u8],
        expected: Option<Version>,
    ) -> Result<(), SaveError> {
        match (self.values.get_mut(key), expected) {
            (Some((stored, version)), Some(expected)) if *version == expected.0 => {
                stored.clear();
                stored.extend_from_slice(value);
                *version = version.wrapping_add(1);
            }
            (None, None) => {
                self.values.insert(key.to_owned(), (value.to_vec(), 1));
            }
            _ => return Err(SaveError::Conflict),
        }
        Ok(())
    }

    fn put(&mut self, key: &str, value: &[u8]) -> Result<(), StoreLost> {
        let version = self.values.get(key).map_or(1, |(_, version)| version + 1);
        self.values
            .insert(key.to_owned(), (value.to_vec(), version));
        Ok(())
    }
}
