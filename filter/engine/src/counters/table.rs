//! The table of counters: fixed in size, whatever callers send.

use super::bucket::{self, Entry};
use super::charge::{Charge, CounterKey, Receipt, ReserveError};
use super::window::Span;
use super::{ATTEMPTS, SaveError, Store, StoreLost, change};
use crate::time::Timestamp;

#[cfg(test)]
mod tests;

/// Counters a bucket holds at most, where the table is as large as it began. Large enough that the fullest of a thousand buckets is not full long
/// before the table is: at half load one in 10^4 overflows.
const BUCKET_LEN: usize = 64;

/// How far a clock may be put back, in seconds, without opening an allowance anew in a table that is not full.
const GRACE: i64 = 7200;

/// Counters a bucket holds at most in a table that was made smaller, and in one that was made larger. With fewer, counters that
/// meet in a bucket would be refused although the table is empty; with more, each charge would have to write too much.
const BUCKET_LENS: (usize, usize) = (8, 1024);

/// Where a store keeps how many buckets the counters in it are spread over.
const LAYOUT: &str = "toolgate.counters.layout";

/// The layout of the table in its store.
#[derive(Clone, Debug)]
pub struct Table {
    buckets: u32,
    bucket_len: usize,
}

impl Table {
    /// A table of about `max_entries` counters, at least one bucket of 64.
    pub fn new(max_entries: usize) -> Self {
        let buckets = max_entries.checked_div(BUCKET_LEN).unwrap_or(1).max(1);
        Table {
            buckets: u32::try_from(buckets).unwrap_or(u32::MAX),
            bucket_len: BUCKET_LEN,
        }
    }

    /// Goes over to the layout that the counters of this store have, and makes it this one's where there are none: how many
    /// there may be is no part of what a counter is. A table of another size has buckets of another length, from 8 to 1024
    /// counters; beyond that its size changes when the store is a new one.
    ///
    /// # Errors
    /// [`StoreLost`] when the store cannot tell.
    pub fn join(&mut self, store: &mut dyn Store) -> Result<(), StoreLost> {
        let own = self.buckets;
        let mut joined = own;
        change(store, LAYOUT, &mut |value| {
            let there = std::str::from_utf8(value).ok();
            joined = there
                .and_then(|there| there.parse().ok())
                .filter(|buckets| *buckets > 0)
                .unwrap_or(own);
            value.is_empty().then(|| own.to_string().into_bytes())
        })?;
        let size = u64::from(own).saturating_mul(BUCKET_LEN as u64);
        let share = size.div_ceil(u64::from(joined).max(1));
        let (least, most) = BUCKET_LENS;
        self.bucket_len = usize::try_from(share).unwrap_or(most).clamp(least, most);
        self.buckets = joined;
        Ok(())
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
            if entries.len() >= self.bucket_len {
                for entry in entries.iter_mut() {
                    entry.expire(now.seconds());
                }
                entries.retain(|entry| !entry.charged.is_empty());
            }
            if entries.len() >= self.bucket_len {
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

    /// The name of the list that a session stands in. There are as many as buckets.
    pub(crate) fn sessions(&self, key: CounterKey) -> String {
        format!(
            "toolgate.sessions.{}.{}",
            self.buckets,
            key.place(self.buckets)
        )
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
