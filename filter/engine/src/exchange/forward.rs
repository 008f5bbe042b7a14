//! A request that is permitted and charged goes on: what is kept of it for its reply.

use super::record;
use super::reply::{Expected, ReplyPlan};
use super::verdict::{Awaited, Judged, Opinion, Ruling, Verdict};
use super::watch::Watch;
use crate::audit::Outcome;
use crate::gate::Gate;
use crate::identity::Principal;
use crate::pdp;

/// Everything is permitted and charged.
pub(super) fn forward(
    gate: &Gate,
    (principal, session): (&Principal, Option<&str>),
    opinions: Vec<Opinion<'_, '_>>,
    settled: pdp::Settled,
    is_batch: bool,
) -> Judged {
    let mut records = Vec::new();
    let mut watch = Watch::default();
    let mut lists = Vec::new();
    let mut expected = Vec::new();
    let mut learns_session = false;
    let policy = gate.policy_of(principal);
    for (opinion, (charged, observed)) in opinions.into_iter().zip(settled.calls) {
        let shadow = match opinion.verdict {
            Verdict::List(list) => {
                if !lists.contains(&list) {
                    lists.push(list);
                }
                None
            }
            Verdict::Allow { shadow, .. } => shadow,
            _ => None,
        };
        if let Some(mut record) = opinion.record {
            learns_session |= policy.is_some_and(|policy| policy.counts_sessions)
                && record.method.as_deref() == Some("initialize");
            let observed = shadow.or(observed);
            if let Some(denial) = observed.filter(|_| record.decision == Outcome::Allow) {
                record.refuse(Outcome::ShadowDeny, &denial);
            }
            record.counters = charged.iter().map(record::counter).collect();
            records.push(record);
        }
        if let Some(id) = opinion.id {
            let record = records.len().saturating_sub(1);
            let Awaited {
                rules,
                is_tool,
                is_result,
            } = opinion.answer;
            expected.push(Expected {
                id: id.token().to_owned(),
                record,
                rules,
                is_tool,
                is_result,
            });
            watch.expect(id, charged, record);
        }
    }
    let plan = ReplyPlan::post(gate, policy, lists, expected, is_batch);
    Judged {
        ruling: Ruling::Forward {
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
