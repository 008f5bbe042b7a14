//! Messages held against the rules on results: redacted, counted, or refused.

use sha2::{Digest, Sha256};

use super::forwarded::{Forwarded, Work};
use super::plan::Expected;
use super::skills;
use super::withheld::{Withheld, instead_of_request, note_withheld, refusal, unreadable};
use crate::audit::Record;
use crate::exchange::context::Context;
use crate::exchange::record;
use crate::json::{Document, Edits, Value};
use crate::pdp;
use crate::policy::{Count, Over, ResultRules};
use crate::redact::{self, Findings, Room, Shape, Shaped, Tally, Uninspected};
use crate::refusal::Denial;
use crate::rpc;
use crate::sse::Edit;
use crate::text::hex;

/// What adding to a counter takes, in looks at a byte: a value of shared data is read, changed and written.
const COUNT: u64 = 300;

/// What is done with one message.
enum Fate {
    /// It may be shown, with these changes.
    Shown(Edits),
    /// It must not be shown.
    Refused(Denial),
}

impl Forwarded {
    /// Inspects every message of a document.
    pub(super) fn inspect(
        &self,
        cx: &mut Context<'_>,
        id: &str,
        records: &mut Vec<Record>,
        document: &Document<'_>,
        room: &mut Room,
    ) -> Result<Edit, Withheld> {
        let (is_array, messages) = rpc::messages(document);
        let mut edits = Edits::default();
        for message in messages {
            let expected = self.plan.answered(message);
            match self.inspect_message(cx, id, records, (document, message, expected), room)? {
                Fate::Shown(more) => edits.append(more),
                Fate::Refused(denial) => match expected {
                    Some(expected) => {
                        note_withheld(records, Some(expected), &denial);
                        let refusal = refusal(expected, &denial, cx.gate);
                        room.replace(message.raw().len(), refusal.len());
                        edits.replace(message.span(), refusal);
                    }
                    None if let Some(request) = instead_of_request(message) => {
                        self.touch(cx, id, records);
                        note_withheld(records, None, &denial);
                        room.replace(message.raw().len(), request.len());
                        edits.replace(message.span(), request);
                    }
                    None if is_array => return Err(Withheld(denial)),
                    None => {
                        self.touch(cx, id, records);
                        note_withheld(records, None, &denial);
                        return Ok(Edit::Drop);
                    }
                },
            }
        }
        if edits.is_empty() {
            return Ok(Edit::Pass);
        }
        let text = edits.apply(document.text()).ok_or_else(unreadable)?;
        Ok(Edit::Replace(text))
    }

    fn inspect_message(
        &self,
        cx: &mut Context<'_>,
        id: &str,
        records: &mut Vec<Record>,
        (document, message, expected): (&Document<'_>, Value<'_>, Option<&Expected>),
        room: &mut Room,
    ) -> Result<Fate, Withheld> {
        let is_response = message.get("method").is_none();
        let rules: &ResultRules = match expected {
            Some(expected) => &expected.rules,
            None if is_response => &self.plan.untied,
            None => self.plan.ambient(),
        };
        let payload = message.get("result").or_else(|| message.get("error"));
        let payload = payload.or_else(|| {
            message
                .get("params")
                .and_then(|params| params.get("result"))
        });
        let is_result = payload.is_some() && expected.is_none_or(|expected| expected.is_result);
        let bytes = message.raw().len();
        let Work { enforced, observed } = &self.work;
        enforced.add_patterns(bytes, rules.enforced.patterns);
        let Findings {
            mut edits,
            mut tally,
            denied,
        } = redact::message(&rules.enforced, message, is_result, enforced, room)?;
        observed.add_patterns(bytes, rules.observed.patterns);
        let observed = redact::message(
            &rules.observed,
            message,
            is_result,
            observed,
            &mut Room::of(0),
        );
        let record = expected.map_or(0, |expected| expected.record);
        let shadow = observed
            .as_ref()
            .ok()
            .filter(|found| found.denied.is_some() || !found.tally.is_empty());
        if !tally.is_empty() || shadow.is_some() {
            self.touch(cx, id, records);
        }
        if let (Some(record), Some(found)) = (records.get_mut(record), shadow) {
            record.would_redact.merge(&found.tally);
            if let Some(rule) = found.denied {
                record.would_withhold = Some(rule.pointer.to_string());
            }
        }
        if let Some(rule) = denied {
            return Ok(Fate::Refused(Denial::by(rule)));
        }
        if let Err(denial) = skills::keep_whole(document, message, &mut edits) {
            return Ok(Fate::Refused(denial));
        }
        if let Some(payload) = payload.filter(|_| is_result) {
            match self.shaped(rules, document, payload, &mut edits, room) {
                Ok(false) => {}
                Ok(true) => {
                    self.touch(cx, id, records);
                    tally.add("truncated", 1);
                    if skills::holds_file(payload) {
                        return Ok(Fate::Refused(skills::changed()));
                    }
                }
                Err(denial) => return Ok(Fate::Refused(denial)),
            }
            let shown = edits.within(document.text(), payload.span());
            let shown = shown.as_deref().unwrap_or(payload.raw());
            for count in &rules.counts {
                enforced.spend(COUNT).map_err(Uninspected::from)?;
                let counted = self.count(cx, records.get_mut(record), count, shown.len());
                if let Err(denial) = counted {
                    return Ok(Fate::Refused(denial));
                }
            }
            if let Some(record) = records.get_mut(record) {
                // Of a stream that delivers again whatever it likes, all results together.
                let before = record.result_bytes.filter(|_| expected.is_none());
                record.result_bytes = Some(before.unwrap_or(0).saturating_add(shown.len()));
                if cx.gate.audit.result_digest && expected.is_some() {
                    record.result_sha256 = Some(hex(&Sha256::digest(shown.as_bytes())));
                }
            }
        }
        if let Some(record) = records.get_mut(record) {
            record.redactions.merge(&tally);
        }
        Ok(Fate::Shown(edits))
    }

