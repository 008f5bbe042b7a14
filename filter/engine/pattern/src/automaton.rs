//! One direction of a pattern: a deterministic automaton whose states are worked out when a text first asks for them.
//!
//! A byte whose transition is known costs a look-up. One whose transition is not has to be worked out from sets of states, which
//! costs up to the size of the pattern; so texts could be written that take far longer than their length. Each such step is paid
//! for here.

use std::sync::Arc;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Builder, Cache, Config, DFA};
use regex_automata::nfa::thompson::{Compiler, Config as NfaConfig, WhichCaptures};
use regex_automata::util::start::Config as Start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;

use super::{Budget, PatternError, Result, TooMuchWork};

/// Most bytes of states an automaton works out in one search; beyond it begins anew. Enough for `a{1000}b` on any text.
const CAPACITY: usize = 1 << 20;

/// Most bytes of states an automaton keeps for later searches: most patterns never need more, and there may be hundreds.
const KEPT: usize = 64 << 10;

/// Most bytes a pattern takes before any state is worked out. `.{0,1000}` is a third of it, `(a{1000}){1000}` over it.
const MOST_BYTES: usize = 1 << 20;

/// The same backwards, where every pattern that is not too large forwards must fit: it takes about as much.
const MOST_BYTES_BACKWARDS: usize = 8 << 20;

/// What working out a state costs, and how much more for each byte of the set of states it stands for. Measured on sets of a few
/// to a thousand: `examples/hostile.rs` shows nanoseconds a unit, which must not be far from those of plain walking.
const WORKED_OUT: u64 = 100;
const SET_BYTE: u64 = 3;

/// A pattern in one direction.
#[derive(Debug)]
pub(crate) struct Automaton {
    dfa: DFA,
    /// Bytes a state takes besides its set: a transition for each class of bytes, and what finds it.
    row: usize,
}

/// What an automaton has worked out so far.
#[derive(Debug)]
pub(crate) struct Memory {
    cache: Cache,
    /// Bytes it took when nothing was worked out: room for sets, by the size of the pattern.
    empty: usize,
    /// Bytes of the largest set seen.
    largest: u64,
    /// How many transitions may still be unknown of those that cannot be looked at without working them out: out of states that
    /// are marked.
    unseen: u64,
}

impl Automaton {
    /// Finds where the first match ends. With `skips`, start states are marked, so that what cannot begin a match can be skipped.
    ///
    /// # Errors
    /// The pattern is too large.
    pub(crate) fn forward(hir: &Hir, skips: impl FnOnce(&DFA) -> bool) -> Result<Automaton> {
        let plain = Self::new(hir, false, Config::new())?;
        if !skips(&plain.dfa) {
            return Ok(plain);
        }
        let config = plain.dfa.get_config().clone();
        let marked = Builder::new()
            .configure(config.specialize_start_states(true))
            .build_from_nfa(plain.dfa.get_nfa().clone());
        Ok(Self::of(marked.map_err(|_| too_large())?))
    }

    /// Finds where a match begins whose end is known.
    ///
    /// # Errors
    /// The pattern is too large.
    pub(crate) fn reverse(hir: &Hir) -> Result<Automaton> {
        Self::new(hir, true, Config::new().match_kind(MatchKind::All))
    }

