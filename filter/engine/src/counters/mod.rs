//! Counters: how much of a limit is used, exact across workers.
//!
//! A [`Charge`] is what one call would cost one counter. [`Table::reserve`] makes a call's charges all or
//! nothing before it is forwarded; [`Table::refund`] takes them back when it turns out that nothing ran. State
//! lives behind [`Store`]: a map with compare-and-swap that all workers of a proxy share.
//!
//! Amounts are fixed point, 10^-9, in checked 128-bit arithmetic. A total out of range is a refusal.

mod bucket;
mod table;
mod window;

pub use table::{Charge, CounterKey, Receipt, ReserveError, Table};
pub use window::{Span, Window};

/// Opaque version of a stored value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

/// Why a value could not be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveError {
    /// Somebody else stored another version in between: read again.
    Conflict,
    /// The store is lost.
    Failed,
}

/// The store cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLost;

/// A map with compare-and-swap, shared by all workers.
pub trait Store {
    /// The value under `key` and its version, if there is one.
    ///
    /// # Errors
    /// [`StoreLost`] when the store cannot tell.
    fn load(&mut self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreLost>;

    /// Stores `value` if the version is still `expected`; `None` stands for "nothing there yet".
    ///
    /// # Errors
    /// [`SaveError::Conflict`] when it is not, [`SaveError::Failed`] when the store is lost.
    fn save(&mut self, key: &str, value: &[u8], expected: Option<Version>)
    -> Result<(), SaveError>;
}
