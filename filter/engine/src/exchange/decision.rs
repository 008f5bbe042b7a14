//! What the policy, the stop switch and the questions to people say of one call, and what follows.

use std::borrow::Cow;

use super::asked::Asked;
use super::assessment::{Ask, Assessed, Assessment, Sender};
use super::besides::{ANSWERS, is_empty};
use super::context::Context;
use crate::approvals::Ticket;
use crate::audit::Outcome;
use crate::control;
use crate::gate::Mode;
use crate::json::{Document, Limits, legible, quoted};
use crate::mcp::{List, within_directory};
use crate::pdp::{self, AccessRequest, Decision, Target};
use crate::policy::{Budget, Scope};
use crate::refusal::{Denial, Own};
use crate::rpc::Call;

/// What is known of all messages of a body.
pub(super) struct BodyContext<'h> {
    pub(super) sender: &'h Sender<'h>,
    /// What judging all of it may cost.
    pub(super) work: &'h Budget,
    /// The session, where counters need it.
    pub(super) session: Option<&'h str>,
    pub(super) modern: bool,
    /// The gate's own state that the body carried; `None` in it if it only looked like one.
    pub(super) state: Option<&'h Option<Ticket>>,
    /// What the stop switch says, once it was looked at: one switch for all messages of a body.
    pub(super) stop: Option<Option<Denial>>,
}

/// Said where the gate's own state comes back with another call, changed, or too late.
const BAD_STATE: &str = "The `requestState` of this call was not given out for it, or its time is over. Make the call again without it.";

/// What is decided on a call: by the stop switch, by the gate's own state in it, by the policy.
pub(super) fn decision_of<'p>(
    cx: &mut Context<'p>,
    body_context: &mut BodyContext<'_>,
    asked: &Asked<'_>,
) -> Decision<'p> {
    let stop = match &body_context.stop {
        Some(known) => known.clone(),
        None => body_context
            .stop
            .insert(control::denial(cx.gate, cx.store))
            .clone(),
    };
    if let Some(denial) = stop {
        return Decision::Deny(denial);
    }
    if !state_is_good(cx, body_context, asked) {
        return Decision::Deny(Denial::own(Own::ApprovalsState, BAD_STATE));
    }
    match (asked.is_completion, asked.is_directory) {
        (true, _) => decide_completion(cx, body_context, asked),
        (_, true) => decide_directory(cx, body_context, asked),
        _ => decide(cx, body_context, body_context.session, asked),
    }
}

/// Whether the state that the call carried, if the gate gave it out, was given out for this call.
fn state_is_good(cx: &Context<'_>, body_context: &BodyContext<'_>, asked: &Asked<'_>) -> bool {
    let Some(ticket) = body_context.state else {
        return true;
    };
    let key = cx.gate.approvals.key.as_deref().unwrap_or_default();
    let call = asked.binding(body_context.sender);
    ticket
        .as_ref()
        .is_some_and(|ticket| ticket.is_good(key, call, cx.now))
}

/// Asks the policy, with the counters its rules read.
fn decide<'p>(
    cx: &mut Context<'p>,
    body_context: &BodyContext<'_>,
    session: Option<&str>,
    asked: &Asked<'_>,
) -> Decision<'p> {
    let (gate, sender) = (cx.gate, body_context.sender);
    let principal = &sender.caller.principal;
    let Some(policy) = gate.policy_of(principal) else {
        return Decision::Deny(Denial::own(
            Own::NoPolicy,
            "No policy allows this caller anything.",
        ));
    };
    let name = asked.name.as_str().unwrap_or_default();
    let entries = pdp::entries(policy, asked.target, &name);
    let table = &gate.counters.table;
    let counters =
        match pdp::read_counters(policy, entries, principal, session, table, cx.store, cx.now) {
            Ok(counters) => counters,
            Err(_) if gate.counters.allow_on_store_error => None,
            Err(_) => return Decision::Deny(Denial::own(Own::Counters, pdp::COUNTERS_LOST)),
        };
    let pins = gate.pins.as_ref().filter(|_| asked.target == Target::Tool);
    let server = sender.caller.server.as_deref();
    let request = AccessRequest {
        principal,
        target: asked.target,
        name: asked.name,
        arguments: asked.arguments,
        counters: counters.as_ref().map(Document::root),
        session,
        pinned: pins.map(|pins| pins.of(server).look(cx.store, &name)),
    };
    let shadow = gate.mode == Mode::Shadow;
    pdp::decide_within(policy, &request, shadow, body_context.work)
}

