//! The table of counters: fixed in size, whatever callers send.

use sha2::{Digest, Sha256};

use super::bucket::{self, Entry};
use super::window::{Span, Window};
use super::{ATTEMPTS, SaveError, Store, StoreLost};
use crate::time::Timestamp;

/// Counters a bucket holds at most. Large enough that the fullest of a thousand buckets is not full long
/// before the table is: at half load one in 10^4 overflows.
const BUCKET_LEN: usize = 64;

/// How far a clock may be put back, in seconds, without opening an allowance anew in a table that is not full.
const GRACE: i64 = 7200;

/// Identifies a counter: a hash over length-prefixed parts, so that crafted names cannot collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CounterKey(pub(super) [u8; 16]);

impl CounterKey {
    /// The key for a counter named by these parts.
    pub fn new(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
        let digest: [u8; 32] = hasher.finalize().into();
        let [key, _] = digest.as_chunks::<16>().0 else {
            return CounterKey([0; 16]);
        };
        CounterKey(*key)
    }

    /// A place for it among so many.
    pub(crate) fn place(self, buckets: u32) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
            .checked_rem(buckets)
            .unwrap_or(0)
    }
}

/// What one call costs one counter.
#[derive(Clone, Copy, Debug)]
pub struct Charge {
    /// Which counter.
    pub key: CounterKey,
    /// The window it counts in.
    pub window: Window,
    /// Cost in 10^-9, never negative.
    pub amount: i128,
    /// Most the counter may reach, inclusive, in 10^-9.
    pub max: i128,
}

/// A charge that was made, to be kept until it is known whether the call ran.
#[derive(Clone, Copy, Debug)]
pub struct Receipt {
    key: CounterKey,
    span: Span,
    amount: i128,
    /// What the counter held before and after.
    pub before: i128,
    /// See `before`.
    pub after: i128,
}

/// Why charges were not made. None of them was, then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveError {
    /// The charge at this index does not fit.
    Exceeded {
        /// Index of the charge.
        index: usize,
        /// Seconds until it may fit, at least 1; `None` if it never does.
        retry_after: Option<u64>,
    },
    /// No room for another counter; `retry_after` seconds until one expires.
    Full {
        /// Index of the charge.
        index: usize,
        /// Seconds, at least 1.
        retry_after: u64,
    },
    /// The store cannot be read or written.
    Lost,
}

impl From<StoreLost> for ReserveError {
    fn from(_: StoreLost) -> Self {
        ReserveError::Lost
    }
}

/// The layout of the table in its store.
#[derive(Clone, Debug)]
pub struct Table {
    buckets: u32,
}

impl Table {
    /// A table of about `max_entries` counters, at least one bucket of 64.
    pub fn new(max_entries: usize) -> Self {
        let buckets = max_entries.checked_div(BUCKET_LEN).unwrap_or(1).max(1);
        Table {
            buckets: u32::try_from(buckets).unwrap_or(u32::MAX),
        }
    }

    /// Makes all charges, or none.
    ///
    /// # Errors
    /// The first charge, in order, that does not fit; or a full table; or a lost store.
    pub fn reserve(
        &self,
        store: &mut dyn Store,
        now: Timestamp,
        charges: &[Charge],
    ) -> Result<Vec<Receipt>, ReserveError> {
        let mut receipts = Vec::with_capacity(charges.len());
        for (index, charge) in charges.iter().enumerate() {
            match self.charge(store, now, index, charge) {
                Ok(receipt) => receipts.push(receipt),
                Err(error) => {
                    for receipt in &receipts {
                        self.refund(store, receipt);
                    }
                    return Err(error);
                }
            }
        }
        Ok(receipts)
    }

    /// Takes a charge back, if its window still counts; returns whether it did. A refund that cannot be stored is
    /// dropped: the counter then errs towards refusing.
    pub fn refund(&self, store: &mut dyn Store, receipt: &Receipt) -> bool {
        let given_back = self.update(store, receipt.key, |entries| {
            let entry = entries.iter_mut().find(|entry| entry.key == receipt.key);
            let charged = entry.and_then(|entry| {
                entry
                    .charged
                    .iter_mut()
                    .find(|(span, _)| *span == receipt.span)
            });
            let Some((_, amount)) = charged else {
                return Ok(false);
            };
            *amount = amount.saturating_sub(receipt.amount).max(0);
            Ok(true)
        });
        given_back.unwrap_or(false)
    }

