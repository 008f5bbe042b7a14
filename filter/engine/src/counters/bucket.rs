//! The stored form of a bucket: the counters whose keys fall into it.
//!
//! One bucket is one value in the store, so that finding a counter, dropping expired ones and adding a new
//! one happen in a single compare-and-swap. Two workers can never create the same counter twice.

use super::table::CounterKey;
use super::window::Span;

/// Format of the stored bytes. Values in another format are a lost store, not an empty one.
const FORMAT: u8 = 1;

/// One counter in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: CounterKey,
    pub(super) span: Span,
    pub(super) used: i128,
}

/// Key, start, end and amount, big endian.
const ENTRY_LEN: usize = 48;

/// Reads a stored bucket. An empty value is an empty bucket; `None` if it was not written by [`encode`].
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let Some((&format, entries)) = bytes.split_first() else {
        return Some(Vec::new());
    };
    let (entries, rest) = entries.as_chunks::<ENTRY_LEN>();
    if format != FORMAT || !rest.is_empty() {
        return None;
    }
    entries.iter().map(|entry| decode_entry(entry)).collect()
}

fn decode_entry(entry: &[u8; ENTRY_LEN]) -> Option<Entry> {
    let (key, rest) = entry.split_first_chunk::<16>()?;
    let (start, rest) = rest.split_first_chunk::<8>()?;
    let (end, rest) = rest.split_first_chunk::<8>()?;
    let used = rest.first_chunk::<16>()?;
    let span = Span {
        start: i64::from_be_bytes(*start),
        end: i64::from_be_bytes(*end),
    };
    Some(Entry {
        key: CounterKey(*key),
        span,
        used: i128::from_be_bytes(*used),
    })
}

/// The bytes to store.
pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len().saturating_mul(ENTRY_LEN).saturating_add(1));
    bytes.push(FORMAT);
    for entry in entries {
        bytes.extend_from_slice(&entry.key.0);
        bytes.extend_from_slice(&entry.span.start.to_be_bytes());
        bytes.extend_from_slice(&entry.span.end.to_be_bytes());
        bytes.extend_from_slice(&entry.used.to_be_bytes());
    }
    bytes
}
