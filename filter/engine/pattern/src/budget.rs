//! How much may be looked at on behalf of one input.

use std::cell::Cell;

/// What may still be looked at. The unit is a byte looked at once; whoever reads an input again, or does something for a byte
/// that costs more, spends more.
///
/// It is not about patterns alone: whatever is done for one request or one reply spends from one budget, made from its size, so
/// that the work is bounded by the size whichever part an attacker aims at, and however the input is cut. Spending needs no
/// exclusive access: those who work for the same input share it.
#[derive(Debug)]
pub struct Budget {
    left: Cell<u64>,
    /// Everything that was spent so far.
    spent: Cell<u64>,
    /// The most patterns that were held against a part of the input.
    patterns: Cell<u64>,
    is_over: Cell<bool>,
}

/// The budget is used up: what was to be judged was not, and must not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuchWork;

impl Default for Budget {
    /// For an input of which nothing has come yet.
    fn default() -> Budget {
        Budget::new(Self::FLOOR)
    }
}

impl Budget {
    /// What any input may cost, however small. 10 ms in the proxy.
    pub const FLOOR: u64 = 2_000_000;

    /// What it may cost more for each pattern: one that sees its first texts works out its states, which costs some hundred
    /// times a byte for each of the first few hundred bytes.
    pub const PER_PATTERN: u64 = 50_000;

    /// How often each byte may be looked at besides once for each pattern. A unit is below 5 ns in the proxy, so this is 50 ms for
    /// each MiB.
    pub const PER_BYTE: u64 = 10;

    /// So many units.
    pub const fn new(units: u64) -> Budget {
        Budget {
            left: Cell::new(units),
            spent: Cell::new(0),
            patterns: Cell::new(0),
            is_over: Cell::new(false),
        }
    }

    /// For an input of so many bytes against so many patterns: [`FLOOR`](Self::FLOOR), [`PER_PATTERN`](Self::PER_PATTERN) for
    /// each of these, and for each byte [`PER_BYTE`](Self::PER_BYTE) and one for each pattern.
    pub fn for_input(bytes: usize, patterns: usize) -> Budget {
        let budget = Budget::default();
        budget.add_input(bytes, patterns);
        budget
    }

    /// Adds what so many more bytes of the same input may cost. There is one floor for all of it, and a pattern works out its
    /// states once. What the parts before have left over is kept up to that floor: a long stream saves nothing up for its end.
    pub fn add_input(&self, bytes: usize, patterns: usize) {
        let states = self.patterns.get().saturating_mul(Self::PER_PATTERN);
        let most = Self::FLOOR.saturating_add(states);
        self.left.set(self.left.get().min(most));
        self.is_over.set(false);
        self.add(wide(bytes).saturating_mul(Self::PER_BYTE));
        self.add_patterns(bytes, patterns);
    }

    /// Adds what it may cost to hold so many bytes of the input against so many patterns.
    pub fn add_patterns(&self, bytes: usize, patterns: usize) {
        let (patterns, before) = (wide(patterns), self.patterns.get());
        let new = patterns.saturating_sub(before);
        self.patterns.set(before.max(patterns));
        self.add(new.saturating_mul(Self::PER_PATTERN));
        self.add(wide(bytes).saturating_mul(patterns));
    }

    fn add(&self, units: u64) {
        self.left.set(self.left.get().saturating_add(units));
    }

    /// Spends so many units.
    ///
    /// # Errors
    /// There are not so many left. From then on there are none.
    pub fn spend(&self, units: u64) -> Result<(), TooMuchWork> {
        self.spent.set(self.spent.get().saturating_add(units));
        match self.left.get().checked_sub(units) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.left.set(0);
                self.is_over.set(true);
                Err(TooMuchWork)
            }
        }
    }

    /// Spends a unit for each of so many bytes.
    ///
    /// # Errors
    /// As [`spend`](Self::spend).
    pub fn spend_bytes(&self, bytes: usize) -> Result<(), TooMuchWork> {
        self.spend(wide(bytes))
    }

    /// How many units are left.
    pub fn left(&self) -> u64 {
        self.left.get()
    }

    /// How many units were spent, those that were not there included.
    pub fn spent(&self) -> u64 {
        self.spent.get()
    }

    /// Whether more was to be spent than there was, since input was added last: not all of that was judged.
    pub fn is_over(&self) -> bool {
        self.is_over.get()
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_it_leaves_nothing() {
        let budget = Budget::new(10);
        assert_eq!(budget.spend(4), Ok(()));
        assert_eq!(budget.spend(7), Err(TooMuchWork));
        assert_eq!((budget.left(), budget.spend(1)), (0, Err(TooMuchWork)));
    }

    #[test]
    fn grows_with_the_input() {
        let small = Budget::for_input(0, 2);
        assert_eq!(small.left(), Budget::FLOOR + 100_000);
        small.add_input(100, 2);
        assert_eq!(small.left(), Budget::FLOOR + 101_200);
        assert_eq!(Budget::for_input(usize::MAX, usize::MAX).left(), u64::MAX);
    }

    #[test]
    fn an_input_in_parts_has_one_floor() {
        let parts = Budget::default();
        for _ in 0..1000 {
            parts.add_input(100, 3);
            assert_eq!(parts.spend(1_000), Ok(()));
        }
        // What is left over is not saved up.
        let floor = Budget::FLOOR + 3 * Budget::PER_PATTERN;
        assert_eq!(parts.left(), floor + 300);
        assert_eq!(
            (parts.spend(floor), parts.spend(301)),
            (Ok(()), Err(TooMuchWork))
        );
        assert_eq!(parts.spent(), 1_000_000 + floor + 301);
        assert!(parts.is_over());
        parts.add_input(100, 3);
        assert_eq!((parts.left(), parts.is_over()), (1_300, false));
    }
}
