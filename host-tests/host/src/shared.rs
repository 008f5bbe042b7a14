//! Envoy's shared data: one map per process, keyed by `vm_id`, under one mutex.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::abi::Status;

/// The shared-data store of one Envoy process. Clones are handles on the same store, so several [`Vm`](super::Vm)s
/// given clones of it behave like the workers of one Envoy.
///
/// As in Envoy there is no limit, no eviction and no delete; the store outlives the VMs that write to it.
#[derive(Clone, Debug, Default)]
pub struct SharedData(Arc<Mutex<Store>>);

#[derive(Debug)]
struct Store {
    entries: HashMap<(String, Vec<u8>), (Vec<u8>, u32)>,
    next_cas: u32,
    flaw: Option<Flaw>,
}

/// What the shared data of another host may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing is kept.
    Forgets,
    /// Creates with any CAS what is there already, and nothing else.
    CreatesAgain,
    /// Every value has the same CAS for good.
    OneVersion,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            next_cas: 1,
            flaw: None,
        }
    }
}

impl SharedData {
    /// An empty store: a freshly started Envoy.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store of another host.
    pub fn flawed(flaw: Flaw) -> Self {
        let store = Store {
            flaw: Some(flaw),
            ..Store::default()
        };
        SharedData(Arc::new(Mutex::new(store)))
    }

    /// The value of `key` and its CAS.
    pub fn get(&self, vm_id: &str, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        let key = (vm_id.to_owned(), key.to_vec());
        self.lock().entries.get(&key).cloned()
    }

    /// Writes `key`. CAS 0 writes always; a non-zero CAS must match a key that is there, and creates one that is
    /// not. False on a mismatch.
    pub fn set(&self, vm_id: &str, key: &[u8], value: &[u8], cas: u32) -> bool {
        let mut store = self.lock();
        let key = (vm_id.to_owned(), key.to_vec());
        if let Some((_, present)) = store.entries.get(&key)
            && cas != 0
            && cas != *present
            && !(store.flaw == Some(Flaw::CreatesAgain) && cas == u32::MAX)
        {
            return false;
        }
        if store.flaw == Some(Flaw::Forgets) {
            return true;
        }
        let stamp = store.next_cas;
        // 0 means "no CAS" on the wire, so Envoy skips it when the counter wraps.
        if store.flaw != Some(Flaw::OneVersion) {
            store.next_cas = stamp.checked_add(1).unwrap_or(1);
        }
        store.entries.insert(key, (value.to_vec(), stamp));
        true
    }

    /// Every key of `vm_id`, sorted.
    pub fn keys(&self, vm_id: &str) -> Vec<Vec<u8>> {
        let store = self.lock();
        let mut keys: Vec<_> = store
            .entries
            .keys()
            .filter(|(v, _)| v == vm_id)
            .map(|(_, k)| k.clone())
            .collect();
        keys.sort();
        keys
    }

    /// Bytes held in keys and values of `vm_id`: what "bounded in size" is measured with.
    pub fn bytes(&self, vm_id: &str) -> usize {
        let store = self.lock();
        store
            .entries
            .iter()
            .filter(|((v, _), _)| v == vm_id)
            .map(|((_, k), (value, _))| k.len() + value.len())
            .sum()
    }

    /// Forgets everything: an Envoy restart.
    pub fn clear(&self) {
        self.lock().entries.clear();
    }

    pub(crate) fn status_of_set(
        &self,
        vm_id: &str,
        key: &[u8],
        value: &[u8],
        cas: u32,
    ) -> Result<(), Status> {
        if self.set(vm_id, key, value, cas) {
            Ok(())
        } else {
            Err(Status::CasMismatch)
        }
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
