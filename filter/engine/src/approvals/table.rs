//! The table of questions: fixed in size, whatever callers send.

use std::collections::BTreeSet;

use super::binding::Binding;
use super::place::{MAX_SLOTS, Place, find, key};
use super::question::{Question, State};
use super::{Approver, DecideError};
use crate::counters::{SaveError, Store, StoreLost, change};
use crate::shares::Share;
use crate::text::clip_reason;
use crate::time::Timestamp;

/// Attempts at a slot that others change meanwhile.
const ATTEMPTS: usize = 100;

/// How many slots there are, for those who look at all of them.
const SLOTS: &str = "toolgate.approvals";

/// Why a question was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskError {
    /// No slot is free; one may be after so many seconds.
    Full {
        /// Seconds, at least 1.
        retry_after: u64,
    },
    /// The store is lost.
    Lost,
}

impl From<StoreLost> for AskError {
    fn from(_: StoreLost) -> Self {
        AskError::Lost
    }
}

/// The slot in an id.
fn slot_of(id: &str) -> Option<usize> {
    let (slot, digits) = id.split_once('-')?;
    let plain = !slot.is_empty()
        && slot.len() <= 4
        && slot.bytes().all(|byte| byte.is_ascii_digit())
        && digits.len() == 16;
    plain.then(|| slot.parse().ok()).flatten()
}

/// Says how many slots a gate uses, so that a console looks at all of them.
///
/// # Errors
/// [`StoreLost`] when that could not be stored.
pub fn announce_slots(store: &mut dyn Store, slots: usize) -> Result<(), StoreLost> {
    change(store, SLOTS, &mut |value| {
        (read_slots(value) < slots).then(|| slots.to_string().into_bytes())
    })
}

fn read_slots(value: &[u8]) -> usize {
    let number = std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok());
    number.unwrap_or(0).min(MAX_SLOTS)
}

pub(super) fn slots(store: &mut dyn Store) -> Result<usize, StoreLost> {
    let value = store.load(SLOTS)?;
    Ok(value.map_or(0, |(value, _)| read_slots(&value)))
}

/// Asks a person, or finds that somebody was asked already. `new` is the question without its id; `slots` is
/// `approvals.max_pending`. Returns the question that stands: pending, approved but not yet used, or rejected, which
/// is told this once.
///
/// # Errors
/// No free slot, or a lost store: nobody is asked, and nothing may be forwarded.
pub fn ask(
    store: &mut dyn Store,
    now: Timestamp,
    slots: usize,
    binding: Binding,
    new: &Question,
) -> Result<Question, AskError> {
    for _ in 0..ATTEMPTS {
        let (question, version, slot) = match find(store, now, slots, binding, new.share)? {
            Place::Full { retry_after } => return Err(AskError::Full { retry_after }),
            Place::Free(version, slot, round) => {
                // The same on every worker, and another one each time.
                let seed =
                    Binding::of(&[&binding.0, &now.nanos().to_be_bytes(), &round.to_be_bytes()]);
                let digits = seed.to_hex();
                let mut question = new.clone();
                question.round = round;
                question.id = format!("{slot}-{}", digits.get(..16).unwrap_or_default());
                question.binding = binding.to_hex();
                (question, version, slot)
            }
            Place::Found(mut question, version, slot) => {
                match question.state {
                    State::Pending if new.waiting > 0 => {
                        question.waiting = question.waiting.saturating_add(1);
                        question.held_until = question.held_until.max(new.held_until);
                    }
                    State::Rejected => question.closed = true,
                    _ => return Ok(*question),
                }
                (*question, Some(version), slot)
            }
        };
        match store.save(&key(slot), question.to_json().as_bytes(), version) {
            Ok(()) => return Ok(question),
            Err(SaveError::Conflict) => {}
            Err(SaveError::Failed) => return Err(AskError::Lost),
        }
    }
    Err(AskError::Lost)
}

/// Changes the question with this id; what `edit` leaves alone is not stored. Returns it as it is then; `None` if there
/// is none.
pub(super) fn edit(
    store: &mut dyn Store,
    id: &str,
    edit: &mut dyn FnMut(&mut Question) -> bool,
) -> Result<Option<Question>, StoreLost> {
    let Some(slot) = slot_of(id) else {
        return Ok(None);
    };
    let mut found = None;
    change(store, &key(slot), &mut |value| {
        found = Question::read(value).filter(|question| question.id == id);
        let question = found.as_mut()?;
        edit(question).then(|| question.to_json().into_bytes())
    })?;
    Ok(found)
}

/// Notes that the time of a question is over, so that a clock that goes back opens nothing again.
fn expire(question: &mut Question, now: Timestamp) -> bool {
    let expired = question.state_at(now) == State::Expired && question.state != State::Expired;
    if expired {
        question.state = State::Expired;
    }
    expired
}

