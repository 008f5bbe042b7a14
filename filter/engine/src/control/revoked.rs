//! Grants that an operator took back.

use std::collections::BTreeSet;

use crate::approvals;
use crate::counters::{CounterKey, Store, StoreLost, change};
use crate::identity::Grant;
use crate::json::{Document, Limits, ObjectWriter, Value, quoted};
use crate::text::clip_reason;
use crate::time::Timestamp;

/// Lists of revoked grants.
const LISTS: u32 = 64;

/// Most grants of one list. A grant that finds it full is not revoked, and its operator told so.
const LIST_LEN: usize = 64;

/// A grant that was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its id.
    pub grant: String,
    /// Who took it back.
    pub by: String,
    /// In the operator's words; may be empty.
    pub reason: String,
    /// When, in seconds.
    pub at: i64,
}

fn key(grant: &str) -> String {
    list_key(CounterKey::new(&[b"grant", grant.as_bytes()]).place(LISTS))
}

fn list_key(index: u32) -> String {
    format!("toolgate.revoked.{index}")
}

/// Whether a grant was taken back.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell, or holds something unreadable: the caller is nobody then.
pub fn is_revoked(store: &mut dyn Store, grant: &str) -> Result<bool, StoreLost> {
    let Some((value, _)) = store.load(&key(grant))? else {
        return Ok(false);
    };
    let text = std::str::from_utf8(&value).map_err(|_foreign| StoreLost)?;
    // Most grants of a list are others': read it only if this one may be among them.
    if !text.contains(&*quoted(grant)) {
        return Ok(false);
    }
    Ok(read(&value)?.iter().any(|revoked| revoked.grant == grant))
}

/// Takes a grant back; false if there is no room to remember it. One taken back twice keeps its first time. Its questions are
/// nobody's from then on.
///
/// # Errors
/// [`StoreLost`] when that could not be stored.
pub fn revoke(
    store: &mut dyn Store,
    now: Timestamp,
    grant: &str,
    by: &str,
    reason: &str,
) -> Result<bool, StoreLost> {
    let mut done = Ok(false);
    change(store, &key(grant), &mut |value| {
        let mut list = match read(value) {
            Ok(list) => list,
            Err(lost) => {
                done = Err(lost);
                return None;
            }
        };
        done = Ok(true);
        if list.iter().any(|revoked| revoked.grant == grant) {
            return None;
        }
        if list.len() >= LIST_LEN {
            done = Ok(false);
            return None;
        }
        list.push(Revoked {
            grant: grant.to_owned(),
            by: by.to_owned(),
            reason: clip_reason(reason),
            at: now.seconds(),
        });
        Some(write(&list))
    })?;
    if done == Ok(true) {
        // Otherwise they take their places until they expire.
        let _expire = approvals::withdraw(store, &BTreeSet::from([Grant::share(grant)]));
    }
    done
}

/// Gives a grant back; false if it was not taken.
///
/// # Errors
/// [`StoreLost`] when that could not be stored.
pub fn reinstate(store: &mut dyn Store, grant: &str) -> Result<bool, StoreLost> {
    let mut done = Ok(false);
    change(store, &key(grant), &mut |value| {
        let mut list = match read(value) {
            Ok(list) => list,
            Err(lost) => {
                done = Err(lost);
                return None;
            }
        };
        let before = list.len();
        list.retain(|revoked| revoked.grant != grant);
        done = Ok(list.len() < before);
        (list.len() < before).then(|| write(&list))
    })?;
    done
}

/// All grants that were taken back.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub fn revoked(store: &mut dyn Store) -> Result<Vec<Revoked>, StoreLost> {
    let mut all = Vec::new();
    for index in 0..LISTS {
        if let Some((value, _)) = store.load(&list_key(index))? {
            all.extend(read(&value)?);
        }
    }
    Ok(all)
}

fn read(value: &[u8]) -> Result<Vec<Revoked>, StoreLost> {
    if value.is_empty() {
        return Ok(Vec::new());
    }
    let document = Document::parse(value, &Limits::WIRE).map_err(|_foreign| StoreLost)?;
    let one = |value: Value<'_>| {
        Some(Revoked {
            grant: value.text_at("grant")?,
            by: value.text_at("by")?,
            reason: value.text_at("reason")?,
            at: value.integer_at("at")?,
        })
    };
    let list: Option<Vec<Revoked>> = document.root().items().map(one).collect();
    list.ok_or(StoreLost)
}

fn write(list: &[Revoked]) -> Vec<u8> {
    let mut out = "[".to_owned();
    for revoked in list {
        if out.len() > 1 {
            out.push(',');
        }
        let mut object = ObjectWriter::default();
        object.text("grant", &revoked.grant);
        object.text("by", &revoked.by);
        object.text("reason", &revoked.reason);
        object.number("at", revoked.at);
        out.push_str(&object.finish());
    }
    out.push(']');
    out.into_bytes()
}
