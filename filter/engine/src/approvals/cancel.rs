//! Cancelled calls: `notifications/cancelled` comes as a request of its own, on whatever worker, and the call it is
//! about is held elsewhere.
//!
//! Only a call that is held has a line, which it opens before anybody is asked about it. A cancellation is noted on the lines
//! of its own call, so that what others send hides none, and leaves nothing where no such call is held. Lines are bounded;
//! one that had to give way ends the wait of its call, which nobody could cancel any more.

use super::binding::Binding;
use crate::counters::{Store, StoreLost, change};
use crate::identity::Principal;
use crate::json::{Document, Limits, canonical};
use crate::shares::{Entry, List, Share};
use crate::text::hex;
use crate::time::Timestamp;

/// Mailboxes.
const BOXES: u32 = 256;

/// Lines of one mailbox.
const BOX_LEN: usize = 64;

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
        format!("toolgate.line.{}", self.1)
    }
}

/// Where a held call hears that it was cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    call: CallId,
    number: u64,
}

impl Line {
    /// Whether it is this call's.
    pub fn is_of(&self, call: &CallId) -> bool {
        self.call == *call
    }
}

/// What came over a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing.
    Nothing,
    /// The call was cancelled.
    Cancelled,
    /// Nobody can tell any more: the line was needed for another caller's call.
    Lost,
}

/// Opens a line for a call that is held until this second. Cancellations count from here on: ids come again, and an old
/// cancellation is another call's, whatever the clock does meanwhile. `None` where there is no room for another line of this
/// caller's: the call cannot be held.
///
/// # Errors
/// [`StoreLost`] when that could not be stored.
pub fn listen(
    store: &mut dyn Store,
    now: Timestamp,
    call: &CallId,
    share: Share,
    until: i64,
) -> Result<Option<Line>, StoreLost> {
    let mut opened = None;
    change(store, &call.key(), &mut |value| {
        let mut mailbox = List::read(value);
        let number = last(&mailbox).saturating_add(1);
        let entry = Entry {
            share,
            until,
            text: written(call, number, OPEN),
        };
        opened = mailbox.add(now.seconds(), BOX_LEN, entry).then_some(number);
        opened?;
        mailbox.head = number.to_string();
        Some(mailbox.write())
    })?;
    let line = |number| Line {
        call: call.clone(),
        number,
    };
    Ok(opened.map(line))
}

/// Notes that a call was cancelled, if it is held.
///
/// # Errors
/// [`StoreLost`] when that could not be stored.
pub fn cancel(store: &mut dyn Store, call: &CallId) -> Result<(), StoreLost> {
    change(store, &call.key(), &mut |value| {
        let mut mailbox = List::read(value);
        let mut news = false;
        for entry in &mut mailbox.entries {
            if let Some((of, number, OPEN)) = read(&entry.text)
                && of == call.0
            {
                entry.text = written(call, number, CANCELLED);
                news = true;
            }
        }
        news.then(|| mailbox.write())
    })
}

/// What came over a line so far.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub fn heard(store: &mut dyn Store, line: &Line) -> Result<Heard, StoreLost> {
    let value = store.load(&line.call.key())?;
    let mailbox = List::read(&value.map(|(value, _)| value).unwrap_or_default());
    let said = |said: &str| {
        let said = written(&line.call, line.number, said);
        mailbox.entries.iter().any(|entry| entry.text == said)
    };
    Ok(if said(CANCELLED) {
        Heard::Cancelled
    } else if said(OPEN) {
        Heard::Nothing
    } else {
        Heard::Lost
    })
}

/// The call is held no longer: its line is another's.
///
/// # Errors
/// [`StoreLost`] when that could not be stored; the line stays until its time is over.
pub fn hang_up(store: &mut dyn Store, line: &Line) -> Result<(), StoreLost> {
    let said = [OPEN, CANCELLED].map(|said| written(&line.call, line.number, said));
    change(store, &line.call.key(), &mut |value| {
        let mut mailbox = List::read(value);
        let before = mailbox.entries.len();
        mailbox.entries.retain(|entry| !said.contains(&entry.text));
        (mailbox.entries.len() < before).then(|| mailbox.write())
    })
}

const OPEN: &str = "open";
const CANCELLED: &str = "cancelled";

/// What stands on a line: the call, the number of the line, and what was heard. Numbers do not come again.
fn written(call: &CallId, number: u64, said: &str) -> String {
    format!("{} {number} {said}", call.0)
}

fn read(text: &str) -> Option<(&str, u64, &str)> {
    let mut words = text.split(' ');
    Some((words.next()?, words.next()?.parse().ok()?, words.next()?))
}

/// The number of the newest line of a mailbox, which stands before them all.
fn last(mailbox: &List) -> u64 {
    let lines = mailbox.entries.iter().filter_map(|entry| read(&entry.text));
    let newest = lines.map(|(_, number, _)| number).max();
    mailbox.head.parse().unwrap_or(0).max(newest.unwrap_or(0))
}