    /// What a counter holds now.
    ///
    /// # Errors
    /// [`StoreLost`] when the store cannot tell.
    pub fn used(
        &self,
        store: &mut dyn Store,
        now: Timestamp,
        key: CounterKey,
    ) -> Result<i128, StoreLost> {
        let entry = self.find(store, now, key)?;
        Ok(entry.and_then(|entry| entry.used()).unwrap_or(0))
    }

    /// Whether all charges would fit, without making any.
    ///
    /// # Errors
    /// As [`Table::reserve`].
    pub fn peek(
        &self,
        store: &mut dyn Store,
        now: Timestamp,
        charges: &[Charge],
    ) -> Result<(), ReserveError> {
        for (index, charge) in charges.iter().enumerate() {
            let entry = self.find(store, now, charge.key)?;
            let entry = entry.unwrap_or(Entry {
                key: charge.key,
                charged: Vec::new(),
            });
            add(&entry, now, index, charge)?;
        }
        Ok(())
    }

    /// A counter with what still counts, if it is there.
    fn find(
        &self,
        store: &mut dyn Store,
        now: Timestamp,
        key: CounterKey,
    ) -> Result<Option<Entry>, StoreLost> {
        let Some((bytes, _)) = store.load(&self.bucket_name(key))? else {
            return Ok(None);
        };
        let entries = bucket::decode(&bytes).ok_or(StoreLost)?;
        Ok(entries
            .into_iter()
            .find(|entry| entry.key == key)
            .map(|mut entry| {
                entry.expire(now.seconds());
                entry
            }))
    }

    fn charge(
        &self,
        store: &mut dyn Store,
        now: Timestamp,
        index: usize,
        charge: &Charge,
    ) -> Result<Receipt, ReserveError> {
        self.update(store, charge.key, |entries| {
            for entry in entries.iter_mut() {
                // Others keep what is over for a while: were the clock put back, it would count again.
                let grace = if entry.key == charge.key { 0 } else { GRACE };
                entry.expire(now.seconds().saturating_sub(grace));
            }
            if let Some(entry) = entries.iter_mut().find(|entry| entry.key == charge.key) {
                let (receipt, charged) = add(entry, now, index, charge)?;
                entry.charged = charged;
                return Ok(receipt);
            }
            let (receipt, charged) = add(
                &Entry {
                    key: charge.key,
                    charged: Vec::new(),
                },
                now,
                index,
                charge,
            )?;
            entries.retain(|entry| !entry.charged.is_empty());
            if entries.len() >= BUCKET_LEN {
                for entry in entries.iter_mut() {
                    entry.expire(now.seconds());
                }
                entries.retain(|entry| !entry.charged.is_empty());
            }
            if entries.len() >= BUCKET_LEN {
                let ends = entries
                    .iter()
                    .filter_map(|entry| entry.charged.iter().map(|(span, _)| span.end).max());
                let retry_after = seconds_until(ends.min().unwrap_or(i64::MAX), now);
                return Err(ReserveError::Full { index, retry_after });
            }
            entries.push(Entry {
                key: charge.key,
                charged,
            });
            Ok(receipt)
        })
    }

    /// Reads a bucket, changes it, and stores it if nobody else did in between; else begins again.
    fn update<T>(
        &self,
        store: &mut dyn Store,
        key: CounterKey,
        mut change: impl FnMut(&mut Vec<Entry>) -> Result<T, ReserveError>,
    ) -> Result<T, ReserveError> {
        let name = self.bucket_name(key);
        for _ in 0..ATTEMPTS {
            let (mut entries, version) = match store.load(&name)? {
                Some((bytes, version)) => (
                    bucket::decode(&bytes).ok_or(ReserveError::Lost)?,
                    Some(version),
                ),
                None => (Vec::new(), None),
            };
            let result = change(&mut entries)?;
            match store.save(&name, &bucket::encode(&entries), version) {
                Ok(()) => return Ok(result),
                Err(SaveError::Conflict) => {}
                Err(SaveError::Failed) => return Err(ReserveError::Lost),
            }
        }
        Err(ReserveError::Lost)
    }

    fn bucket_name(&self, key: CounterKey) -> String {
        format!(
            "toolgate.counters.{}.{}",
            self.buckets,
            key.place(self.buckets)
        )
    }
}

