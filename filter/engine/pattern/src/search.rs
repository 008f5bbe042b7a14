//! Runs a program over a text: all ways to match at once, in the order of preference, a character at a time.

use std::ops::Range;

use super::TooMuchWork;
use super::compile::{Inst, Look, Program};

/// One way to match that is still open.
#[derive(Clone, Copy)]
struct Thread {
    place: usize,
    start: usize,
}

/// A text that is searched.
pub struct Search<'s> {
    program: &'s Program,
    text: &'s str,
    /// Steps that are left.
    left: u64,
    now: Vec<Thread>,
    next: Vec<Thread>,
    /// For each state, in which round it was last reached.
    reached: Vec<usize>,
    round: usize,
    todo: Vec<usize>,
}

impl<'s> Search<'s> {
    /// Prepares a search of `text` that may take so many steps.
    pub fn new(program: &'s Program, text: &'s str, left: u64) -> Search<'s> {
        Search {
            program,
            text,
            left,
            now: Vec::new(),
            next: Vec::new(),
            reached: Vec::new(),
            round: 0,
            todo: Vec::new(),
        }
    }

    /// How many steps are left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The place behind the character at this one.
    pub fn behind(&self, place: usize) -> Option<usize> {
        let char = self.text.get(place..)?.chars().next()?;
        Some(place.saturating_add(char.len_utf8()))
    }

    /// The first match that begins at `from` or behind; with `any`, as soon as it is known that there is one, however long.
    ///
    /// # Errors
    /// There are no steps left.
    pub fn find(&mut self, from: usize, any: bool) -> Result<Option<Range<usize>>, TooMuchWork> {
        let bytes = self.text.as_bytes();
        let mut place = from;
        let mut found = None;
        self.next.clear();
        self.round = self.round.wrapping_add(1);
        loop {
            if self.next.is_empty() {
                match self.program.next_begin(bytes, place) {
                    Some(begin) if found.is_none() => {
                        // What was reached at the place before the skip was not reached at this one: a look that failed there
                        // may hold here.
                        self.round = self.round.wrapping_add(1);
                        place = begin;
                    }
                    _ => return Ok(found),
                }
            }
            if found.is_none() && self.program.may_begin(bytes, place) {
                self.prepare()?;
                self.follow(0, place, place)?;
            }
            std::mem::swap(&mut self.now, &mut self.next);
            self.next.clear();
            self.round = self.round.wrapping_add(1);
            let char = self.text.get(place..).and_then(|rest| rest.chars().next());
            let behind = place.saturating_add(char.map_or(1, char::len_utf8));
            for index in 0..self.now.len() {
                let Some(Thread {
                    place: state,
                    start,
                }) = self.now.get(index).copied()
                else {
                    break;
                };
                let goes_on = match self.program.inst(state) {
                    Inst::Char(wanted) => char == Some(wanted),
                    Inst::Class(class) => {
                        char.is_some_and(|char| self.program.in_class(class, char))
                    }
                    _ => {
                        // Every other way is less preferred.
                        found = Some(start..place);
                        if any {
                            return Ok(found);
                        }
                        break;
                    }
                };
                if goes_on {
                    self.follow(state.wrapping_add(1), start, behind)?;
                }
            }
            self.left = self
                .left
                .checked_sub(u64::try_from(self.now.len()).unwrap_or(0))
                .ok_or(TooMuchWork)?;
            if char.is_none() {
                return Ok(found);
            }
            place = behind;
        }
    }

    /// Makes room for the states, once it is known that they are needed: most texts hold nothing a pattern begins with.
    fn prepare(&mut self) -> Result<(), TooMuchWork> {
        if self.reached.is_empty() {
            let states = self.program.states();
            self.left = self.left.checked_sub(states).ok_or(TooMuchWork)?;
            self.reached.resize(usize::try_from(states).unwrap_or(0), 0);
        }
        Ok(())
    }

    /// Adds every state that is reached from this one without a character, in the order of preference.
    fn follow(&mut self, state: usize, start: usize, at: usize) -> Result<(), TooMuchWork> {
        let mut place = state;
        loop {
            let new = match self.reached.get_mut(place) {
                Some(reached) => std::mem::replace(reached, self.round) != self.round,
                None => false,
            };
            if new {
                self.left = self.left.checked_sub(1).ok_or(TooMuchWork)?;
                match self.program.inst(place) {
                    Inst::Split(first, second) => {
                        self.todo.push(place.wrapping_add_signed(second));
                        place = place.wrapping_add_signed(first);
                        continue;
                    }
                    Inst::Jump(there) => {
                        place = place.wrapping_add_signed(there);
                        continue;
                    }
                    Inst::Look(look) if self.holds(look, at) => {
                        place = place.wrapping_add(1);
                        continue;
                    }
                    Inst::Look(_) => {}
                    Inst::Char(_) | Inst::Class(_) | Inst::Match => {
                        self.next.push(Thread { place, start });
                    }
                }
            }
            match self.todo.pop() {
                Some(other) => place = other,
                None => return Ok(()),
            }
        }
    }

    fn holds(&self, look: Look, at: usize) -> bool {
        let bytes = self.text.as_bytes();
        let before = at
            .checked_sub(1)
            .and_then(|before| bytes.get(before))
            .copied();
        let after = bytes.get(at).copied();
        let word = |byte: Option<u8>| {
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match look {
            Look::Start => before.is_none(),
            Look::End => after.is_none(),
            Look::LineStart => matches!(before, None | Some(b'\n')),
            Look::LineEnd => matches!(after, None | Some(b'\n')),
            Look::Word => word(before) != word(after),
            Look::NotWord => word(before) == word(after),
        }
    }
}
