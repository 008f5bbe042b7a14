//! What the records of an exchange say of the request and the caller.

use super::context::Context;
use super::head::RequestHead;
use crate::audit::{CounterRecord, Record};
use crate::counters::display_nanos;
use crate::identity::{Caller, Principal};
use crate::json::compact;
use crate::pdp::Charged;
use crate::text::clip;

/// A record with what is known of every request.
pub(super) fn of(
    cx: &Context<'_>,
    head: Option<&RequestHead>,
    caller: Option<&Caller>,
    decision_id: &str,
) -> Record {
    let principal = caller.map(|caller| &caller.principal);
    let policy = principal.and_then(|principal| cx.gate.policy_of(principal));
    Record {
        principal: principal.map_or_else(|| "unknown".to_owned(), |principal| clip(&principal.id)),
        source: principal
            .map_or("unknown", |principal| principal.source)
            .to_owned(),
        issuer: principal.and_then(Principal::issuer).map(clip),
        claims: principal.and_then(|principal| chosen_claims(principal, &cx.gate.audit.claims)),
        server: caller.and_then(|caller| caller.server.as_deref().map(clip)),
        policy: policy
            .map(|policy| policy.name.to_string())
            .filter(|name| !name.is_empty()),
        request_id: head.and_then(|head| head.request_id.clone()),
        traceparent: head.and_then(|head| head.traceparent.clone()),
        session: head.and_then(|head| head.session.as_deref().map(clip)),
        ..Record::new(cx.now, decision_id, &cx.gate.digest)
    }
}

/// The record of a request that is turned away on its headers.
pub(super) fn turned_away(
    cx: &Context<'_>,
    head: &RequestHead,
    decision_id: &str,
    caller: Option<&Caller>,
    rule: &str,
    reason: &str,
) -> Record {
    let mut record = of(cx, Some(head), caller, decision_id);
    record.reject_by(rule.to_owned(), reason);
    record
}

/// The claims to record, as an object.
fn chosen_claims(principal: &Principal, chosen: &[Box<str>]) -> Option<String> {
    let claims = principal.claims.as_ref().filter(|_| !chosen.is_empty())?;
    let members: Vec<String> = claims
        .root()
        .members()
        .filter(|(key, _)| chosen.iter().any(|name| key.is(name)))
        .map(|(key, value)| format!("\"{}\":{}", key.raw(), compact(value)))
        .collect();
    Some(format!("{{{}}}", members.join(",")))
}

/// A charge as a record shows it.
pub(super) fn counter(charged: &Charged) -> CounterRecord {
    CounterRecord {
        counter: charged.counter.to_string(),
        before: display_nanos(charged.receipt.before),
        after: display_nanos(charged.receipt.after),
        max: display_nanos(charged.max),
    }
}

/// A record of what a stream brought that belongs to no request.
pub(super) fn untied(cx: &Context<'_>, principal: Principal, id: &str) -> Record {
    let caller = Caller {
        principal,
        server: None,
        removals: Vec::new(),
        expires: None,
    };
    of(cx, None, Some(&caller), id)
}

/// These charges were given back.
pub(super) fn mark_refunded(records: &mut [Record], indexes: &[usize]) {
    for index in indexes {
        if let Some(record) = records.get_mut(*index) {
            record.refunded = true;
        }
    }
}