/// The receipt for a charge and the spans with it added, if it fits. `entry` holds only what still counts.
fn add(
    entry: &Entry,
    now: Timestamp,
    index: usize,
    charge: &Charge,
) -> Result<(Receipt, Vec<(Span, i128)>), ReserveError> {
    let exceeded = |retry_after| ReserveError::Exceeded { index, retry_after };
    let before = entry.used().ok_or(exceeded(None))?;
    let after = before
        .checked_add(charge.amount)
        .filter(|after| *after <= charge.max);
    let Some(after) = after else {
        return Err(exceeded(room_after(entry, now, charge)));
    };
    let mut charged = entry.charged.clone();
    let current = charge.window.at(now);
    // A clock that went back stays in the span it had reached: it opens no new allowance.
    let span = match charged.last_mut() {
        Some((last, amount)) if current.start <= last.start => {
            *amount = amount.checked_add(charge.amount).ok_or(exceeded(None))?;
            *last
        }
        _ => {
            charged.push((current, charge.amount));
            current
        }
    };
    Ok((
        Receipt {
            key: charge.key,
            span,
            amount: charge.amount,
            before,
            after,
        },
        charged,
    ))
}

/// Seconds until enough has expired for the charge to fit; `None` if it never does.
fn room_after(entry: &Entry, now: Timestamp, charge: &Charge) -> Option<u64> {
    let room = charge
        .max
        .checked_sub(charge.amount)
        .filter(|room| *room >= 0)?;
    let mut left = entry.used().unwrap_or(i128::MAX);
    for (span, amount) in &entry.charged {
        left = left.saturating_sub(*amount);
        if left <= room {
            return Some(seconds_until(span.end, now));
        }
    }
    None
}

