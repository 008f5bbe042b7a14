//! What lists showed of pinned tools, remembered for calls.
//!
//! One value per pin and server in the store all workers share, so its size is bounded by configurations and nothing a
//! caller or a server sends adds to it. A new pin is another value: what was wrong under the old one is forgotten. Two
//! gates that share a store and do not name their servers share what they remember, and err towards refusing.

use super::pin::Pin;
use crate::counters::{SaveError, Store, StoreLost};
use crate::time::Timestamp;

/// Compare-and-swap attempts before a store is taken for lost.
const ATTEMPTS: usize = 100;

/// Seconds within which a list that differs need not be remembered again.
const MINUTE: i64 = 60;

/// What is known of a pinned tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// No list showed anything else than what is pinned.
    None,
    /// A list showed something else, and not all lists have agreed with the pin for long enough since.
    Changed,
    /// The store cannot tell.
    Lost,
}

/// What is remembered of a tool.
pub fn load(store: &mut dyn Store, server: &str, pin: &Pin) -> Drift {
    match store.load(&key(server, pin)) {
        Ok(stored) => match stored.and_then(|(value, _)| differed_at(&value)) {
            Some(_) => Drift::Changed,
            None => Drift::None,
        },
        Err(StoreLost) => Drift::Lost,
    }
}

/// When a list last showed something else, in seconds; `None` for a tool that is as it was pinned.
fn differed_at(value: &[u8]) -> Option<i64> {
    let (1, rest) = value.split_first()? else {
        return None;
    };
    // What an earlier version wrote tells no time.
    Some(rest.try_into().map_or(0, i64::from_le_bytes))
}

/// Remembers what a list showed. One that differs counts until lists agree again `settle` seconds after the last such: a server
/// that lists a tool twice does not vouch for itself with the second.
///
/// # Errors
/// [`StoreLost`] when it cannot be remembered.
pub fn save(
    store: &mut dyn Store,
    server: &str,
    pin: &Pin,
    changed: bool,
    (now, settle): (Timestamp, i64),
) -> Result<(), StoreLost> {
    let key = key(server, pin);
    let now = now.seconds();
    for _ in 0..ATTEMPTS {
        let stored = store.load(&key)?;
        let differed = stored.as_ref().and_then(|(value, _)| differed_at(value));
        let stays = match differed {
            // Told often enough that the time is right to the minute.
            Some(at) if changed => at <= now && now < at.saturating_add(MINUTE),
            Some(at) => now < at.saturating_add(settle),
            None => !changed,
        };
        if stays {
            return Ok(());
        }
        let value = match changed {
            true => [&[1][..], &now.to_le_bytes()].concat(),
            false => vec![0],
        };
        let version = stored.map(|(_, version)| version);
        match store.save(&key, &value, version) {
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
