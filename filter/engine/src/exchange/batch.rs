//! All messages of a body together: everything is forwarded, or nothing.

use super::ask::ask;
use super::assessment::{Action, Assessed, Assessment, BodyDecision, Sender};
use super::context::Context;
use super::forward::prepare_forward;
use crate::audit::Outcome;
use crate::pdp::{self, Planned};
use crate::pep::{self, Answer};
use crate::refusal::{Denial, Rejection};

/// Said to a call in a batch that a rule sends to a person.
const NOT_IN_A_BATCH: &str = " A batch cannot wait for a person: make this call by itself.";

/// All messages together: charges everything, or refuses everything.
pub(super) fn conclude(
    cx: &mut Context<'_>,
    (sender, session): (&Sender<'_>, Option<&str>),
    mut assessments: Vec<Assessed<'_, '_>>,
    (is_batch, modern): (bool, bool),
) -> BodyDecision {
    let gate = cx.gate;
    let principal = &sender.caller.principal;
    if let [Assessed { assessment, .. }] = &mut assessments[..]
        && !is_batch
    {
        match std::mem::replace(assessment, Assessment::Pass) {
            Assessment::Ask(call) => {
                let sender = (sender, session, modern);
                return ask(cx, sender, assessments.swap_remove(0), *call);
            }
            other => *assessment = other,
        }
    }
    for assessed in &mut assessments {
        if let Assessment::Ask(ask) = &assessed.assessment {
            let mut denial = Denial::by(&ask.approval.rule);
            denial.reason.push_str(NOT_IN_A_BATCH);
            assessed.refuse(Outcome::Hold, denial);
        }
    }
    let refused = assessments
        .iter()
        .any(|assessed| matches!(assessed.assessment, Assessment::Refuse(_)));
    if !refused {
        let calls: Vec<(Vec<Planned<'_>>, bool)> = assessments
            .iter_mut()
            .map(|assessed| match &mut assessed.assessment {
                Assessment::Allow {
                    charges, shadow, ..
                } => (std::mem::take(charges), shadow.is_some()),
                _ => (Vec::new(), false),
            })
            .collect();
        match pdp::settle(&gate.counters, cx.store, cx.now, &calls) {
            Ok(settled) => {
                return prepare_forward(
                    (gate, cx.now),
                    (principal, session),
                    assessments,
                    settled,
                    is_batch,
                );
            }
            Err((index, denial)) => {
                if let Some(assessed) = assessments.get_mut(index) {
                    assessed.refuse(Outcome::Deny, denial);
                }
            }
        }
    }
    let mut records = Vec::new();
    let mut answers = Vec::new();
    for assessed in assessments {
        let innocent = !matches!(assessed.assessment, Assessment::Refuse(_));
        if let Some(mut record) = assessed.record {
            if innocent {
                record.reject_by(
                    Rejection::Batch.pointer(),
                    "another call in this batch was refused",
                );
            }
            records.push(record);
        }
        answers.push(match (assessed.assessment, assessed.id) {
            (Assessment::Refuse(answer), _) => answer,
            (_, Some(id)) => Answer::Innocent(id),
            (_, None) => Answer::Silence,
        });
    }
    let prefix = &gate.http.denial_prefix;
    let reply = match answers.as_slice() {
        [answer] if !is_batch => pep::single(answer, prefix, modern),
        answers => pep::batch(answers, prefix),
    };
    BodyDecision {
        action: Action::Refuse(reply),
        records,
    }
}
