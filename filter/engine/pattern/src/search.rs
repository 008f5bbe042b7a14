//! Finds where a pattern matches: forwards for the end of the first match, then backwards for its beginning.
//!
//! The walk is written out here, not left to the library, so that each byte is counted when it is looked at, and so that what
//! stands on both sides of the part that is searched is known to `^`, `$` and `\b`.

use std::ops::Range;
use std::sync::{Mutex, OnceLock};

use regex_automata::Anchored;
use regex_syntax::hir::Hir;

use super::automaton::{Automaton, Memory};
use super::begin::Begin;
use super::{Budget, PatternError, TooMuchWork};

/// What beginning a search costs.
const SEARCH: u64 = 12;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Machine {
    hir: Hir,
    forward: Automaton,
    /// Made when the beginning of a match is first asked for: conditions and schemas never do.
    reverse: OnceLock<Option<Automaton>>,
    begin: Option<Begin>,
    /// What it remembers between searches. A worker has one thread; where there are several, others bring their own.
    memories: Mutex<Option<Box<Memories>>>,
}

#[derive(Debug)]
struct Memories {
    forward: Memory,
    /// Only once a match was found whose beginning was asked for.
    reverse: Option<Memory>,
}

impl Machine {
    /// Of a pattern.
    ///
    /// # Errors
    /// It is too large.
    pub(crate) fn new(hir: Hir) -> Result<Machine, PatternError> {
        let mut begin = None;
        let forward = Automaton::forward(&hir, |dfa| {
            begin = Begin::of(dfa.get_nfa());
            begin.is_some()
        })?;
        Ok(Machine {
            hir,
            forward,
            reverse: OnceLock::new(),
            begin,
            memories: Mutex::new(None),
        })
    }

    /// Whether there is a match anywhere.
    pub(crate) fn is_match(&self, text: &str, budget: &Budget) -> Result<bool, TooMuchWork> {
        self.with_memories(|memories| {
            let mut from = 0;
            while from <= text.len() {
                match self.first_end(&mut memories.forward, text, from, true, budget)? {
                    Some(end) if text.is_char_boundary(end) => return Ok(true),
                    // An empty match within a character is none.
                    Some(end) => from = text.ceil_char_boundary(end),
                    None => break,
                }
            }
            Ok(false)
        })
    }

    /// Every match that is not empty, from left to right.
    pub(crate) fn find_all(
        &self,
        text: &str,
        budget: &Budget,
    ) -> Result<Vec<Range<usize>>, TooMuchWork> {
        self.with_memories(|memories| {
            let mut all = Vec::new();
            let mut from = 0;
            while from <= text.len()
                && let Some(end) =
                    self.first_end(&mut memories.forward, text, from, false, budget)?
            {
                if !text.is_char_boundary(end) {
                    from = text.ceil_char_boundary(end);
                    continue;
                }
                let start = self.begin_of(&mut memories.reverse, text, from..end, budget)?;
                if start < end {
                    all.push(start..end);
                    from = end;
                } else if end < text.len() {
                    from = text.ceil_char_boundary(end.saturating_add(1));
                } else {
                    break;
                }
            }
            Ok(all)
        })
    }

    /// Where the first match that begins at `from` or behind it ends; with `any`, where the first of its ends is. Where that is
    /// within a character the match is empty.
    fn first_end(
        &self,
        memory: &mut Memory,
        text: &str,
        from: usize,
        any: bool,
        budget: &Budget,
    ) -> Result<Option<usize>, TooMuchWork> {
        budget.spend(SEARCH)?;
        let bytes = text.as_bytes();
        let start = |memory: &mut Memory, at: usize| {
            let before = at.checked_sub(1).and_then(|before| bytes.get(before));
            let anchored = Anchored::No;
            self.forward
                .start(memory, anchored, before.copied(), budget)
        };
        // The state behind everything before `at`.
        let mut at = from;
        let mut state = start(memory, at)?;
        let mut found = None;
        loop {
            if state.is_match() {
                if !any {
                    let ahead = bytes.get(at..).unwrap_or_default().iter().copied();
                    let stayed = self.forward.stay(memory, state, ahead.take(limit(budget)));
                    budget.spend_bytes(stayed)?;
                    at = at.saturating_add(stayed);
                }
                // It is known one byte late.
                let end = at.saturating_sub(1);
                found = Some(end);
                if any && text.is_char_boundary(end) {
                    return Ok(found);
                }
            } else if state.is_start()
                && let Some(begin) = &self.begin
            {
                let Some(place) = begin.next(bytes, at, budget)? else {
                    return Ok(found);
                };
                if place > at {
                    at = place;
                    state = start(memory, at)?;
                }
            } else if state.is_dead() {
                return Ok(found);
            } else if state.is_quit() {
                return Err(TooMuchWork);
            }
            if !state.is_tagged() {
                let ahead = bytes.get(at..).unwrap_or_default().iter().copied();
                let walked;
                (walked, state) = self.forward.run(memory, state, ahead.take(limit(budget)));
                budget.spend_bytes(walked)?;
                at = at.saturating_add(walked);
            }
            let Some(byte) = bytes.get(at).copied() else {
                return Ok(match self.forward.ends(memory, state)? {
                    true => Some(at),
                    false => found,
                });
            };
            state = self.forward.step(memory, state, byte, budget)?;
            at = at.saturating_add(1);
        }
    }

