//! How much may be looked at on behalf of one input.

use std::cell::Cell;

/// What may still be looked at. The unit is a byte looked at once.
///
/// Spending needs no exclusive access: those who work for the same input share it.
#[derive(Debug)]
pub struct Budget {
    left: Cell<u64>,
}

/// The budget is used up: what was to be judged was not, and must not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuchWork;

impl Budget {
    /// So many units.
    pub const fn new(units: u64) -> Budget {
        Budget {
            left: Cell::new(units),
        }
    }

    /// Spends so many units.
    ///
    /// # Errors
    /// There are not so many left. From then on there are none.
    pub fn spend(&self, units: u64) -> Result<(), TooMuchWork> {
        let left = self.left.get().checked_sub(units);
        self.left.set(left.unwrap_or_default());
        left.map(|_| ()).ok_or(TooMuchWork)
    }

    /// How many units are left.
    pub fn left(&self) -> u64 {
        self.left.get()
    }
}
