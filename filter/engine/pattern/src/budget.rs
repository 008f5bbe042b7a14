//! How much may be looked at on behalf of one input.

use std::cell::Cell;

/// What may still be looked at. The unit is a byte looked at once; whoever reads an input again, or does something for a byte
/// that costs more, spends more.
///
/// It is not about patterns alone: whatever is done for one request or one reply spends from one budget, made from its size, so
/// that the work is bounded by the size whichever part an attacker aims at. Spending needs no exclusive access: those who work
/// for the same input share it.
#[derive(Debug)]
pub struct Budget {
    left: Cell<u64>,
}

/// The budget is used up: what was to be judged was not, and must not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuchWork;

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
        }
    }

    /// For an input of so many bytes against so many patterns: [`FLOOR`](Self::FLOOR), [`PER_PATTERN`](Self::PER_PATTERN) for
    /// each of these, and for each byte [`PER_BYTE`](Self::PER_BYTE) and one for each pattern.
    pub fn for_input(bytes: usize, patterns: usize) -> Budget {
        let first_texts = wide(patterns).saturating_mul(Self::PER_PATTERN);
        let budget = Budget::new(Self::FLOOR.saturating_add(first_texts));
        budget.add_input(bytes, patterns);
        budget
    }

    /// Adds what so many more bytes of the same input may cost, without another floor.
    pub fn add_input(&self, bytes: usize, patterns: usize) {
        let each = Self::PER_BYTE.saturating_add(wide(patterns));
        let more = wide(bytes).saturating_mul(each);
        self.left.set(self.left.get().saturating_add(more));
    }

    /// Spends so many units.
    ///
    /// # Errors
    /// There are not so many left. From then on there are none.
    pub fn spend(&self, units: u64) -> Result<(), TooMuchWork> {
        match self.left.get().checked_sub(units) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.left.set(0);
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
        small.add_input(100, 3);
        assert_eq!(small.left(), Budget::FLOOR + 101_300);
        assert_eq!(Budget::for_input(usize::MAX, usize::MAX).left(), u64::MAX);
    }
}
