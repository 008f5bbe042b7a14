//! A request that is permitted and charged goes on: what is kept of it for its reply.

use super::assessment::{Action, Assessed, Assessment, Awaited, BodyDecision};
use super::record;
use super::reply::{Expected, ReplyPlan};
use super::watch::Watch;
use crate::audit::Outcome;
use crate::gate::Gate;
use crate::identity::Principal;
use crate::pdp;
use crate::time::Timestamp;

/// Everything is permitted and charged.
pub(super) fn prepare_forward(
    (gate, now): (&Gate, Timestamp),
    (principal, session): (&Principal, Option<&str>),
    assessments: Vec<Assessed<'_, '_>>,
    settled: pdp::Settled,
    is_batch: bool,
) -> BodyDecision {
    let mut records = Vec::new();
    let mut watch = Watch::default();
    let mut lists = Vec::new();
    let mut expected = Vec::new();
    let mut learns_session = false;
    let policy = gate.policy_of(principal);
    for (assessed, (charged, observed)) in assessments.into_iter().zip(settled.calls) {
        let (list, shadow) = match assessed.assessment {
            Assessment::List(list) => (Some(list), None),
            Assessment::Allow { shadow, .. } => (assessed.list, shadow),
            _ => (assessed.list, None),
        };
        if let Some(list) = list.filter(|list| !lists.contains(list)) {
            lists.push(list);
        }
        if let Some(mut record) = assessed.record {
            learns_session |= policy.is_some_and(|policy| policy.counts_sessions)
                && record.method.as_deref() == Some("initialize");
            let observed = shadow.or(observed);
            if let Some(denial) = observed.filter(|_| record.decision == Outcome::Allow) {
                record.refuse(Outcome::ShadowDeny, &denial);
            }
            record.counters = charged.iter().map(record::counter).collect();
            records.push(record);
        }
        if let Some(id) = assessed.id {
            let record = records.len().saturating_sub(1);
            let Awaited {
                rules,
                is_tool,
                is_result,
            } = assessed.answer;
            watch.expect((expected.len(), id, now), charged, record);
            expected.push(Expected {
                id: id.keep(),
                record,
                rules,
                is_tool,
                is_result,
            });
        }
    }
    let plan = ReplyPlan::post(gate, policy, lists, expected, is_batch);
    BodyDecision {
        action: Action::Forward {
            permit: settled.permit,
            body: None,
            plan,
            watch,
            learns_session,
            session: session.map(str::to_owned),
        },
        records,
    }
}
