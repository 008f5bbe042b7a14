//! Sessions, for counters that count by them.
//!
//! A client may send any session id it likes. Only those count which the gate saw a server issue to the same
//! principal, and only so many of them, or a caller could open a fresh allowance with every request. Callers who are one
//! principal because nobody identifies them are issued so many for each network.
//!
//! Sessions stand in a table of their own, so that they take no room from counters; what one caller is issued takes none from
//! [another](crate::shares).

use crate::counters::{CounterKey, Store, StoreLost, Table, Window, change};
use crate::identity::Principal;
use crate::shares::{Entry, List};
use crate::text::hex;
use crate::time::Timestamp;

/// How long a session is remembered, in seconds: a week.
const REMEMBERED: i64 = 604_800;

/// Most sessions one caller may be issued in a day and have counted.
const MOST_PER_DAY: u64 = 1000;

/// Entries of one list.
const LIST_LEN: usize = 64;

/// What stands before the number of sessions that a caller was issued.
const ISSUED: &str = "issued ";

fn key(principal: &Principal, session: &str) -> CounterKey {
    let [source, realm, id] = principal.key();
    CounterKey::new(&[b"session", source, realm, id, session.as_bytes()])
}

/// Whether a server issued this session to this principal.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub fn is_known(
    table: &Table,
    store: &mut dyn Store,
    now: Timestamp,
    principal: &Principal,
    session: &str,
) -> Result<bool, StoreLost> {
    let key = key(principal, session);
    let Some((value, _)) = store.load(&table.sessions(key))? else {
        return Ok(false);
    };
    let text = hex(&key.0);
    let is = |entry: &Entry| entry.text == text && now.seconds() < entry.until;
    Ok(List::read(&value).entries.iter().any(is))
}

/// Remembers a session a server has just issued. One that cannot be remembered is not known later, and what counts
/// by session refuses it.
pub fn remember(
    table: &Table,
    store: &mut dyn Store,
    now: Timestamp,
    principal: &Principal,
    session: &str,
) {
    if !issue(table, store, now, principal).unwrap_or(false) {
        return;
    }
    let key = key(principal, session);
    let entry = Entry {
        share: principal.share(),
        until: now.seconds().saturating_add(REMEMBERED),
        text: hex(&key.0),
    };
    let _unknown_later = change(store, &table.sessions(key), &mut |value| {
        let mut list = List::read(value);
        list.entries.retain(|known| known.text != entry.text);
        let known = list.add(now.seconds(), LIST_LEN, entry.clone());
        known.then(|| list.write())
    });
}

/// Counts a session among those the caller was issued today; false if they are too many.
fn issue(
    table: &Table,
    store: &mut dyn Store,
    now: Timestamp,
    principal: &Principal,
) -> Result<bool, StoreLost> {
    let share = principal.share();
    let [source, realm, id] = principal.key();
    let network = principal.network.as_deref().unwrap_or_default();
    let place = CounterKey::new(&[b"sessions", source, realm, id, network.as_bytes()]);
    let count = |entry: &Entry| {
        let number = entry.text.strip_prefix(ISSUED)?;
        number.parse::<u64>().ok()
    };
    let mut fits = false;
    change(store, &table.sessions(place), &mut |value| {
        let mut list = List::read(value);
        let is = |entry: &Entry| entry.share == share && now.seconds() < entry.until;
        let found = list
            .entries
            .iter()
            .position(|entry| is(entry) && count(entry).is_some());
        let issued = found.map(|found| list.entries.remove(found));
        let before = issued.as_ref().and_then(count).unwrap_or(0);
        fits = before < MOST_PER_DAY;
        if !fits {
            return None;
        }
        let entry = Entry {
            share,
            until: issued.map_or(Window::Day.at(now).end, |issued| issued.until),
            text: format!("{ISSUED}{}", before.saturating_add(1)),
        };
        if !list.add(now.seconds(), LIST_LEN, entry.clone()) {
            // Of many callers who have one entry each, who was issued least may begin anew.
            let counted = list.entries.iter().enumerate();
            let counted = counted.filter_map(|(place, entry)| Some((count(entry)?, place)));
            fits = counted.min().is_some_and(|(_, place)| {
                list.entries.remove(place);
                list.add(now.seconds(), LIST_LEN, entry.clone())
            });
        }
        fits.then(|| list.write())
    })?;
    Ok(fits)
}