fn seconds_until(end: i64, now: Timestamp) -> u64 {
    u64::try_from(end.saturating_sub(now.seconds()).max(1)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[derive(Default)]
    struct Memory {
        values: HashMap<String, (Vec<u8>, u32)>,
        conflicts: usize,
    }

    impl Store for Memory {
        fn load(
            &mut self,
            key: &str,
        ) -> Result<Option<(Vec<u8>, super::super::Version)>, StoreLost> {
            Ok(self
                .values
                .get(key)
                .map(|(value, version)| (value.clone(), super::super::Version(*version))))
        }

        fn save(
            &mut self,
            key: &str,
            value: &[u8],
            expected: Option<super::super::Version>,
        ) -> Result<(), SaveError> {
            if self.conflicts > 0 {
                self.conflicts -= 1;
                return Err(SaveError::Conflict);
            }
            let current = self
                .values
                .get(key)
                .map(|(_, version)| super::super::Version(*version));
            if current != expected {
                return Err(SaveError::Conflict);
            }
            let next = current.map_or(1, |version| version.0 + 1);
            self.values.insert(key.to_owned(), (value.to_vec(), next));
            Ok(())
        }

        fn put(&mut self, key: &str, value: &[u8]) -> Result<(), StoreLost> {
            let next = self.values.get(key).map_or(1, |(_, version)| version + 1);
            self.values.insert(key.to_owned(), (value.to_vec(), next));
            Ok(())
        }
    }

    fn charge(name: &str, amount: i128, max: i128) -> Charge {
        Charge {
            key: CounterKey::new(&[name.as_bytes()]),
            window: Window::Hour,
            amount,
            max,
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_nanos((1_768_471_200 + seconds) * 1_000_000_000)
    }

    #[test]
    fn counts_to_its_maximum_and_starts_again_in_the_next_window() {
        let (table, mut store) = (Table::new(64), Memory::default());
        for _ in 0..3 {
            table
                .reserve(&mut store, at(10), &[charge("a", 1, 3)])
                .unwrap();
        }
        let refused = table
            .reserve(&mut store, at(10), &[charge("a", 1, 3)])
            .unwrap_err();
        assert_eq!(
            refused,
            ReserveError::Exceeded {
                index: 0,
                retry_after: Some(3590)
            }
        );
        table
            .reserve(&mut store, at(10), &[charge("a", 0, 3)])
            .expect("an amount of 0 passes at the limit");
        table
            .reserve(&mut store, at(3600), &[charge("a", 3, 3)])
            .expect("the next hour is another window");
    }

    #[test]
    fn all_or_nothing() {
        let (table, mut store) = (Table::new(64), Memory::default());
        let refused = table
            .reserve(&mut store, at(0), &[charge("a", 2, 5), charge("b", 9, 5)])
            .unwrap_err();
        assert_eq!(
            refused,
            ReserveError::Exceeded {
                index: 1,
                retry_after: None
            }
        );
        assert_eq!(
            table.used(&mut store, at(0), CounterKey::new(&[b"a"])),
            Ok(0)
        );
    }

    #[test]
    fn refunds_only_into_the_window_that_was_charged() {
        let (table, mut store) = (Table::new(64), Memory::default());
        let key = CounterKey::new(&[b"a"]);
        let receipt = table
            .reserve(&mut store, at(0), &[charge("a", 5, 5)])
            .unwrap()
            .remove(0);
        table
            .reserve(&mut store, at(3600), &[charge("a", 4, 5)])
            .unwrap();
        table.refund(&mut store, &receipt);
        assert_eq!(table.used(&mut store, at(3600), key), Ok(4));
        let receipt = table
            .reserve(&mut store, at(3600), &[charge("a", 1, 5)])
            .unwrap()
            .remove(0);
        table.refund(&mut store, &receipt);
        assert_eq!(table.used(&mut store, at(3600), key), Ok(4));
    }

    #[test]
    fn a_clock_that_goes_back_opens_no_new_allowance() {
        let (table, mut store) = (Table::new(64), Memory::default());
        table
            .reserve(&mut store, at(3600), &[charge("a", 5, 5)])
            .unwrap();
        let refused = table
            .reserve(&mut store, at(3599), &[charge("a", 1, 5)])
            .unwrap_err();
        assert_eq!(
            refused,
            ReserveError::Exceeded {
                index: 0,
                retry_after: Some(3601)
            }
        );
    }

    #[test]
    fn rolling_windows_let_go_bit_by_bit_and_never_too_early() {
        let (table, mut store) = (Table::new(64), Memory::default());
        let rolling = |amount| Charge {
            window: Window::Rolling(3600),
            ..charge("a", amount, 3)
        };
        table.reserve(&mut store, at(30), &[rolling(1)]).unwrap();
        table.reserve(&mut store, at(1800), &[rolling(2)]).unwrap();
        let refused = table
            .reserve(&mut store, at(3600), &[rolling(1)])
            .unwrap_err();
        assert_eq!(
            refused,
            ReserveError::Exceeded {
                index: 0,
                retry_after: Some(60)
            }
        );
        table
            .reserve(&mut store, at(3660), &[rolling(1)])
            .expect("the first charge is over an hour old");
        let refused = table
            .reserve(&mut store, at(3660), &[rolling(1)])
            .unwrap_err();
        assert_eq!(
            refused,
            ReserveError::Exceeded {
                index: 0,
                retry_after: Some(1800)
            }
        );
    }

    #[test]
    fn peeking_charges_nothing() {
        let (table, mut store) = (Table::new(64), Memory::default());
        for _ in 0..3 {
            table.peek(&mut store, at(0), &[charge("a", 2, 3)]).unwrap();
        }
        table
            .reserve(&mut store, at(0), &[charge("a", 2, 3)])
            .unwrap();
        assert!(table.peek(&mut store, at(0), &[charge("a", 2, 3)]).is_err());
    }

    #[test]
    fn a_full_bucket_refuses_until_something_expires() {
        let (table, mut store) = (Table::new(1), Memory::default());
        for index in 0..BUCKET_LEN {
            table
                .reserve(&mut store, at(0), &[charge(&index.to_string(), 1, 1)])
                .unwrap();
        }
        let refused = table
            .reserve(&mut store, at(60), &[charge("more", 1, 1)])
            .unwrap_err();
        assert_eq!(
            refused,
            ReserveError::Full {
                index: 0,
                retry_after: 3540
            }
        );
        table
            .reserve(&mut store, at(3600), &[charge("more", 1, 1)])
            .expect("expired counters make room");
    }

    #[test]
    fn conflicts_are_tried_again_and_overflow_refuses() {
        let (table, mut store) = (
            Table::new(64),
            Memory {
                conflicts: 5,
                ..Memory::default()
            },
        );
        table
            .reserve(&mut store, at(0), &[charge("a", i128::MAX, i128::MAX)])
            .unwrap();
        assert!(
            table
                .reserve(&mut store, at(0), &[charge("a", 1, i128::MAX)])
                .is_err()
        );
    }
}
