//! One message of a body: what it asks for, and whether it may have that.

use std::borrow::Cow;
use std::sync::Arc;

use super::context::Context;
use super::verdict::{Ask, Awaited, Opinion, Subject, Verdict};
use crate::approvals::{self, Binding, Bound, CallId, Ticket};
use crate::audit::{Outcome, Record};
use crate::control;
use crate::gate::Mode;
use crate::identity::Principal;
use crate::json::{Document, Kind, Value, canonical, legible};
use crate::mcp::{Asks, List, Method, is_normal};
use crate::pdp::{self, AccessRequest, Decision, Target};
use crate::pep::{self, Answer};
use crate::refusal::{Denial, Rejection};
use crate::rpc::{self, Call, Id, Message};
use crate::text::clip;

/// What is known of all messages of a body.
pub(super) struct Hearing<'h> {
    pub(super) subject: &'h Subject<'h>,
    /// The session, where counters need it.
    pub(super) session: Option<&'h str>,
    pub(super) modern: bool,
    /// The gate's own state that the body carried; `None` in it if it only looked like one.
    pub(super) state: Option<&'h Option<Ticket>>,
    /// What the stop switch says, once it was looked at: one switch for all messages of a body.
    pub(super) stop: Option<Option<Denial>>,
}

/// Judges one message on its own.
pub(super) fn opinion<'d, 'p>(
    cx: &mut Context<'p>,
    hearing: &mut Hearing<'_>,
    mut record: Record,
    message: &Message<'d>,
) -> Result<Opinion<'d, 'p>, (Rejection, Id<'d>, &'static str)> {
    let gate = cx.gate;
    let (subject, modern) = (hearing.subject, hearing.modern);
    let principal = &subject.caller.principal;
    let (id, call) = match *message {
        Message::Response { .. } => {
            return Ok(Opinion {
                id: None,
                record: None,
                answer: Awaited::default(),
                verdict: Verdict::Pass,
            });
        }
        Message::Request { id, call } => (Some(id), call),
        Message::Notification(call) => (None, call),
    };
    let name = call.method.decode();
    record.method = Some(clip(&name));
    record.rpc_id = id.map(|id| clip(id.token()));
    let refuse = |mut record: Record, rejection: Rejection| {
        record.reject(rejection, "");
        let answer = id.map_or(Answer::Silence, Answer::UnknownMethod);
        Ok(Opinion {
            id,
            record: Some(record),
            answer: Awaited::default(),
            verdict: Verdict::Refuse(answer),
        })
    };
    let policy = gate.policy_of(principal);
    let housekeeping = |any: bool| {
        let rules = match policy {
            Some(policy) if any => &policy.all_results,
            _ => &gate.results.rules,
        };
        Awaited {
            rules: Arc::clone(rules),
            is_tool: name == "tasks/result",
            is_result: any,
        }
    };
    let switched_off = gate.methods.deny.contains(&name);
    let method = Method::find(&name).filter(|_| !switched_off);
    let Some(method) = method else {
        if gate.methods.allow.contains(&name) && !switched_off {
            return Ok(Opinion {
                id,
                record: id.map(|_| record),
                answer: housekeeping(true),
                verdict: Verdict::Pass,
            });
        }
        return refuse(record, Rejection::Method);
    };
    let Some(request_id) = id else {
        if method.notification {
            if call.method.is("notifications/cancelled") {
                note_cancelled(cx, subject, &call);
            }
            return Ok(Opinion {
                id,
                record: None,
                answer: Awaited::default(),
                verdict: Verdict::Pass,
            });
        }
        // Servers differ on whether a call without id runs; nobody could be told that it was refused.
        return refuse(record, Rejection::Notification);
    };
    if method.notification {
        return refuse(record, Rejection::Method);
    }
    let params_error = (Rejection::Params, request_id, "");
    let (target, named) = match method.asks {
        Asks::Protocol => {
            return Ok(Opinion {
                id,
                record: Some(record),
                // What a task or a subscription tells of may be the result of any target.
                answer: housekeeping(
                    name.starts_with("tasks/") || name.starts_with("subscriptions/"),
                ),
                verdict: Verdict::Pass,
            });
        }
        Asks::List(list) => {
            return Ok(Opinion {
                id,
                record: Some(record),
                answer: housekeeping(false),
                verdict: Verdict::List(list),
            });
        }
        Asks::Tool => (Target::Tool, text_param(&call, "name")),
        Asks::Prompt => (Target::Prompt, text_param(&call, "name")),
        Asks::Resource => (Target::Resource, text_param(&call, "uri")),
        Asks::Completion => completion_target(&call).ok_or(params_error)?,
    };
    let named = named.ok_or(params_error)?;
    if target == Target::Resource && !named.as_str().is_some_and(|uri| is_normal(&uri)) {
        let detail = "the URI is not in normal form, and may not mean what it says";
        return Err((Rejection::Params, request_id, detail));
    }
    // A completion runs nothing and has no arguments of its own to judge.
    let completion = method.asks == Asks::Completion;
    let arguments = call.param("arguments").filter(|_| !completion);
    if arguments.is_some_and(|arguments| arguments.kind() != Kind::Object) {
        return Err(params_error);
    }
    record.target = named.as_str().map(|name| clip(&name));
    if let Some(arguments) = arguments {
        record.set_arguments(arguments, gate.audit.args);
    }
    let stop = match &hearing.stop {
        Some(known) => known.clone(),
        None => hearing.stop.insert(control::denial(gate, cx.store)).clone(),
    };
    let call_of = |arguments: &str| {
        Binding::of_call(&Bound {
            principal,
            server: subject.caller.server.as_deref().unwrap_or_default(),
            kind: target.key(),
            target: &named.as_str().unwrap_or_default(),
            arguments,
        })
    };
    let good_state = match hearing.state {
        None => true,
        Some(ticket) => {
            let call = call_of(&canonical_arguments(arguments));
            let key = gate.approvals.key.as_deref().unwrap_or_default();
            ticket
                .as_ref()
                .is_some_and(|ticket| ticket.is_good(key, call, cx.now))
        }
    };
    let decision = if let Some(denial) = stop {
        Decision::Deny(denial)
    } else if !good_state {
        Decision::Deny(Denial::new("/approvals/state", BAD_STATE))
    } else {
        let asked = (target, named, arguments);
        if completion {
            decide_completion(cx, principal, asked)
        } else {
            let server = subject.caller.server.as_deref();
            decide(cx, (principal, hearing.session, server), asked)
        }
    };
    let tool = target == Target::Tool && method.asks == Asks::Tool;
    // Where the client asked for a task (2025-11-25) it expects one, and chokes on a tool result.
    let task = call.param("task").is_some() && !modern;
    let verdict = match decision {
        Decision::Allow { charges, shadow } => Verdict::Allow {
            charges,
            shadow,
            tool,
            task,
        },
        Decision::Hold {
            charges,
            approval,
            approvers,
            shadow,
        } => match pdp::peek(&gate.counters, cx.store, cx.now, &charges) {
            Ok(()) => {
                let state = call.param("requestState").and_then(|state| state.as_str());
                Verdict::Ask(Box::new(Ask {
                    charges,
                    shadow,
                    approval,
                    approvers,
                    call: call_of(&canonical_arguments(arguments)),
                    kind: target,
                    arguments: arguments.map_or_else(|| "{}".to_owned(), legible),
                    state: state.map(Cow::into_owned),
                    tool,
                    task,
                }))
            }
            // What would be refused anyway is not worth a person's time.
            Err(denial) => {
                record.refuse(Outcome::Deny, &denial);
                Verdict::Refuse(pep::refusal(request_id, denial, tool, task))
            }
        },
        Decision::Uncountable { charges, denial } => {
            let earlier = pdp::peek(&gate.counters, cx.store, cx.now, &charges);
            let denial = earlier.err().unwrap_or(denial);
            record.refuse(Outcome::Deny, &denial);
            Verdict::Refuse(pep::refusal(request_id, denial, tool, task))
        }
        Decision::Deny(denial) => {
            record.refuse(Outcome::Deny, &denial);
            Verdict::Refuse(pep::refusal(request_id, denial, tool, task))
        }
    };
    let named = named.as_str().unwrap_or_default();
    let rules = policy.map_or(&gate.results.rules, |policy| {
        target.catalog(policy).results(&named)
    });
    let runs = matches!(method.name, "tools/call" | "prompts/get" | "resources/read");
    let answer = if runs {
        Awaited {
            rules: Arc::clone(rules),
            is_tool: tool && !task,
            is_result: true,
        }
    } else {
        housekeeping(false)
    };
    Ok(Opinion {
        id,
        record: Some(record),
        answer,
        verdict,
    })
}

