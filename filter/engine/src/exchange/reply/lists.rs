//! What lists in a reply show of pinned tools: for the caller what may be shown, for calls a memory, for operators a
//! note in the record of the list.

use super::forwarded::Forwarded;
use crate::audit::Record;
use crate::exchange::context::Context;
use crate::exchange::record;
use crate::gate::Mode;
use crate::json::Document;
use crate::mcp::List;
use crate::pep::{Inspection, ListFilter, Unjudgeable};

impl Forwarded {
    /// What may be shown of a document that may hold lists; `None` if it may be shown as it is.
    pub(super) fn show(
        &self,
        cx: &mut Context<'_>,
        id: &str,
        records: &mut Vec<Record>,
        document: &Document<'_>,
    ) -> Result<Option<String>, Unjudgeable> {
        let gate = cx.gate;
        let filter = ListFilter {
            policy: gate.policy_of(&self.principal),
            by_policy: self.plan.by_policy,
            principal: &self.principal,
            asked: &self.plan.asked,
            work: &self.work.enforced,
        };
        let Some(pins) = &gate.pins else {
            return filter.apply(document, None);
        };
        let mut inspection = Inspection {
            pins: pins.of(self.server.as_deref()),
            store: &mut *cx.store,
            now: cx.now,
            is_fresh: self.plan.asked.contains(&List::Tools),
            observe: gate.mode == Mode::Shadow,
            drifted: Vec::new(),
        };
        let shown = filter.apply(document, Some(&mut inspection));
        let drifted = inspection.drifted;
        if !drifted.is_empty() {
            self.note_drift(cx, id, records, &drifted);
        }
        shown
    }

    /// The record of the list names what has changed; what nobody asked for gets a record for it.
    fn note_drift(
        &self,
        cx: &Context<'_>,
        id: &str,
        records: &mut Vec<Record>,
        drifted: &[Box<str>],
    ) {
        let method = Some("tools/list");
        let mut index = records
            .iter()
            .position(|record| record.method.as_deref() == method);
        if index.is_none() {
            let mut record = record::untied(cx, self.principal.clone(), id);
            record.server = self.server.as_deref().map(Into::into);
            record.method = method.map(str::to_owned);
            index = Some(records.len());
            records.push(record);
        }
        if let Some(record) = index.and_then(|index| records.get_mut(index)) {
            record.add_drift(drifted);
        }
    }
}
