//! All messages of a body together: everything is forwarded, or nothing.

use super::ask::ask;
use super::context::Context;
use super::forward::forward;
use super::verdict::{Judged, Opinion, Ruling, Subject, Verdict};
use crate::audit::Outcome;
use crate::pdp::{self, Planned};
use crate::pep::{self, Answer};
use crate::refusal::{Denial, Rejection};

/// Said to a call in a batch that a rule sends to a person.
const NOT_IN_A_BATCH: &str = " A batch cannot wait for a person: make this call by itself.";

/// All messages together: charges everything, or refuses everything.
pub(super) fn conclude(
    cx: &mut Context<'_>,
    (subject, session): (&Subject<'_>, Option<&str>),
    mut opinions: Vec<Opinion<'_, '_>>,
    (is_batch, modern): (bool, bool),
) -> Judged {
    let gate = cx.gate;
    let principal = &subject.caller.principal;
    if let [Opinion { verdict, .. }] = &mut opinions[..]
        && !is_batch
    {
        match std::mem::replace(verdict, Verdict::Pass) {
            Verdict::Ask(call) => {
                let subject = (subject, session, modern);
                return ask(cx, subject, opinions.swap_remove(0), *call);
            }
            other => *verdict = other,
        }
    }
    for opinion in &mut opinions {
        if let Verdict::Ask(ask) = &opinion.verdict {
            let mut denial = Denial::by(&ask.approval.rule);
            denial.reason.push_str(NOT_IN_A_BATCH);
            opinion.refuse(Outcome::Hold, denial);
        }
    }
    let refused = opinions
        .iter()
        .any(|opinion| matches!(opinion.verdict, Verdict::Refuse(_)));
    if !refused {
        let calls: Vec<(Vec<Planned<'_>>, bool)> = opinions
            .iter_mut()
            .map(|opinion| match &mut opinion.verdict {
                Verdict::Allow {
                    charges, shadow, ..
                } => (std::mem::take(charges), shadow.is_some()),
                _ => (Vec::new(), false),
            })
            .collect();
        match pdp::settle(&gate.counters, cx.store, cx.now, &calls) {
            Ok(settled) => {
                return forward(gate, (principal, session), opinions, settled, is_batch);
            }
            Err((index, denial)) => {
                if let Some(opinion) = opinions.get_mut(index) {
                    opinion.refuse(Outcome::Deny, denial);
                }
            }
        }
    }
    let mut records = Vec::new();
    let mut answers = Vec::new();
    for opinion in opinions {
        let innocent = !matches!(opinion.verdict, Verdict::Refuse(_));
        if let Some(mut record) = opinion.record {
            if innocent {
                record.reject_by(
                    Rejection::Batch.pointer(),
                    "another call in this batch was refused",
                );
            }
            records.push(record);
        }
        answers.push(match (opinion.verdict, opinion.id) {
            (Verdict::Refuse(answer), _) => answer,
            (_, Some(id)) => Answer::Innocent(id),
            (_, None) => Answer::Silence,
        });
    }
    let prefix = &gate.http.denial_prefix;
    let reply = match answers.as_slice() {
        [answer] if !is_batch => pep::single(answer, prefix, modern),
        answers => pep::batch(answers, prefix),
    };
    Judged {
        ruling: Ruling::Refuse(reply),
        records,
    }
}
