//! What a configuration wants counted.

use super::reader::{Field, Reader};
use crate::metrics::Metrics;

/// Most tools that are counted one by one: each is a few statistics for each of its rules and policies.
const MOST: usize = 100;

pub(super) fn read(reader: &mut Reader, field: Field<'_>) -> Metrics {
    let mut metrics = Metrics::default();
    let Some(mut object) = reader.object(field) else {
        return metrics;
    };
    if let Some(field) = object.take("tools") {
        for item in reader.list(&field) {
            if let Some(name) = reader.name(&item) {
                metrics.tools.insert(&name, ());
            }
        }
        if metrics.tools.len() > MOST {
            reader.expected(&field, &format!("at most {MOST} tools"));
        }
    }
    object.finish(reader);
    metrics
}