/// The question with this id as it is now; `None` if there is none any more.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub fn look(
    store: &mut dyn Store,
    now: Timestamp,
    id: &str,
) -> Result<Option<Question>, StoreLost> {
    edit(store, id, &mut |question| expire(question, now))
}

/// A person's answer. Returns the question as it is then.
///
/// # Errors
/// Why nothing was decided.
pub fn decide(
    store: &mut dyn Store,
    now: Timestamp,
    id: &str,
    approve: bool,
    by: &Approver<'_>,
    reason: &str,
) -> Result<Question, DecideError> {
    let mut refused = None;
    let question = edit(store, id, &mut |question| {
        let expired = expire(question, now);
        refused = if question.state != State::Pending {
            Some(DecideError::Closed(question.state))
        } else if !by.may_decide(question) {
            Some(DecideError::NotApprover)
        } else if approve && by.is_own(question) {
            Some(DecideError::OwnCall)
        } else {
            None
        };
        if refused.is_some() {
            return expired;
        }
        question.state = if approve {
            State::Approved
        } else {
            State::Rejected
        };
        question.decided_by = Some(by.id.to_owned());
        question.decided_reason = (!reason.is_empty()).then(|| clip_reason(reason));
        // 0 stands for nobody.
        question.decided_at = now.seconds().max(1);
        true
    });
    let question = question.map_err(|StoreLost| DecideError::Lost)?;
    let question = question.ok_or(DecideError::Unknown)?;
    refused.map_or(Ok(question), Err)
}

/// Uses an approval up; false if it is none, or was used by another call.
///
/// # Errors
/// [`StoreLost`] when that could not be stored: nothing is released then.
pub fn consume(store: &mut dyn Store, now: Timestamp, id: &str) -> Result<bool, StoreLost> {
    let mut used = false;
    edit(store, id, &mut |question| {
        used = question.state_at(now) == State::Approved;
        if used {
            question.state = State::Used;
            question.used_at = now.seconds();
        }
        used || expire(question, now)
    })?;
    Ok(used)
}

/// Notes that the caller was told of a rejection: a repeat asks anew.
///
/// # Errors
/// [`StoreLost`] when that could not be stored.
pub fn close(store: &mut dyn Store, id: &str) -> Result<(), StoreLost> {
    edit(store, id, &mut |question| {
        let tell = question.state == State::Rejected && !question.closed;
        question.closed |= tell;
        tell
    })?;
    Ok(())
}

/// A call is held for this question no longer. With `withdraw` its caller does not want it any more: if no other call
/// waits for the question it ends here, approved or not.
///
/// # Errors
/// [`StoreLost`] when that could not be stored.
pub fn leave(store: &mut dyn Store, id: &str, withdraw: bool) -> Result<(), StoreLost> {
    edit(store, id, &mut |question| {
        if !matches!(question.state, State::Pending | State::Approved) {
            return false;
        }
        question.waiting = question.waiting.saturating_sub(1).max(0);
        if question.waiting == 0 {
            question.held_until = 0;
            if withdraw {
                question.state = State::Withdrawn;
            }
        }
        true
    })?;
    Ok(())
}

/// Ends all open questions of these holders, who may not call any more: their places are others' at once.
///
/// # Errors
/// [`StoreLost`] when that could not be stored.
pub fn withdraw(store: &mut dyn Store, holders: &BTreeSet<Share>) -> Result<(), StoreLost> {
    if holders.is_empty() {
        return Ok(());
    }
    for slot in 0..slots(store)? {
        change(store, &key(slot), &mut |value| {
            let mut question = Question::read(value)?;
            let open = matches!(question.state, State::Pending | State::Approved);
            (open && holders.contains(&question.share)).then(|| {
                question.state = State::Withdrawn;
                question.to_json().into_bytes()
            })
        })?;
    }
    Ok(())
}

/// All questions, with the state they are in now, in no particular order. Answered ones are there until their slot is
/// needed.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub fn list(store: &mut dyn Store, now: Timestamp) -> Result<Vec<Question>, StoreLost> {
    let mut questions = Vec::new();
    for slot in 0..slots(store)? {
        if let Some((value, _)) = store.load(&key(slot))?
            && let Some(mut question) = Question::read(&value)
        {
            question.state = question.state_at(now);
            questions.push(question);
        }
    }
    Ok(questions)
}

/// The stored text of a slot, for those who look for work.
pub(super) fn stored(store: &mut dyn Store, slot: usize) -> Result<Option<Vec<u8>>, StoreLost> {
    Ok(store.load(&key(slot))?.map(|(value, _)| value))
}
