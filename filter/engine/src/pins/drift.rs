//! What lists showed of pinned tools, remembered for calls.
//!
//! One value per pin and server in the store all workers share, so its size is bounded by configurations and nothing a
//! caller or a server sends adds to it. A new pin is another value: what was wrong under the old one is forgotten. Two
//! gates that share a store and do not name their servers share what they remember, and err towards refusing.

use super::pin::Pin;
use crate::counters::{SaveError, Store, StoreLost};

/// Compare-and-swap attempts before a store is taken for lost.
const ATTEMPTS: usize = 100;

/// What is known of a pinned tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// No list showed anything else than what is pinned.
    None,
    /// The last list that told showed something else.
    Changed,
    /// The store cannot tell.
    Lost,
}

/// What is remembered of a tool.
pub fn load(store: &mut dyn Store, server: &str, pin: &Pin) -> Drift {
    match store.load(&key(server, pin)) {
        Ok(Some((value, _))) if value.first() == Some(&1) => Drift::Changed,
        Ok(_) => Drift::None,
        Err(StoreLost) => Drift::Lost,
    }
}

/// Remembers what a list showed.
///
/// # Errors
/// [`StoreLost`] when it cannot be remembered.
pub fn save(
    store: &mut dyn Store,
    server: &str,
    pin: &Pin,
    changed: bool,
) -> Result<(), StoreLost> {
    let key = key(server, pin);
    for _ in 0..ATTEMPTS {
        let stored = store.load(&key)?;
        let known = stored
            .as_ref()
            .is_some_and(|(value, _)| value.first() == Some(&1));
        if known == changed {
            return Ok(());
        }
        let version = stored.map(|(_, version)| version);
        match store.save(&key, &[u8::from(changed)], version) {
            Ok(()) => return Ok(()),
            Err(SaveError::Conflict) => {}
            Err(SaveError::Failed) => return Err(StoreLost),
        }
    }
    Err(StoreLost)
}

/// The digest has a fixed length, and of the two names the first is as long as is said.
fn key(server: &str, pin: &Pin) -> String {
    let mut key = String::from("toolgate.pins.");
    key.push_str(&pin.digest);
    key.push('.');
    key.push_str(&pin.name.len().to_string());
    key.push('.');
    key.push_str(&pin.name);
    key.push('.');
    key.push_str(server);
    key
}
