//! Sessions, for counters that count by them.
//!
//! A client may send any session id it likes. Only those count which the gate saw a server issue to the same
//! principal, and only so many of them, or a caller could open a fresh allowance with every request.

use crate::counters::{Charge, CounterKey, Store, StoreLost, Table, Window};
use crate::identity::Principal;
use crate::time::Timestamp;

/// How long a session is remembered, in seconds: a week.
const REMEMBERED: Window = Window::Rolling(604_800);

/// Most sessions one principal may be issued in a day and have counted.
const MOST_PER_DAY: i128 = 1000;

fn key(principal: &Principal, session: &str) -> CounterKey {
    {
        let [source, realm, id] = principal.key();
        CounterKey::new(&[b"session", source, realm, id, session.as_bytes()])
    }
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
    table
        .used(store, now, key(principal, session))
        .map(|used| used > 0)
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
    let [source, realm, id] = principal.key();
    let issued = CounterKey::new(&[b"sessions", source, realm, id]);
    let charges = [
        Charge {
            key: issued,
            window: Window::Day,
            amount: 1,
            max: MOST_PER_DAY,
        },
        Charge {
            key: key(principal, session),
            window: REMEMBERED,
            amount: 1,
            max: i128::MAX,
        },
    ];
    let _unknown_later = table.reserve(store, now, &charges);
}