/// A directory is judged as whatever is in it: the resources that `skill://acme/*` permits are in `skill://acme`.
fn decide_directory<'p>(
    cx: &mut Context<'p>,
    body_context: &BodyContext<'_>,
    asked: &Asked<'_>,
) -> Decision<'p> {
    let uri = within_directory(&asked.name.as_str().unwrap_or_default());
    let quoted = quoted(&uri);
    // A text in quotes can be read: without it the directory is judged by its own URI.
    let document = Document::parse(quoted.as_bytes(), &Limits::REPLY);
    let name = document.as_ref().map_or(asked.name, Document::root);
    let asked = Asked { name, ..*asked };
    decide(cx, body_context, body_context.session, &asked)
}

/// A completion is for what the caller's lists may show; it runs nothing and costs nothing.
fn decide_completion<'p>(
    cx: &mut Context<'p>,
    body_context: &BodyContext<'_>,
    asked: &Asked<'_>,
) -> Decision<'p> {
    let (gate, work) = (cx.gate, body_context.work);
    let principal = &body_context.sender.caller.principal;
    let list = match asked.target {
        Target::Prompt => List::Prompts,
        _ => List::Templates,
    };
    let listed = gate
        .policy_of(principal)
        .is_some_and(|policy| pdp::listed(policy, principal, list, asked.name, work));
    if listed || (gate.mode == Mode::Shadow && principal.policy.is_some()) {
        return Decision::Allow {
            charges: Vec::new(),
            shadow: None,
        };
    }
    match decide(cx, body_context, None, asked) {
        denied @ Decision::Deny(_) => denied,
        _ => Decision::Deny(Denial::own(
            Own::Default,
            "Nothing is completed for what the caller may not use.",
        )),
    }
}

/// Whether a call cannot be counted because its limit counts by sessions and the gate does not know the one it names, as after a
/// restart. A client that is told so begins a new one.
pub(super) fn is_of_a_strange_session(
    cx: &mut Context<'_>,
    body_context: &BodyContext<'_>,
    asked: &Asked<'_>,
    decision: &Decision<'_>,
) -> bool {
    let Sender { head, caller, .. } = body_context.sender;
    let named = head.session.as_deref().filter(|_| !body_context.modern);
    let (Decision::Uncountable { .. }, Some(session), Some(policy), None) = (
        decision,
        named,
        cx.gate.policy_of(&caller.principal),
        body_context.session,
    ) else {
        return false;
    };
    let name = asked.name.as_str().unwrap_or_default();
    let mut limits = pdp::entries(policy, asked.target, &name).flat_map(|entry| &entry.limits);
    let table = &cx.gate.counters.table;
    limits.any(|limit| limit.counter.scope == Scope::Session)
        && pdp::knows_session(table, cx.store, cx.now, &caller.principal, session) == Ok(false)
}

/// What follows from a decision. A refusal by a limit goes before a question: what would be refused anyway is not worth a
/// person's time.
pub(super) fn follow<'p>(
    cx: &mut Context<'p>,
    sender: &Sender<'_>,
    (call, asked): (&Call<'_>, &Asked<'_>),
    decision: Decision<'p>,
    assessed: &mut Assessed<'_, 'p>,
) {
    match decision {
        Decision::Allow { charges, shadow } => {
            assessed.assessment = Assessment::Allow { charges, shadow };
        }
        Decision::Hold {
            charges,
            approval,
            approvers,
            shadow,
        } => match pdp::peek(&cx.gate.counters, cx.store, cx.now, &charges) {
            Ok(()) => {
                let state = call.param("requestState").and_then(|state| state.as_str());
                assessed.assessment = Assessment::Ask(Box::new(Ask {
                    charges,
                    shadow,
                    approval,
                    approvers,
                    call: asked.binding(sender),
                    kind: asked.target,
                    target: asked.name.as_str().unwrap_or_default().into_owned(),
                    arguments: asked.arguments.map_or_else(|| "{}".to_owned(), legible),
                    besides: asked.besides(legible),
                    answers: (call.param(ANSWERS)).is_some_and(|answers| !is_empty(answers)),
                    state: state.map(Cow::into_owned),
                }));
            }
            Err(denial) => assessed.refuse(Outcome::Deny, denial),
        },
        Decision::Uncountable { charges, denial } => {
            let earlier = pdp::peek(&cx.gate.counters, cx.store, cx.now, &charges);
            assessed.refuse(Outcome::Deny, earlier.err().unwrap_or(denial));
        }
        Decision::Deny(denial) => assessed.refuse(Outcome::Deny, denial),
    }
}