/// Said where the gate's own state comes back with another call, changed, or too late.
const BAD_STATE: &str = "The `requestState` of this call was not given out for it, or its time is over. Make the call again without it.";

/// The arguments in canonical form; none are the same as an empty object.
fn canonical_arguments(arguments: Option<Value<'_>>) -> String {
    arguments.map_or_else(|| "{}".to_owned(), canonical)
}

/// A cancellation is left where the call it is about looks for it, if that is held.
fn note_cancelled(cx: &mut Context<'_>, subject: &Subject<'_>, call: &Call<'_>) {
    let id = call.param("requestId").and_then(rpc::read_id);
    if let Some(id) = id.filter(|_| cx.gate.approvals.used) {
        let session = subject.head.session.as_deref();
        let call = CallId::new(&subject.caller.principal, session, id.token());
        // A store that cannot be written cannot be read either: what is held by it is refused.
        let _refused = approvals::cancel(cx.store, &call);
    }
}

/// Asks the policy, with the counters its rules read.
fn decide<'p>(
    cx: &mut Context<'p>,
    (principal, session, server): (&Principal, Option<&str>, Option<&str>),
    (target, name, arguments): (Target, Value<'_>, Option<Value<'_>>),
) -> Decision<'p> {
    let gate = cx.gate;
    let Some(policy) = gate.policy_of(principal) else {
        return Decision::Deny(Denial::new(
            "/no-policy",
            "No policy allows this caller anything.",
        ));
    };
    let text = name.as_str().unwrap_or_default();
    let entries = pdp::entries(policy, target, &text);
    let table = &gate.counters.table;
    let counters =
        match pdp::read_counters(policy, entries, principal, session, table, cx.store, cx.now) {
            Ok(counters) => counters,
            Err(_) if gate.counters.allow_on_store_error => None,
            Err(_) => return Decision::Deny(Denial::new("/counters", pdp::COUNTERS_LOST)),
        };
    let counters = counters.as_ref().map(Document::root);
    let pins = gate.pins.as_ref().filter(|_| target == Target::Tool);
    let pinned = pins.map(|pins| pins.of(server).look(cx.store, &text));
    let request = AccessRequest {
        principal,
        target,
        name,
        arguments,
        counters,
        session,
        pinned,
    };
    pdp::decide(policy, &request, gate.mode == Mode::Shadow)
}

