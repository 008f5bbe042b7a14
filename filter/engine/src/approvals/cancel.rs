//! Cancelled calls: `notifications/cancelled` comes as a request of its own, on whatever worker, and the call it is
//! about is held elsewhere.

use super::binding::Binding;
use crate::counters::{Store, StoreLost, change};
use crate::identity::Principal;
use crate::json::{Document, Limits, canonical};
use crate::text::hex;

/// Mailboxes.
const BOXES: u32 = 256;

/// Cancellations of one mailbox; the oldest gives way.
const BOX_LEN: usize = 16;

/// What a cancellation names: principal, session and request id, all three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallId(String, u32);

impl CallId {
    /// The call of this principal in this session with this id, as the token it was written as.
    pub fn new(principal: &Principal, session: Option<&str>, id: &str) -> Self {
        let [source, realm, name] = principal.key();
        // One spelling for every id, whatever its escapes.
        let parsed = Document::parse(id.as_bytes(), &Limits::WIRE);
        let id = parsed.map_or_else(|_| id.to_owned(), |id| canonical(id.root()));
        let has_session: &[u8] = if session.is_some() { b"1" } else { b"0" };
        let session = session.unwrap_or_default().as_bytes();
        let digest = Binding::of(&[
            b"cancel",
            source,
            realm,
            name,
            has_session,
            session,
            id.as_bytes(),
        ]);
        let (place, _) = digest.numbers();
        let short = digest.0.first_chunk::<16>().copied().unwrap_or_default();
        CallId(hex(&short), place.checked_rem(BOXES).unwrap_or(0))
    }

    fn key(&self) -> String {
        format!("toolgate.cancel.{}", self.1)
    }
}

/// Notes that a call was cancelled.
///
/// # Errors
/// [`StoreLost`] when that could not be stored.
pub fn cancel(store: &mut dyn Store, call: &CallId) -> Result<(), StoreLost> {
    change(store, &call.key(), &mut |value| {
        let before = std::str::from_utf8(value).unwrap_or_default();
        let next = last(before).saturating_add(1);
        let lines = before.lines().count();
        let mut after = String::new();
        for line in before
            .lines()
            .skip(lines.saturating_add(1).saturating_sub(BOX_LEN))
        {
            after.push_str(line);
            after.push('\n');
        }
        after.push_str(&call.0);
        after.push(' ');
        after.push_str(&next.to_string());
        Some(after.into_bytes())
    })
}

/// How far the mailbox of a call has come: cancellations from here on may be this call's. Ids come again, and an old
/// cancellation is another call's, whatever the clock does meanwhile.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub fn mark(store: &mut dyn Store, call: &CallId) -> Result<u64, StoreLost> {
    Ok(last(&read(store, call)?))
}

/// Whether a call was cancelled since this [`mark`].
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub fn was_cancelled(store: &mut dyn Store, mark: u64, call: &CallId) -> Result<bool, StoreLost> {
    let text = read(store, call)?;
    Ok(text
        .lines()
        .filter(|line| line.starts_with(&*call.0))
        .any(|line| number(line) > mark))
}

fn read(store: &mut dyn Store, call: &CallId) -> Result<String, StoreLost> {
    let value = store.load(&call.key())?;
    Ok(value
        .and_then(|(value, _)| String::from_utf8(value).ok())
        .unwrap_or_default())
}

fn last(text: &str) -> u64 {
    text.lines().map(number).max().unwrap_or(0)
}

/// The number of a line, which is what it ends with.
fn number(line: &str) -> u64 {
    let digits = line.rsplit(' ').next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
