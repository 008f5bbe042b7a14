//! What is recorded, and where.

use super::reader::{Field, Reader};
use crate::audit::{Audit, AuditArgs};

/// Reads `audit`.
pub(super) fn read(reader: &mut Reader, field: Field<'_>) -> Audit {
    let mut audit = Audit::default();
    let Some(mut object) = reader.object(field) else {
        return audit;
    };
    if let Some(field) = object.take("log") {
        audit.log = reader.boolean(&field).unwrap_or(true);
    }
    if let Some(field) = object.take("args") {
        let choices = [
            ("none", AuditArgs::None),
            ("keys", AuditArgs::Keys),
            ("full", AuditArgs::Full),
        ];
        audit.args = reader.choice(&field, &choices).unwrap_or_default();
    }
    if let Some(field) = object.take("results") {
        let choices = [("none", false), ("digest", true)];
        audit.result_digest = reader.choice(&field, &choices).unwrap_or_default();
    }
    if let Some(field) = object.take("claims") {
        for item in reader.list(&field) {
            audit.claims.extend(reader.name(&item).map(Into::into));
        }
    }
    if let Some(field) = object.take("recent") {
        audit.recent = reader.integer(&field, 0, 64).unwrap_or(audit.recent);
    }
    if let Some(field) = object.take("max_bytes") {
        audit.max_bytes = reader
            .integer(&field, 1024, 1 << 20)
            .unwrap_or(audit.max_bytes);
    }
    object.finish(reader);
    audit
}
