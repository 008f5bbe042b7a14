//! The host's shared data behind the engine's counter store.

use toolgate_engine::counters::{SaveError, Store, StoreLost, Version};

use crate::host::{self, Failure};

/// A CAS number no value ever has. Two workers that create a key with CAS 0 ("write always") overwrite each
/// other; with an impossible one an absent key is created and a present one is a mismatch (measured on Envoy
/// 1.40).
const IMPOSSIBLE: u32 = u32::MAX;

/// Shared data of the proxy process, common to all workers and plugins with the same `vm_id`.
pub struct SharedData;

impl Store for SharedData {
    fn load(&mut self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreLost> {
        match host::shared_data(key) {
            // A value that was removed stays behind as an empty one, with a CAS number to overwrite it by.
            Ok((value, cas)) if cas != 0 => Ok(Some((value, Version(cas)))),
            Ok(_) => Err(StoreLost),
            Err(Failure::NotFound) => Ok(None),
            Err(_) => Err(StoreLost),
        }
    }

    fn save(
        &mut self,
        key: &str,
        value: &[u8],
        expected: Option<Version>,
    ) -> Result<(), SaveError> {
        let cas = expected.map_or(IMPOSSIBLE, |version| version.0);
        match host::set_shared_data(key, value, cas) {
            Ok(()) => Ok(()),
            Err(Failure::CasMismatch) => Err(SaveError::Conflict),
            Err(_) => Err(SaveError::Failed),
        }
    }

    fn put(&mut self, key: &str, value: &[u8]) -> Result<(), StoreLost> {
        /// "Write always" to the host.
        const ALWAYS: u32 = 0;
        host::set_shared_data(key, value, ALWAYS).map_err(|_| StoreLost)
    }
}

/// What is wrong with the host's shared data, if anything: what counters rest on is tried on a value of our own.
///
/// Other workers may be trying at the same time: nothing here depends on who wrote last.
pub fn flaw() -> Option<&'static str> {
    const KEY: &str = "toolgate.host";
    const LOST: &str = "shared data cannot be read and written";
    let mut store = SharedData;
    if let Err(SaveError::Failed) = store.save(KEY, b"here", None) {
        return Some(LOST);
    }
    let Ok(found) = store.load(KEY) else {
        return Some(LOST);
    };
    let Some((_, before)) = found else {
        return Some("shared data forgets what was written");
    };
    if store.save(KEY, b"here", None).is_ok() {
        return Some("shared data creates what is there already");
    }
    if store.put(KEY, b"here").is_err() {
        return Some(LOST);
    }
    if store.save(KEY, b"here", Some(before)).is_ok() {
        return Some("shared data takes a version that is no longer there");
    }
    None
}

/// A number no other VM of this proxy has had, and the count of the times a VM was started before it.
pub fn next_vm_number() -> Option<u64> {
    const KEY: &str = "toolgate.vms";
    /// More than there are workers to race with.
    const ATTEMPTS: usize = 1000;
    let mut store = SharedData;
    for _ in 0..ATTEMPTS {
        let stored = store.load(KEY).ok()?;
        let (before, version) = match stored {
            Some((value, version)) => (
                value.try_into().map(u64::from_be_bytes).unwrap_or(0),
                Some(version),
            ),
            None => (0, None),
        };
        let number = before.checked_add(1)?;
        match store.save(KEY, &number.to_be_bytes(), version) {
            Ok(()) => return Some(number),
            Err(SaveError::Conflict) => {}
            Err(SaveError::Failed) => return None,
        }
    }
    None
}
