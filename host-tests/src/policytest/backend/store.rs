//! The store all workers share: in memory, where it can be lost on purpose, and as the host has it.

use std::collections::HashMap;

use toolgate_engine::counters::{SaveError, Store, StoreLost, Version};

use crate::host::{SharedData, VmOptions};

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

/// The shared data of a host, as its VMs see it.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    data: SharedData,
    vm_id: String,
}

impl Shared {
    /// What VMs with these options share.
    pub(crate) fn of(options: &VmOptions) -> Self {
        Shared {
            data: options.shared.clone(),
            vm_id: options.vm_id.clone(),
        }
    }
}

/// A CAS number that no value has: creates what is not there, and nothing else.
const IMPOSSIBLE: u32 = u32::MAX;

impl Store for Shared {
    fn load(&mut self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreLost> {
        let found = self.data.get(&self.vm_id, key.as_bytes());
        Ok(found.map(|(value, cas)| (value, Version(cas))))
    }

    fn save(
        &mut self,
        key: &str,
        value: &[u8],
        expected: Option<Version>,
    ) -> Result<(), SaveError> {
        let cas = expected.map_or(IMPOSSIBLE, |version| version.0);
        match self.data.set(&self.vm_id, key.as_bytes(), value, cas) {
            true => Ok(()),
            false => Err(SaveError::Conflict),
        }
    }

    fn put(&mut self, key: &str, value: &[u8]) -> Result<(), StoreLost> {
        self.data.set(&self.vm_id, key.as_bytes(), value, 0);
        Ok(())
    }
}
