//! Cancelled calls: `notifications/cancelled` comes as a request of its own, on whatever worker, and the call it is
//! about is held elsewhere.

use super::binding::{Binding, hex};
use crate::counters::{Store, StoreLost, change};
use crate::identity::Principal;
use crate::json::{Document, Limits, canonical};
use crate::time::Timestamp;

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
pub fn cancel(store: &mut dyn Store, now: Timestamp, call: &CallId) -> Result<(), StoreLost> {
    change(store, &call.key(), &mut |value| {
        let before = std::str::from_utf8(value).unwrap_or_default();
        let mut lines: Vec<&str> = before.lines().collect();
        let oldest = lines.len().saturating_add(1).saturating_sub(BOX_LEN);
        lines.drain(..oldest.min(lines.len()));
        let mut after = lines.join("\n");
        if !after.is_empty() {
            after.push('\n');
        }
        after.push_str(&call.0);
        after.push(' ');
        after.push_str(&now.nanos().to_string());
        Some(after.into_bytes())
    })
}

/// Whether a call was cancelled at or after this time: ids come again, and an old cancellation is not this call's.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub fn was_cancelled(
    store: &mut dyn Store,
    since: Timestamp,
    call: &CallId,
) -> Result<bool, StoreLost> {
    let Some((value, _)) = store.load(&call.key())? else {
        return Ok(false);
    };
    let text = std::str::from_utf8(&value).unwrap_or_default();
    let this = |line: &str| {
        let at = line.strip_prefix(&*call.0)?.trim_start().parse::<u64>();
        at.ok()
    };
    Ok(text.lines().filter_map(this).any(|at| at >= since.nanos()))
}
