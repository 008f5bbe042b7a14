//! A call that a rule sends to a person: is there an answer already, and if not, does the call wait for it?

use std::sync::Arc;

use super::assessment::{Action, Ask, Assessed, Assessment, BodyDecision, Sender};
use super::context::Context;
use super::forward::prepare_forward;
use super::record;
use super::told::{full, rejected, too_long, unavailable, waits};
use super::waiting::Waiting;
use crate::approvals::{self, AskError, Binding, CallId, Line, MAX_SHOWN, Question, State};
use crate::audit::{Outcome, Record};
use crate::counters::StoreLost;
use crate::pdp::{self, Planned, Settled};
use crate::pep;
use crate::policy::Rule;
use crate::refusal::Denial;
use crate::rpc::Id;
use crate::text::clip;

/// How often a question is asked anew because another call like this one used the answer.
const ATTEMPTS: usize = 8;

/// Asks, or takes the answer that is there. The request holds this one call.
pub(super) fn ask(
    cx: &mut Context<'_>,
    (sender, session, modern): (&Sender<'_>, Option<&str>, bool),
    mut assessed: Assessed<'_, '_>,
    ask: Ask<'_>,
) -> BodyDecision {
    let gate = cx.gate;
    let id = assessed.id.unwrap_or(Id::NULL);
    let blank = || record::of(cx, Some(sender.head), Some(sender.caller), sender.id);
    let mut record = assessed.record.take().unwrap_or_else(blank);
    let call = call_id(sender, id);
    let since = sender.since.map_or(cx.now, |(since, _)| since);
    let can_hold = gate.http.hold_request_headers && cx.held < gate.approvals.max_held;
    let hold = if can_hold { ask.approval.hold } else { 0 };
    let until = since.seconds().saturating_add(hold);
    // Opened before anybody is asked, so that no cancellation is missed.
    let length = shown(&ask);
    let can_be_shown = length <= MAX_SHOWN;
    let line = match can_be_shown && until > cx.now.seconds() {
        true => line(cx, sender, &call, until),
        false => Ok(None),
    };
    let rule = &ask.approval.rule;
    let policy = record.policy.as_deref().unwrap_or_default();
    let binding = ask.call.under(&gate.digest, policy, &rule.pointer);
    let held_until = if matches!(line, Ok(Some(_))) {
        until
    } else {
        0
    };
    let new = question(cx, sender, (&record, &ask), held_until);
    let calls = [(ask.charges, ask.shadow.is_some())];
    let found = match line {
        _ if !can_be_shown => Found::No(too_long(length)),
        Ok(_) => find_answer(cx, &calls, rule, binding, &new),
        Err(StoreLost) => Found::No(unavailable()),
    };
    let line = line.ok().flatten();
    if let (Found::Yes(..) | Found::No(_), Some(line)) = (&found, &line)
        && sender.since.is_none_or(|(_, kept)| kept != line)
    {
        // What cannot be noted expires by itself.
        let _expires = approvals::hang_up(cx.store, line);
    }
    let (outcome, denial) = match (found, line) {
        (Found::Yes(question, settled), _) => {
            record.refuse(Outcome::Approve, &said(cx, rule, &question));
            record.reason = question.decided_reason.clone();
            assessed.record = Some(record);
            assessed.assessment = Assessment::Allow {
                charges: Vec::new(),
                shadow: ask.shadow,
            };
            let caller = (&sender.caller.principal, session);
            return prepare_forward((gate, cx.now), caller, vec![assessed], *settled, false);
        }
        (Found::Open(question), Some(line)) => {
            record.refuse(Outcome::Hold, &said(cx, rule, &question));
            record.reason = Some(rule.reason.to_string());
            let waiting = Waiting {
                approval: question.id,
                since,
                until,
                share: sender.caller.principal.share(),
                line,
                binding: ask.call,
                state: ask.state,
                answers: ask.answers,
                grant: grant(sender),
                expires: sender.caller.expires,
                modern,
                id: id.token().to_owned(),
                tool_result: assessed.tool_result,
                rule: rule.clone(),
                record: record.clone(),
            };
            return BodyDecision {
                action: Action::Hold(Box::new(waiting)),
                records: vec![record],
            };
        }
        (Found::Open(question), None) => (Outcome::Hold, waits(cx, rule, &question)),
        (Found::No(denial), _) => (Outcome::Deny, denial),
    };
    record.refuse(outcome, &denial);
    if outcome == Outcome::Hold {
        record.reason = Some(rule.reason.to_string());
    }
    let answer = pep::refusal(id, denial, assessed.tool_result);
    let prefix = &gate.http.denial_prefix;
    BodyDecision {
        action: Action::Refuse(pep::single(&answer, prefix, modern)),
        records: vec![record],
    }
}

/// Where the call hears of its cancellation: where it did while it was held, if it was. `None` if there is no room for it.
fn line(
    cx: &mut Context<'_>,
    sender: &Sender<'_>,
    call: &CallId,
    until: i64,
) -> Result<Option<Line>, StoreLost> {
    if let Some((_, line)) = sender.since
        && line.is_of(call)
    {
        return Ok(Some(line.clone()));
    }
    let share = sender.caller.principal.share();
    approvals::listen(cx.store, cx.now, call, share, until)
}

/// What a call finds.
enum Found {
    /// A person said yes, and the call is charged.
    Yes(Box<Question>, Box<Settled>),
    /// Nobody has decided.
    Open(Box<Question>),
    /// It must not be made.
    No(Denial),
}

fn find_answer(
    cx: &mut Context<'_>,
    calls: &[(Vec<Planned<'_>>, bool)],
    rule: &Rule,
    binding: Binding,
    new: &Question,
) -> Found {
    let slots = cx.gate.approvals.max_pending;
    for _ in 0..ATTEMPTS {
        let mut question = match approvals::ask(cx.store, cx.now, slots, binding, new) {
            Ok(question) => Box::new(question),
            Err(error) => return Found::No(refused(error)),
        };
        match question.state {
            State::Approved => match release(cx, calls, &question.id) {
                Ok(Some(settled)) => {
                    question.state = State::Used;
                    return Found::Yes(question, Box::new(settled));
                }
                // Another call like this one was faster.
                Ok(None) => {}
                Err(denial) => return Found::No(denial),
            },
            State::Rejected => return Found::No(rejected(cx, rule, &question)),
            _ => return Found::Open(question),
        }
    }
    Found::No(unavailable())
}

/// Charges the call and uses the approval up: both or neither. `None` if the approval was another's by then.
fn release(
    cx: &mut Context<'_>,
    calls: &[(Vec<Planned<'_>>, bool)],
    approval: &str,
) -> Result<Option<Settled>, Denial> {
    let counters = &cx.gate.counters;
    let settled = pdp::settle(counters, cx.store, cx.now, calls).map_err(|(_, denial)| denial)?;
    let used = approvals::consume(cx.store, cx.now, approval);
    if used == Ok(true) {
        return Ok(Some(settled));
    }
    for (charged, _) in &settled.calls {
        for charge in charged {
            counters.table.refund(cx.store, &charge.receipt);
        }
    }
    match used {
        Ok(_) => Ok(None),
        Err(_) => Err(unavailable()),
    }
}

fn refused(error: AskError) -> Denial {
    match error {
        AskError::Lost => unavailable(),
        AskError::Full { retry_after } => full(Some(retry_after)),
    }
}

/// What a record says of a question.
fn said(cx: &Context<'_>, rule: &Rule, question: &Question) -> Denial {
    Denial {
        rule: Arc::clone(&rule.pointer),
        reason: String::new(),
        retry_after: None,
        approval: Some(Box::new(question.notice(cx.now))),
    }
}

/// How much a person has to be shown of a call, in bytes.
fn shown(ask: &Ask<'_>) -> usize {
    let besides = ask.besides.as_deref().unwrap_or_default();
    let texts = [&*ask.target, &*ask.arguments, besides];
    texts
        .map(str::len)
        .into_iter()
        .fold(0, usize::saturating_add)
}

/// The question to ask. `held_until` is 0 if the call is not held for it.
fn question(
    cx: &Context<'_>,
    sender: &Sender<'_>,
    (record, ask): (&Record, &Ask<'_>),
    held_until: i64,
) -> Question {
    let gate = cx.gate;
    let principal = &sender.caller.principal;
    let created = cx.now.seconds();
    Question {
        id: String::new(),
        state: State::Pending,
        created,
        expires: created.saturating_add(ask.approval.timeout),
        held_until,
        waiting: i64::from(held_until > 0),
        binding: String::new(),
        principal: record.principal.clone(),
        source: record.source.clone(),
        issuer: record.issuer.clone(),
        share: principal.share(),
        label: principal.label.as_deref().map(clip),
        session: record.session.clone(),
        server: record.server.clone(),
        policy: record.policy.clone(),
        kind: ask.kind.key().to_owned(),
        target: ask.target.clone(),
        arguments: ask.arguments.clone(),
        besides: ask.besides.clone(),
        rule: ask.approval.rule.pointer.to_string(),
        reason: ask.approval.rule.reason.to_string(),
        approvers: ask.approvers.to_vec(),
        digest: gate.digest.clone(),
        decision_id: record.decision_id.clone(),
        decided_by: None,
        decided_reason: None,
        decided_at: 0,
        used_at: 0,
        closed: false,
        // What nobody is told of needs no announcement.
        announced: if gate.approvals.notify.is_some() {
            0
        } else {
            2
        },
        announce_at: 0,
        tries: 0,
        round: 0,
    }
}

fn grant(sender: &Sender<'_>) -> Option<Box<str>> {
    let principal = &sender.caller.principal;
    (principal.source == "grant").then(|| principal.id.clone())
}

fn call_id(sender: &Sender<'_>, id: Id<'_>) -> CallId {
    let session = sender.head.session.as_deref();
    let principal = &sender.caller.principal;
    CallId::new(principal, session, id.token())
}