    /// Marks the texts of a result with their server, and cuts them. Returns whether something was cut.
    fn shaped(
        &self,
        rules: &ResultRules,
        document: &Document<'_>,
        payload: Value<'_>,
        edits: &mut Edits,
        room: &mut Room,
    ) -> Result<bool, Denial> {
        let cut = rules.enforced.max_bytes.as_ref();
        let cut = cut.filter(|max| max.over == Over::Truncate);
        let shape = Shape {
            label: self
                .server
                .as_deref()
                .filter(|_| rules.label && !skills::holds_file(payload)),
            most: cut.map(|max| max.most),
        };
        if shape.is_nothing() {
            return Ok(false);
        }
        let shown = edits.within(document.text(), payload.span());
        let shown = shown.as_deref().unwrap_or(payload.raw());
        let mut shaped = shape.result(shown);
        if let Shaped::Changed(text, _) = &shaped
            && !room.fits(shown.len(), text.len())
        {
            // Marks make a result longer: where the proxy may have no room for that, they are left out.
            shaped = shape.unlabelled().result(shown);
        }
        match shaped {
            Shaped::Same => Ok(false),
            Shaped::Changed(text, is_cut) => {
                room.replace(shown.len(), text.len());
                edits.remove(payload.span());
                edits.replace(payload.span(), text);
                Ok(is_cut)
            }
            Shaped::TooLong => Err(match cut {
                Some(max) => Denial::by(&max.rule),
                None => unreadable().0,
            }),
        }
    }

    /// Adds a result to a counter. What cannot be counted is not shown: other rules rely on it.
    fn count(
        &self,
        cx: &mut Context<'_>,
        record: Option<&mut Record>,
        count: &Count,
        bytes: usize,
    ) -> Result<(), Denial> {
        let Some(policy) = cx.gate.policy_of(&self.principal) else {
            return Ok(());
        };
        let session = self.session.as_deref();
        let charge = pdp::ingest(policy, &count.counter, &self.principal, session, bytes);
        let Some(charge) = charge else {
            return Ok(());
        };
        match cx.gate.counters.table.reserve(cx.store, cx.now, &[charge]) {
            Ok(receipts) => {
                if let (Some(record), Some(receipt)) = (record, receipts.first()) {
                    record.count(&count.counter.name, receipt);
                }
                Ok(())
            }
            Err(_) if cx.gate.counters.allow_on_store_error => Ok(()),
            Err(_) => Err(Denial::at(
                &count.pointer,
                "A result was withheld: it cannot be counted.",
            )),
        }
    }

    /// A text in what belongs to no message, redacted; `None` where nothing of it changes.
    pub(super) fn redact_text(
        &self,
        cx: &mut Context<'_>,
        id: &str,
        records: &mut Vec<Record>,
        text: &str,
        room: &mut Room,
    ) -> Result<Option<String>, Withheld> {
        let rules = self.plan.ambient();
        let (mut tally, mut observed) = (Tally::default(), Tally::default());
        let work = &self.work;
        work.enforced
            .add_patterns(text.len(), rules.enforced.patterns);
        work.observed
            .add_patterns(text.len(), rules.observed.patterns);
        let redacted = redact::text(&rules.enforced, text, &work.enforced, room, &mut tally)?;
        let _only_recorded = redact::text(
            &rules.observed,
            text,
            &work.observed,
            &mut Room::of(0),
            &mut observed,
        );
        if !tally.is_empty() || !observed.is_empty() {
            self.touch(cx, id, records);
            if let Some(record) = records.first_mut() {
                record.redactions.merge(&tally);
                record.would_redact.merge(&observed);
            }
        }
        Ok(redacted)
    }

    /// Makes sure that there is a record to note something in: a stream of the server's own making has none.
    fn touch(&self, cx: &Context<'_>, id: &str, records: &mut Vec<Record>) {
        if records.is_empty() {
            records.push(record::untied(cx, self.principal.clone(), id));
        }
    }
}
