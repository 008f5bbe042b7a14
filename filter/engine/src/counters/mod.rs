//! Counters: how much of a limit is used, exact across workers.
//!
//! A [`Charge`] is what one call would cost one counter. [`Table::reserve`] makes a call's charges all or
//! nothing before it is forwarded; [`Table::refund`] takes them back when it turns out that nothing ran. State
//! lives behind [`Store`]: a map with compare-and-swap that all workers of a proxy share.
//!
//! Amounts are fixed point, 10^-9, in checked 128-bit arithmetic. A total out of range is a refusal.

mod amount;
mod bucket;
mod charge;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod settings;
mod table;
mod window;

pub(crate) use amount::{ONE, display_nanos};
pub use charge::{Charge, CounterKey, Receipt, ReserveError};
#[cfg(any(test, feature = "testing"))]
pub use memory::Memory;
pub use settings::Counters;
pub use table::Table;
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

    /// Stores `value` whatever is there: for what has one writer, or where the last one counts.
    ///
    /// # Errors
    /// [`StoreLost`] when it could not be stored.
    fn put(&mut self, key: &str, value: &[u8]) -> Result<(), StoreLost>;
}

/// Compare-and-swap attempts before a store is taken for lost. Each failure means another worker got
/// through, so this many in a row cannot be contention.
const ATTEMPTS: usize = 1000;

/// Reads a value, changes it, and stores it if nobody else did in between; else begins again. `change` gets an empty
/// slice where there is nothing yet, and leaves everything as it is by answering `None`.
///
/// # Errors
/// [`StoreLost`] when the value can neither be read nor stored.
pub fn change(
    store: &mut dyn Store,
    key: &str,
    change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>,
) -> Result<(), StoreLost> {
    for _ in 0..ATTEMPTS {
        let (value, version) = match store.load(key)? {
            Some((value, version)) => (value, Some(version)),
            None => (Vec::new(), None),
        };
        let Some(changed) = change(&value) else {
            return Ok(());
        };
        match store.save(key, &changed, version) {
            Ok(()) => return Ok(()),
            Err(SaveError::Conflict) => {}
            Err(SaveError::Failed) => return Err(StoreLost),
        }
    }
    Err(StoreLost)
}