    /// Where the match that ends at the end of `within` begins, at the first place within it where it can.
    fn begin_of(
        &self,
        memory: &mut Option<Memory>,
        text: &str,
        within: Range<usize>,
        budget: &Budget,
    ) -> Result<usize, TooMuchWork> {
        let reverse = self.reverse()?;
        let memory = memory.get_or_insert_with(|| reverse.memory());
        let bytes = text.as_bytes();
        let after = bytes.get(within.end).copied();
        let anchored = Anchored::Yes;
        let mut state = reverse.start(memory, anchored, after, budget)?;
        // The state in front of everything from `at` on.
        let mut at = within.end;
        let mut found = None;
        loop {
            if state.is_match() {
                let ahead = bytes.get(within.start..at).unwrap_or_default();
                let ahead = ahead.iter().rev().copied().take(limit(budget));
                let stayed = reverse.stay(memory, state, ahead);
                budget.spend_bytes(stayed)?;
                at = at.saturating_sub(stayed);
                // It is known one byte late.
                found = Some(at.saturating_add(1));
            } else if state.is_dead() {
                return found.ok_or(TooMuchWork);
            } else if state.is_quit() {
                return Err(TooMuchWork);
            }
            if !state.is_tagged() {
                let ahead = bytes.get(within.start..at).unwrap_or_default();
                let ahead = ahead.iter().rev().copied().take(limit(budget));
                let walked;
                (walked, state) = reverse.run(memory, state, ahead);
                budget.spend_bytes(walked)?;
                at = at.saturating_sub(walked);
            }
            let before = at.checked_sub(1);
            let byte = before.and_then(|before| bytes.get(before)).copied();
            let starts_here = match byte {
                Some(byte) => {
                    state = reverse.step(memory, state, byte, budget)?;
                    state.is_match()
                }
                None => reverse.ends(memory, state)?,
            };
            if at <= within.start {
                return match starts_here {
                    true => Ok(at),
                    false => found.ok_or(TooMuchWork),
                };
            }
            at = at.saturating_sub(1);
        }
    }

    fn reverse(&self) -> Result<&Automaton, TooMuchWork> {
        let made = || Automaton::reverse(&self.hir).ok();
        self.reverse.get_or_init(made).as_ref().ok_or(TooMuchWork)
    }

    fn with_memories<T>(&self, search: impl FnOnce(&mut Memories) -> T) -> T {
        let kept = self.memories.lock().ok().and_then(|mut kept| kept.take());
        let mut memories = kept.unwrap_or_else(|| {
            Box::new(Memories {
                forward: self.forward.memory(),
                reverse: None,
            })
        });
        let outcome = search(&mut memories);
        memories.forward.trim(&self.forward);
        if let (Some(memory), Ok(reverse)) = (&mut memories.reverse, self.reverse()) {
            memory.trim(reverse);
        }
        if let Ok(mut kept) = self.memories.lock() {
            *kept = Some(memories);
        }
        outcome
    }

    /// Bytes it takes: the pattern, and what is kept between searches.
    pub(crate) fn bytes(&self) -> usize {
        let reverse = self.reverse.get().and_then(Option::as_ref);
        let pattern = self
            .forward
            .bytes()
            .saturating_add(reverse.map_or(0, Automaton::bytes));
        let kept = self.memories.lock().ok();
        let kept = kept.as_ref().and_then(|kept| kept.as_ref());
        let kept = kept.map_or(0, |kept| {
            let reverse = kept.reverse.as_ref().map_or(0, Memory::bytes);
            kept.forward.bytes().saturating_add(reverse)
        });
        pattern.saturating_add(kept)
    }
}

/// How many bytes may be walked before it is paid for them.
fn limit(budget: &Budget) -> usize {
    usize::try_from(budget.left()).unwrap_or(usize::MAX)
}