/// A completion is for what the caller's lists may show; it runs nothing and costs nothing.
fn decide_completion<'p>(
    cx: &mut Context<'p>,
    principal: &Principal,
    asked: (Target, Value<'_>, Option<Value<'_>>),
) -> Decision<'p> {
    let gate = cx.gate;
    let list = if asked.0 == Target::Prompt {
        List::Prompts
    } else {
        List::Templates
    };
    let listed = gate
        .policy_of(principal)
        .is_some_and(|policy| pdp::listed(policy, principal, list, asked.1));
    if listed || (gate.mode == Mode::Shadow && principal.policy.is_some()) {
        return Decision::Allow {
            charges: Vec::new(),
            shadow: None,
        };
    }
    match decide(cx, (principal, None, None), asked) {
        denied @ Decision::Deny(_) => denied,
        _ => Decision::Deny(Denial::new(
            "/default",
            "Nothing is completed for what the caller may not use.",
        )),
    }
}

fn text_param<'d>(call: &Call<'d>, key: &str) -> Option<Value<'d>> {
    call.param(key).filter(|value| value.as_text().is_some())
}

/// `params.ref` of `completion/complete`: `{type: "ref/prompt", name}` or `{type: "ref/resource", uri}`.
fn completion_target<'d>(call: &Call<'d>) -> Option<(Target, Option<Value<'d>>)> {
    let reference = call.param("ref")?;
    let kind = reference.get("type")?.as_str()?;
    let (target, key) = match &*kind {
        "ref/prompt" => (Target::Prompt, "name"),
        "ref/resource" => (Target::Resource, "uri"),
        _ => return None,
    };
    Some((
        target,
        reference.get(key).filter(|value| value.as_text().is_some()),
    ))
}
