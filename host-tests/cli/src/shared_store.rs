//! The host's shared data as the engine's store, with the CAS numbers the filter uses.

use toolgate_engine::counters::{SaveError, Store, StoreLost, Version};

use toolgate_host::{SharedData, VmOptions};

/// The shared data of a host, as its VMs see it.
#[derive(Clone, Debug)]
pub struct Shared {
    data: SharedData,
    vm_id: String,
}

impl Shared {
    /// What VMs with this `vm_id` share.
    pub fn new(data: SharedData, vm_id: &str) -> Self {
        Shared {
            data,
            vm_id: vm_id.to_owned(),
        }
    }

    /// What VMs with these options share.
    pub fn of(options: &VmOptions) -> Self {
        Shared::new(options.shared.clone(), &options.vm_id)
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
