//! Where counters are kept.

use super::reader::{Field, Reader};
use crate::counters::{Counters, Table};

/// Reads `counters`.
pub(super) fn read(reader: &mut Reader, field: Field<'_>) -> Counters {
    let mut counters = Counters::default();
    let Some(mut object) = reader.object(field) else {
        return counters;
    };
    if let Some(field) = object.take("store") {
        reader.choice(&field, &[("shared_data", ())]);
    }
    if let Some(field) = object.take("max_entries")
        && let Some(entries) = reader.integer(&field, 64, 16 << 20)
    {
        counters.table = Table::new(entries);
    }
    if let Some(field) = object.take("on_store_error") {
        let choices = [("deny", false), ("allow", true)];
        counters.allow_on_store_error = reader.choice(&field, &choices).unwrap_or(false);
    }
    object.finish(reader);
    counters
}
