//! Where a question stands, or can be put: a few of all slots, told by what it is bound to.
//!
//! Where others' questions wait in all of these, [the share of who asks most](payer) pays: its newest question gives way. What
//! was rejected takes no place from anybody, whether its caller has heard of that or not.

use super::binding::Binding;
use super::question::{Question, State};
use crate::counters::{Store, StoreLost, Version};
use crate::shares::{Share, payer};
use crate::time::Timestamp;

/// Most slots a table has.
pub const MAX_SLOTS: usize = 4096;

/// Slots that are tried for a question.
const PROBES: usize = 32;

/// Longest time after which a refused caller is told to try again, in seconds: people may decide any moment.
const MOST_PATIENCE: i64 = 60;

/// The name of a slot.
pub(super) fn key(slot: usize) -> String {
    format!("toolgate.approval.{slot}")
}

/// The slots of a question, in the order in which they are tried.
fn probes(binding: Binding, slots: usize) -> impl Iterator<Item = usize> {
    let slots = slots.clamp(1, MAX_SLOTS);
    let (start, step) = binding.numbers();
    let wrap = |number: u32| {
        usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_rem(slots))
            .unwrap_or(0)
    };
    let (mut at, mut step) = (wrap(start), wrap(step).max(1));
    // Without a common divisor every slot has its turn.
    while !coprime(step, slots) {
        step = step.saturating_add(1);
    }
    std::iter::from_fn(move || {
        let slot = at;
        at = at.saturating_add(step).checked_rem(slots).unwrap_or(0);
        Some(slot)
    })
    .take(PROBES.min(slots))
}

fn coprime(mut left: usize, mut right: usize) -> bool {
    while let Some(rest) = left.checked_rem(right) {
        (left, right) = (right, rest);
    }
    left == 1
}

/// What the slots of a binding hold.
pub(super) enum Place {
    Found(Box<Question>, Version, usize),
    Free(Option<Version>, usize, i64),
    Full { retry_after: u64 },
}

/// Slots that a question can be put into, the best first.
#[derive(Default)]
struct Slots {
    /// Nobody will ask about what is in it.
    free: Option<Slot>,
    /// Its end is yet to be announced.
    unannounced: Option<Slot>,
    /// Its caller has not heard of the rejection.
    untold: Option<Slot>,
    /// Questions that wait.
    pending: Vec<(Question, Slot)>,
}

/// A slot, the version of what is in it, and the round of what may come into it.
#[derive(Clone, Copy)]
struct Slot(Option<Version>, usize, i64);

impl Slots {
    /// Notes a slot with a question that is not the one that is looked for.
    fn note(&mut self, now: Timestamp, question: Question, version: Version, slot: usize) {
        let slot = Slot(Some(version), slot, question.round.saturating_add(1));
        let announced = question.next_event().is_none();
        let best = match question.state_at(now) {
            State::Pending => return self.pending.push((question, slot)),
            State::Approved => return,
            _ if question.is_over(now) && announced => &mut self.free,
            _ if question.is_over(now) => &mut self.unannounced,
            _ => &mut self.untold,
        };
        best.get_or_insert(slot);
    }

    /// The one to take for a question of this holder.
    fn choose(self, asks: Share) -> Option<Slot> {
        let spare = self.free.or(self.unannounced).or(self.untold);
        spare.or_else(|| {
            let taken = self.pending.iter().map(|(question, _)| (question.share, 1));
            let pays = payer(asks, 1, taken);
            let gives_way = |(question, _): &&(Question, Slot)| question.share == pays;
            let theirs = self.pending.iter().filter(gives_way);
            let newest = theirs.max_by_key(|(question, _)| question.created);
            newest.filter(|_| pays != asks).map(|(_, slot)| *slot)
        })
    }
}

/// Looks for the question with this binding, or for a slot for one of this holder.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub(super) fn find(
    store: &mut dyn Store,
    now: Timestamp,
    slots: usize,
    binding: Binding,
    asks: Share,
) -> Result<Place, StoreLost> {
    let hex = binding.to_hex();
    let mut places = Slots::default();
    let mut patience = MOST_PATIENCE;
    for slot in probes(binding, slots) {
        let Some((value, version)) = store.load(&key(slot))? else {
            // Slots never become absent again: nothing was ever put behind this one.
            places.free = places.free.or(Some(Slot(None, slot, 0)));
            break;
        };
        let Some(question) = Question::read(&value) else {
            continue;
        };
        if !question.is_over(now) {
            if question.binding == hex {
                return Ok(Place::Found(Box::new(question), version, slot));
            }
            patience = patience.min(question.expires.saturating_sub(now.seconds()));
        }
        places.note(now, question, version, slot);
    }
    Ok(match places.choose(asks) {
        Some(Slot(version, slot, round)) => Place::Free(version, slot, round),
        None => Place::Full {
            retry_after: u64::try_from(patience.max(1)).unwrap_or(1),
        },
    })
}
