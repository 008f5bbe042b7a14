//! The stored form of a bucket: the counters whose keys fall into it.
//!
//! One bucket is one value in the store, so that finding a counter, dropping expired ones and adding a new
//! one happen in a single compare-and-swap. Two workers can never create the same counter twice.

use super::charge::CounterKey;
use super::window::Span;

/// Format of the stored bytes. Values in another format are a lost store, not an empty one.
const FORMAT: u8 = 1;

/// One counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: CounterKey,
    /// What was charged, in order of time: one span for a calendar window, up to 61 for a rolling one.
    pub(super) charged: Vec<(Span, i128)>,
}

impl Entry {
    /// Drops what no longer counts at `now`, in seconds since the epoch.
    pub(super) fn expire(&mut self, now: i64) {
        self.charged.retain(|(span, _)| now < span.end);
    }

    /// The total; `None` if it is out of range.
    pub(super) fn used(&self) -> Option<i128> {
        self.charged
            .iter()
            .try_fold(0_i128, |total, (_, amount)| total.checked_add(*amount))
    }
}

/// Start, end and amount of a span, big endian.
const SPAN_LEN: usize = 32;

/// Reads a stored bucket. An empty value is an empty bucket; `None` if it was not written by [`encode`].
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let Some((&format, mut rest)) = bytes.split_first() else {
        return Some(Vec::new());
    };
    if format != FORMAT {
        return None;
    }
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let (key, tail) = rest.split_first_chunk::<16>()?;
        let (&count, tail) = tail.split_first()?;
        let (spans, tail) = tail.split_at_checked(usize::from(count).checked_mul(SPAN_LEN)?)?;
        let charged = spans
            .as_chunks::<SPAN_LEN>()
            .0
            .iter()
            .map(decode_span)
            .collect::<Option<_>>()?;
        entries.push(Entry {
            key: CounterKey(*key),
            charged,
        });
        rest = tail;
    }
    Some(entries)
}

fn decode_span(bytes: &[u8; SPAN_LEN]) -> Option<(Span, i128)> {
    let (start, rest) = bytes.split_first_chunk::<8>()?;
    let (end, rest) = rest.split_first_chunk::<8>()?;
    let amount = rest.first_chunk::<16>()?;
    let span = Span {
        start: i64::from_be_bytes(*start),
        end: i64::from_be_bytes(*end),
    };
    Some((span, i128::from_be_bytes(*amount)))
}

/// The bytes to store.
pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    for entry in entries {
        bytes.extend_from_slice(&entry.key.0);
        bytes.push(u8::try_from(entry.charged.len()).unwrap_or(u8::MAX));
        for (span, amount) in entry.charged.iter().take(usize::from(u8::MAX)) {
            bytes.extend_from_slice(&span.start.to_be_bytes());
            bytes.extend_from_slice(&span.end.to_be_bytes());
            bytes.extend_from_slice(&amount.to_be_bytes());
        }
    }
    bytes
}