    fn new(hir: &Hir, reverse: bool, config: Config) -> Result<Automaton> {
        let nfa = NfaConfig::new()
            .reverse(reverse)
            // Characters beyond ASCII take several times as much backwards otherwise.
            .shrink(reverse)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(match reverse {
                false => MOST_BYTES,
                true => MOST_BYTES_BACKWARDS,
            }));
        let nfa = Compiler::new().configure(nfa).build_from_hir(hir);
        let config = config
            .cache_capacity(CAPACITY)
            .skip_cache_capacity_check(true)
            // Never gives up by itself: what it costs to begin anew is paid for.
            .minimum_cache_clear_count(None);
        let dfa = nfa.ok().and_then(|nfa| {
            let mut builder = Builder::new();
            builder.configure(config).build_from_nfa(nfa).ok()
        });
        dfa.map(Self::of).ok_or_else(too_large)
    }

    fn of(dfa: DFA) -> Automaton {
        let transitions =
            1_usize.checked_shl(u32::try_from(dfa.byte_classes().stride2()).unwrap_or(9));
        let transitions = transitions
            .unwrap_or(512)
            .saturating_mul(size_of::<LazyStateID>());
        let found = size_of::<Arc<[u8]>>()
            .saturating_mul(2)
            .saturating_add(size_of::<LazyStateID>());
        Automaton {
            dfa,
            row: transitions.saturating_add(found),
        }
    }

    /// Room for the states of this automaton.
    pub(crate) fn memory(&self) -> Memory {
        let cache = Cache::new(&self.dfa);
        Memory {
            empty: cache.memory_usage(),
            cache,
            largest: 0,
            unseen: 0,
        }
    }

    /// The state in front of a text. `beside` is the byte on the other side of where it begins.
    pub(crate) fn start(
        &self,
        memory: &mut Memory,
        anchored: Anchored,
        beside: Option<u8>,
        budget: &Budget,
    ) -> std::result::Result<LazyStateID, TooMuchWork> {
        let config = Start::new().anchored(anchored).look_behind(beside);
        let before = memory.size();
        let state = self.dfa.start_state(&mut memory.cache, &config);
        let state = state.map_err(|_| TooMuchWork)?;
        if memory.size() != before {
            self.pay(memory, state, before, budget)?;
        }
        Ok(state)
    }

    /// Follows known transitions as long as they lead to states that are not marked: how many bytes, and to which state.
    #[inline]
    pub(crate) fn run(
        &self,
        memory: &Memory,
        mut state: LazyStateID,
        bytes: impl Iterator<Item = u8>,
    ) -> (usize, LazyStateID) {
        let mut walked = 0_usize;
        for byte in bytes {
            let next = self.dfa.next_state_untagged(&memory.cache, state, byte);
            if next.is_tagged() {
                break;
            }
            state = next;
            walked = walked.wrapping_add(1);
        }
        (walked, state)
    }

    /// Stays in a state that is marked for as long as bytes lead back to it: how many. In the tail of a match most do.
    #[inline]
    pub(crate) fn stay(
        &self,
        memory: &mut Memory,
        state: LazyStateID,
        bytes: impl Iterator<Item = u8>,
    ) -> usize {
        if memory.unseen > 0 {
            return 0;
        }
        let mut stayed = 0_usize;
        for byte in bytes {
            // Nothing is worked out here: there is no transition left that is not known.
            match self.dfa.next_state(&mut memory.cache, state, byte) {
                Ok(next) if next == state => stayed = stayed.wrapping_add(1),
                _ => break,
            }
        }
        stayed
    }

    /// The state behind a byte.
    pub(crate) fn step(
        &self,
        memory: &mut Memory,
        state: LazyStateID,
        byte: u8,
        budget: &Budget,
    ) -> std::result::Result<LazyStateID, TooMuchWork> {
        budget.spend(1)?;
        if !state.is_tagged() {
            let next = self.dfa.next_state_untagged(&memory.cache, state, byte);
            if !next.is_unknown() {
                return Ok(next);
            }
        } else if memory.unseen == 0 {
            let next = self.dfa.next_state(&mut memory.cache, state, byte);
            return next.map_err(|_| TooMuchWork);
        } else {
            memory.unseen = memory.unseen.saturating_sub(1);
        }
        let before = memory.size();
        let next = self.dfa.next_state(&mut memory.cache, state, byte);
        let next = next.map_err(|_| TooMuchWork)?;
        self.pay(memory, next, before, budget)?;
        Ok(next)
    }

    /// Whether there is a match where the text ends in this state.
    pub(crate) fn ends(
        &self,
        memory: &mut Memory,
        state: LazyStateID,
    ) -> std::result::Result<bool, TooMuchWork> {
        let last = self.dfa.next_eoi_state(&mut memory.cache, state);
        Ok(last.map_err(|_| TooMuchWork)?.is_match())
    }

    /// Pays for working out `state`. That is at most two sets of states, the one before and this one, none of them larger than
    /// the largest so far; and once more, because what is behind the end of a text is worked out unasked.
    fn pay(
        &self,
        memory: &mut Memory,
        state: LazyStateID,
        before: (usize, usize),
        budget: &Budget,
    ) -> std::result::Result<(), TooMuchWork> {
        let after = memory.size();
        if after != before {
            // Where room was made for it, the state before was added again.
            let added = if after.0 == before.0 { 1 } else { 2 };
            if let (1, Some(grown)) = (added, after.1.checked_sub(before.1)) {
                let set = u64::try_from(grown.saturating_sub(self.row)).unwrap_or(u64::MAX);
                memory.largest = memory.largest.max(set);
            }
            if state.is_tagged() {
                let classes = u64::try_from(self.dfa.byte_classes().alphabet_len()).unwrap_or(257);
                memory.unseen = memory.unseen.saturating_add(classes.saturating_mul(added));
            }
        }
        let set = memory.largest.saturating_mul(SET_BYTE);
        budget.spend(WORKED_OUT.saturating_add(set))
    }

    /// Bytes of the pattern itself.
    pub(crate) fn bytes(&self) -> usize {
        self.dfa.get_nfa().memory_usage()
    }
}

impl Memory {
    /// Forgets what is too much to be kept for another search.
    pub(crate) fn trim(&mut self, automaton: &Automaton) {
        if self.bytes() > self.empty.saturating_add(KEPT) {
            *self = automaton.memory();
        }
    }

    /// How often it began anew, and how many bytes it has.
    fn size(&self) -> (usize, usize) {
        (self.cache.clear_count(), self.cache.memory_usage())
    }

    /// How many bytes it has.
    pub(crate) fn bytes(&self) -> usize {
        self.cache.memory_usage()
    }
}

fn too_large() -> PatternError {
    PatternError::new("the pattern is too large when its repetitions are written out")
}
