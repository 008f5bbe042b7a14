//! Calls that their callers gave up after they were forwarded: what is charged for one is never given back, for it may have run,
//! whatever the server says of it.
//!
//! Cancellations of a caller stand in one mailbox of a fixed number. One that has to give way leaves behind until when that was
//! so: every call forwarded by then counts as given up, so that nobody hides a cancellation behind others.

use super::binding::Binding;
use crate::counters::{Store, StoreLost, change};
use crate::identity::Principal;
use crate::json::{Document, Limits, canonical};
use crate::text::hex;
use crate::time::Timestamp;

/// Mailboxes. Callers share them by chance.
const BOXES: u32 = 256;

/// Cancellations of one mailbox.
const BOX_LEN: usize = 32;

/// Notes that a caller cancelled the request with this id, given as its token.
///
/// # Errors
/// [`StoreLost`] when that could not be stored.
pub fn give_up(
    store: &mut dyn Store,
    now: Timestamp,
    principal: &Principal,
    id: &str,
) -> Result<(), StoreLost> {
    let (key, call) = places(principal, id);
    change(store, &key, &mut |value| {
        let mut mailbox = Mailbox::read(value).unwrap_or(Mailbox {
            gave_way: now.seconds(),
            calls: Vec::new(),
        });
        mailbox.calls.push((call.clone(), now.seconds()));
        while mailbox.calls.len() > BOX_LEN {
            let (_, at) = mailbox.calls.remove(0);
            mailbox.gave_way = mailbox.gave_way.max(at);
        }
        Some(mailbox.write())
    })
}

/// Whether a caller may have cancelled the request with this id, which was forwarded at `since`.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub fn may_be_given_up(
    store: &mut dyn Store,
    principal: &Principal,
    id: &str,
    since: Timestamp,
) -> Result<bool, StoreLost> {
    let (key, call) = places(principal, id);
    let Some((value, _)) = store.load(&key)? else {
        return Ok(false);
    };
    let Some(mailbox) = Mailbox::read(&value) else {
        return Ok(true);
    };
    let since = since.seconds();
    let named = |(of, at): &(String, i64)| *of == call && *at >= since;
    Ok(mailbox.gave_way >= since || mailbox.calls.iter().any(named))
}

/// The key of a caller's mailbox, and what stands in it for this id. Sessions and spellings do not count: servers differ in
/// what they tell apart.
fn places(principal: &Principal, id: &str) -> (String, String) {
    let [source, realm, name] = principal.key();
    let (place, _) = Binding::of(&[b"given up by", source, realm, name]).numbers();
    let place = place.checked_rem(BOXES).unwrap_or(0);
    let parsed = Document::parse(id.as_bytes(), &Limits::WIRE);
    let id = parsed.map_or_else(
        |_| id.to_owned(),
        |id| {
            let text = id.root().as_str().map(|text| text.into_owned());
            text.unwrap_or_else(|| canonical(id.root()))
        },
    );
    let call = Binding::of(&[b"given up", source, realm, name, id.as_bytes()]);
    let short = call.0.first_chunk::<16>().copied().unwrap_or_default();
    (format!("toolgate.given_up.{place}"), hex(&short))
}

/// Cancellations, oldest first, each with its second.
struct Mailbox {
    /// The last second of what had to give way.
    gave_way: i64,
    calls: Vec<(String, i64)>,
}

impl Mailbox {
    /// `None` if that is anything else.
    fn read(value: &[u8]) -> Option<Mailbox> {
        if value.is_empty() {
            return Some(Mailbox {
                gave_way: i64::MIN,
                calls: Vec::new(),
            });
        }
        let mut lines = std::str::from_utf8(value).ok()?.lines();
        let gave_way = lines.next()?.parse().ok()?;
        let calls = lines.map(|line| {
            let (call, at) = line.split_once(' ')?;
            Some((call.to_owned(), at.parse().ok()?))
        });
        Some(Mailbox {
            gave_way,
            calls: calls.collect::<Option<_>>()?,
        })
    }

    fn write(&self) -> Vec<u8> {
        let mut out = self.gave_way.to_string();
        for (call, at) in &self.calls {
            out.push_str(&format!("\n{call} {at}"));
        }
        out.into_bytes()
    }
}
