//! The records of what people do at the console.

use super::context::Context;
use crate::audit::{Outcome, Record};
use crate::text::clip;

/// A record of the console.
pub(super) fn record(cx: &Context<'_>, who: &str, action: &str, outcome: Outcome) -> Record {
    let mut record = Record::new(cx.now, cx.id, &cx.console.digest);
    record.decision = outcome;
    record.method = Some(["console/", action].concat());
    record.principal = clip(who);
    record.source = "console".to_owned();
    record
}
