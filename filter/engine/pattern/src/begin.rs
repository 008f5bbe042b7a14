//! Where a match may begin: most texts hold nothing of what a pattern asks for, and that can be told faster than by walking
//! through them state by state.

use memchr::{memchr, memchr2, memchr3};
use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::primitives::StateID;

use super::{Budget, TooMuchWork};

/// How many bytes from the beginning of a match are looked at.
const MOST: usize = 8;

/// The bytes that the first bytes of a match may be.
#[derive(Debug)]
pub(crate) struct Begin {
    /// For each byte value a bit for each place it may have.
    places: Box<[u8; 256]>,
    /// How many places are known, 1 to [`MOST`].
    known: usize,
    /// The place whose bytes are rarest.
    rarest: usize,
    scan: Scan,
}

/// How the rarest place is looked for.
#[derive(Debug)]
enum Scan {
    One(u8),
    Two(u8, u8),
    Three(u8, u8, u8),
    Table,
}

impl Begin {
    /// What every match begins with; `None` where that is too little, or too common in ordinary texts, to be worth looking for.
    pub(crate) fn of(nfa: &NFA) -> Option<Begin> {
        let mut places = Box::new([0_u8; 256]);
        let mut shares = Vec::new();
        let mut states = closure(nfa, [nfa.start_anchored()]);
        while shares.len() < MOST && !states.iter().any(|id| is_match(nfa, *id)) {
            let bit = 1_u8.checked_shl(u32::try_from(shares.len()).ok()?)?;
            let mut next = Vec::new();
            for id in &states {
                for (low, high, to) in transitions(nfa.state(*id)) {
                    for byte in low..=high {
                        *places.get_mut(usize::from(byte))? |= bit;
                    }
                    next.push(to);
                }
            }
            let bytes = (0..=u8::MAX).zip(places.iter());
            let bytes = bytes.filter(|(_, places)| **places & bit != 0);
            let share: u64 = bytes.map(|(byte, _)| per_mille(byte)).sum();
            shares.push((share, bit));
            states = closure(nfa, next);
        }
        let (rarest, (share, bit)) = shares
            .iter()
            .copied()
            .enumerate()
            .min_by_key(|(_, (share, _))| *share)?;
        // How many of a million places in a text look like a beginning.
        let candidates = shares.iter().fold(1_000_000_u64, |rest, (share, _)| {
            let rest = rest.saturating_mul(*share);
            rest.checked_div(1000).unwrap_or(0)
        });
        if share > MOST_PER_MILLE || candidates > MOST_CANDIDATES {
            return None;
        }
        let bytes: Vec<u8> = (0..=u8::MAX)
            .zip(places.iter())
            .filter_map(|(byte, places)| (places & bit != 0).then_some(byte))
            .collect();
        Some(Begin {
            places,
            known: shares.len(),
            rarest,
            scan: match *bytes {
                [one] => Scan::One(one),
                [one, two] => Scan::Two(one, two),
                [one, two, three] => Scan::Three(one, two, three),
                _ => Scan::Table,
            },
        })
    }

    /// The next place from `from` on where a match may begin. Each byte passed over costs a unit, and each that looked like a
    /// beginning another.
    ///
    /// # Errors
    /// That is more than is left.
    pub(crate) fn next(
        &self,
        text: &[u8],
        from: usize,
        budget: &Budget,
    ) -> Result<Option<usize>, TooMuchWork> {
        let mut from = from;
        loop {
            let scanned = from.saturating_add(self.rarest);
            let Some(found) = text.get(scanned..).and_then(|rest| self.scan(rest)) else {
                budget.spend_bytes(text.len().saturating_sub(from))?;
                return Ok(None);
            };
            budget.spend_bytes(found.saturating_add(1))?;
            let place = from.saturating_add(found);
            let begins = text.get(place..).unwrap_or_default();
            if begins.len() >= self.known && self.fits(begins) {
                return Ok(Some(place));
            }
            from = place.saturating_add(1);
            budget.spend(1)?;
        }
    }

    fn scan(&self, text: &[u8]) -> Option<usize> {
        match self.scan {
            Scan::One(one) => memchr(one, text),
            Scan::Two(one, two) => memchr2(one, two, text),
            Scan::Three(one, two, three) => memchr3(one, two, three, text),
            Scan::Table => text.iter().position(|byte| self.may_be(*byte, self.rarest)),
        }
    }

    fn fits(&self, text: &[u8]) -> bool {
        let mut known = text.iter().take(self.known).enumerate();
        known.all(|(place, byte)| self.may_be(*byte, place))
    }

    fn may_be(&self, byte: u8, place: usize) -> bool {
        let places = self.places.get(usize::from(byte)).copied().unwrap_or(0);
        places.wrapping_shr(u32::try_from(place).unwrap_or(0)) & 1 != 0
    }
}

/// Looking is given up where more than so many of a thousand bytes, or of a million places, stop it: walking is faster then.
const MOST_PER_MILLE: u64 = 150;
const MOST_CANDIDATES: u64 = 20_000;

/// How many of a thousand bytes of prose, code and JSON are this one, roughly.
fn per_mille(byte: u8) -> u64 {
    match byte {
        b' ' => 150,
        b'a' | b'd' | b'e' | b'h' | b'i' | b'l' | b'n' | b'o' | b'r' | b's' | b't' => 45,
        b'a'..=b'z' => 15,
        b'0'..=b'9' | b'\n' | b'"' | b',' | b'.' | b':' => 10,
        0x80.. => 5,
        _ => 4,
    }
}

/// The transitions out of a state that take a byte.
fn transitions(state: &State) -> Vec<(u8, u8, StateID)> {
    match state {
        State::ByteRange { trans } => vec![(trans.start, trans.end, trans.next)],
        State::Sparse(sparse) => {
            let all = sparse.transitions.iter();
            all.map(|trans| (trans.start, trans.end, trans.next))
                .collect()
        }
        State::Dense(dense) => {
            let all = (0..=u8::MAX).zip(dense.transitions.iter());
            all.filter(|(_, to)| **to != StateID::ZERO)
                .map(|(byte, to)| (byte, byte, *to))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn is_match(nfa: &NFA, id: StateID) -> bool {
    matches!(nfa.state(id), State::Match { .. })
}

/// The states that are reached without a byte. What is looked at on the way is taken to hold.
fn closure(nfa: &NFA, from: impl IntoIterator<Item = StateID>) -> Vec<StateID> {
    let mut seen = vec![false; nfa.states().len()];
    let mut todo: Vec<StateID> = from.into_iter().collect();
    let mut all = Vec::new();
    while let Some(id) = todo.pop() {
        match seen.get_mut(id.as_usize()) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        match nfa.state(id) {
            State::Look { next, .. } | State::Capture { next, .. } => todo.push(*next),
            State::Union { alternates } => todo.extend(alternates.iter()),
            State::BinaryUnion { alt1, alt2 } => todo.extend([*alt1, *alt2]),
            _ => all.push(id),
        }
    }
    all
}
