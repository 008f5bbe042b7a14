//! Where counters live, as a configuration says it.

use super::Table;

/// Where counters live.
#[derive(Debug)]
pub struct Counters {
    /// Layout of the shared table.
    pub table: Table,
    /// Forward calls that cannot be counted. Off by default.
    pub allow_on_store_error: bool,
}

impl Default for Counters {
    fn default() -> Self {
        Counters {
            table: Table::new(65_536),
            allow_on_store_error: false,
        }
    }
}
