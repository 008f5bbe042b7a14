//! One message of a body: what it asks for, and whether it may have that.

use std::sync::Arc;

use super::asked::Asked;
use super::assessment::{Assessed, Assessment, Awaited, Sender};
use super::context::Context;
use super::decision::{BodyContext, decision_of, follow, is_of_a_strange_session};
use crate::approvals::{self, CallId};
use crate::audit::Record;
use crate::gate::Gate;
use crate::mcp::{Asks, List, Method};
use crate::policy::Policy;
use crate::refusal::Rejection;
use crate::rpc::{self, Call, Message};
use crate::text::clip;

/// Judges one message on its own.
pub(super) fn assess<'d, 'p>(
    cx: &mut Context<'p>,
    body_context: &mut BodyContext<'_>,
    mut record: Record,
    message: &Message<'d>,
) -> Assessed<'d, 'p> {
    let gate = cx.gate;
    let (id, call) = match *message {
        Message::Response { .. } => return Assessed::unrecorded(),
        Message::Request { id, call } => (Some(id), call),
        Message::Notification(call) => (None, call),
    };
    let name = call.method.decode();
    record.method = Some(clip(&name));
    record.rpc_id = id.map(|id| clip(id.token()));
    let method = match method_of(gate, &name, id.is_some(), body_context.modern) {
        Ok(method) => method,
        Err(rejection) => return Assessed::rejected(id, record, rejection, ""),
    };
    let policy = gate.policy_of(&body_context.sender.caller.principal);
    let passes = |id, record, any, assessment| Assessed {
        id,
        record,
        answer: housekeeping(gate, policy, &name, any),
        list: None,
        tool_result: false,
        assessment,
    };
    let Some(method) = method else {
        let record = id.map(|_| record);
        return passes(id, record, true, Assessment::Pass);
    };
    if id.is_none() {
        if method.name == "notifications/cancelled" {
            note_cancelled(cx, body_context.sender, &call);
        }
        return Assessed::unrecorded();
    }
    let asked = match Asked::read(&call, method, body_context.modern, policy) {
        Ok(asked) => asked,
        Err(detail) => return Assessed::rejected(id, record, Rejection::Params, detail),
    };
    let Some(asked) = asked else {
        if let Asks::List(list) = method.asks {
            return passes(id, Some(record), false, Assessment::List(list));
        }
        // What a task or a subscription tells of may be the result of any target.
        let any = name.starts_with("tasks/") || name.starts_with("subscriptions/");
        return passes(id, Some(record), any, Assessment::Pass);
    };
    record.target = asked.name.as_str().map(|name| clip(&name));
    if let Some(arguments) = asked.arguments {
        record.set_arguments(arguments, gate.audit.args);
    }
    let decision = decision_of(cx, body_context, &asked);
    if is_of_a_strange_session(cx, body_context, &asked, &decision) {
        return Assessed::rejected(id, record, Rejection::Session, "");
    }
    let mut assessed = Assessed {
        id,
        record: Some(record),
        answer: awaited_of(gate, policy, method, &asked),
        list: match method.name {
            "resources/directory/read" => Some(List::Resources),
            "skills/get" => Some(List::Skills),
            _ => None,
        },
        tool_result: asked.tool_result,
        assessment: Assessment::Pass,
    };
    follow(
        cx,
        body_context.sender,
        (&call, &asked),
        decision,
        &mut assessed,
    );
    assessed
}

/// The method a message calls; `None` where it is an unknown one that the configuration lets through.
fn method_of(
    gate: &Gate,
    name: &str,
    is_request: bool,
    modern: bool,
) -> Result<Option<&'static Method>, Rejection> {
    let switched_off = gate.methods.deny.contains(name);
    match Method::find(name).filter(|_| !switched_off) {
        None if gate.methods.allow.contains(name) && !switched_off => Ok(None),
        None => Err(Rejection::Method),
        Some(method) if method.is_gone && modern => Err(Rejection::Method),
        Some(method) if method.notification == is_request => Err(match is_request {
            true => Rejection::Method,
            // Servers differ on whether a call without id runs; nobody could be told that it was refused.
            false => Rejection::Notification,
        }),
        Some(method) => Ok(Some(method)),
    }
}

/// A cancellation is left where the call it is about looks for it, if that is held.
fn note_cancelled(cx: &mut Context<'_>, sender: &Sender<'_>, call: &Call<'_>) {
    let id = call.param("requestId").and_then(rpc::read_id);
    let Some(id) = id else { return };
    // Without it the charge of a call that was cancelled is given back if the server says that it failed.
    let _given_back = approvals::give_up(cx.store, cx.now, &sender.caller.principal, id.token());
    if cx.gate.approvals.used {
        let session = sender.head.session.as_deref();
        let call = CallId::new(&sender.caller.principal, session, id.token());
        // A store that cannot be written cannot be read either: what is held by it is refused.
        let _refused = approvals::cancel(cx.store, &call);
    }
}

/// What applies to the answer of a call that is decided on.
fn awaited_of(gate: &Gate, policy: Option<&Policy>, method: &Method, asked: &Asked<'_>) -> Awaited {
    let runs = matches!(
        method.name,
        "tools/call" | "prompts/get" | "resources/read" | "skills/get"
    );
    if !runs {
        return housekeeping(gate, policy, method.name, false);
    }
    let name = asked.name.as_str().unwrap_or_default();
    let rules = policy.map_or(&gate.results.rules, |policy| {
        asked.target.catalog(policy).results(&name)
    });
    Awaited {
        rules: Arc::clone(rules),
        is_tool: asked.tool_result,
        is_result: true,
    }
}

/// What applies to the answer of a method that names no target; `any` tells that it may hold the result of one.
fn housekeeping(gate: &Gate, policy: Option<&Policy>, method: &str, any: bool) -> Awaited {
    let rules = match policy {
        Some(policy) if any => &policy.all_results,
        _ => &gate.results.rules,
    };
    Awaited {
        rules: Arc::clone(rules),
        is_tool: method == "tasks/result",
        is_result: any,
    }
}
