//! The body of a request: every message in it is judged, and all of them together forwarded or refused.

use std::sync::Arc;

use super::head::RequestHead;
use super::reply::{Expected, ReplyPlan};
use super::watch::Watch;
use super::{Context, record};
use crate::audit::{Outcome, Record, clip};
use crate::config::{Gate, Mode};
use crate::identity::{Caller, Principal};
use crate::json::{Document, Kind, Limits, Value};
use crate::mcp::{Asks, List, Method, is_normal};
use crate::order;
use crate::pdp::{self, AccessRequest, Decision, Denial, Permit, Planned, Target};
use crate::pep::{self, Answer, Rejection, Reply};
use crate::redact::ResultRules;
use crate::rpc::{self, Call, Id, Message};

/// Most messages of a batch.
const MAX_BATCH: usize = 100;

/// What became of a request.
pub(super) struct Judged {
    pub(super) ruling: Ruling,
    /// One record per message that was decided on.
    pub(super) records: Vec<Record>,
}

pub(super) enum Ruling {
    Forward {
        permit: Permit,
        plan: ReplyPlan,
        watch: Watch,
        /// The reply may issue a session that counters have to know.
        learns_session: bool,
        /// The session results are counted by, if the gate knows it.
        session: Option<String>,
    },
    Refuse(Reply),
}

/// One message after it was judged on its own.
struct Opinion<'d, 'p> {
    /// What is owed an answer; absent for notifications and for answers to servers.
    id: Option<Id<'d>>,
    /// Absent for messages that leave no record: notifications that pass, answers to servers.
    record: Option<Record>,
    /// What its answer is, and what applies to that.
    answer: Awaited,
    verdict: Verdict<'d, 'p>,
}

/// What the answer to a request is by the policy's terms.
#[derive(Default)]
struct Awaited {
    rules: Arc<ResultRules>,
    is_tool: bool,
    is_result: bool,
}

enum Verdict<'d, 'p> {
    /// Nothing a policy speaks of.
    Pass,
    /// As `Pass`; the reply is a list.
    List(List),
    /// Permitted, if its charges can be made.
    Allow {
        charges: Vec<Planned<'p>>,
        shadow: Option<Denial>,
        tool: bool,
        task: bool,
    },
    /// Refused.
    Refuse(Answer<'d>),
}

/// Judges a whole body.
pub(super) fn body(
    cx: &mut Context<'_>,
    head: &RequestHead,
    caller: &Caller,
    exchange_id: &str,
    body: &[u8],
) -> Judged {
    let reject = |cx: &Context<'_>, rejection: Rejection, id: Id<'_>, detail: &str| {
        let mut record = record::of(cx, Some(head), Some(caller), exchange_id);
        record.reject(rejection, detail);
        record.rpc_id = (id != Id::NULL).then(|| clip(id.token()));
        Judged {
            ruling: Ruling::Refuse(rejection.reply(id, detail)),
            records: vec![record],
        }
    };

    let document = match Document::parse(body, &Limits::WIRE) {
        Ok(document) => document,
        Err(error) => {
            return reject(
                cx,
                error.kind.into(),
                Id::NULL,
                &format!("at byte {}", error.offset),
            );
        }
    };
    let (is_batch, values) = rpc::messages(&document);
    if is_batch && (values.is_empty() || values.len() > MAX_BATCH || head.mirrors.is_modern()) {
        return reject(cx, Rejection::Batch, Id::NULL, "");
    }
    let mut modern = false;
    let mut messages = Vec::with_capacity(values.len());
    for value in values {
        let message = match rpc::read(value) {
            Ok(message) => message,
            Err((malformed, id)) => {
                return reject(
                    cx,
                    malformed.into(),
                    if is_batch { Id::NULL } else { id },
                    "",
                );
            }
        };
        let (id, call) = match message {
            Message::Request { id, call } => (Some(id), Some(call)),
            Message::Notification(call) => (None, Some(call)),
            Message::Response { id } => (Some(id), None),
        };
        if let Some(call) = call {
            match head
                .mirrors
                .check(&call, Method::find(&call.method.decode()), id.is_some())
            {
                Ok(in_modern) => modern = modern || in_modern,
                Err(mismatch) => {
                    return reject(cx, Rejection::Mirror, id.unwrap_or(Id::NULL), mismatch.0);
                }
            }
        }
        messages.push(message);
    }
    if is_batch && (modern || repeats_an_id(&messages)) {
        return reject(cx, Rejection::Batch, Id::NULL, "");
    }

    let principal = &caller.principal;
    let session = known_session(cx, head, principal);
    let mut opinions = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let decision_id = if is_batch {
            format!("{exchange_id}.{index}")
        } else {
            exchange_id.to_owned()
        };
        let blank = record::of(cx, Some(head), Some(caller), &decision_id);
        let asker = (principal, session, caller.server.as_deref());
        match opinion(cx, asker, blank, message, modern) {
            Ok(opinion) => opinions.push(opinion),
            Err((rejection, id, detail)) => {
                return reject(cx, rejection, if is_batch { Id::NULL } else { id }, detail);
            }
        }
    }
    conclude(cx, (principal, session), opinions, is_batch, modern)
}

/// Two requests under one id, or under ids that some server makes one of: their answers could not be told apart.
fn repeats_an_id(messages: &[Message<'_>]) -> bool {
    let by_value = |id: Id<'_>| -> String {
        let document = Document::parse(id.token().as_bytes(), &Limits::WIRE);
        let text = document
            .as_ref()
            .ok()
            .and_then(|document| document.root().as_str());
        match text {
            Some(text) => text.into_owned(),
            // Some servers keep integers as doubles: from 2^53 on, of which the first 15 digits are less than a tenth,
            // they tell only some of them apart.
            None if id.token().len() > 15 => "large".to_owned(),
            None => id.token().to_owned(),
        }
    };
    let ids: Vec<String> = messages
        .iter()
        .filter_map(|message| match message {
            Message::Request { id, .. } => Some(by_value(*id)),
            _ => None,
        })
        .collect();
    order::has_twins(ids.iter().map(String::as_str))
}

/// The session of a request, where counters need it and the gate saw it issued to this caller.
pub(super) fn known_session<'h>(
    cx: &mut Context<'_>,
    head: &'h RequestHead,
    principal: &Principal,
) -> Option<&'h str> {
    let session = head.session.as_deref().filter(|_| {
        principal
            .policy(cx.gate)
            .is_some_and(|policy| policy.counts_sessions)
    })?;
    let known = pdp::knows_session(
        &cx.gate.counters.table,
        cx.store,
        cx.now,
        principal,
        session,
    );
    known.unwrap_or(false).then_some(session)
}

/// Judges one message on its own.
fn opinion<'d, 'p>(
    cx: &mut Context<'p>,
    (principal, session, server): (&Principal, Option<&str>, Option<&str>),
    mut record: Record,
    message: &Message<'d>,
    modern: bool,
) -> Result<Opinion<'d, 'p>, (Rejection, Id<'d>, &'static str)> {
    let gate = cx.gate;
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
    let policy = principal.policy(gate);
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
    let decision = if gate.stopped {
        Decision::Deny(Denial::new(
            "/stopped",
            "All calls are stopped by the operator.",
        ))
    } else {
        let asked = (target, named, arguments);
        if completion {
            decide_completion(cx, principal, asked)
        } else {
            decide(cx, (principal, session, server), asked)
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
        Decision::Hold { charges, approval } => {
            // What would be refused anyway is not worth a person's time.
            let (outcome, denial) = match pdp::peek(&gate.counters, cx.store, cx.now, &charges) {
                Ok(()) => (Outcome::Hold, Denial::by(&approval.rule)),
                Err(denial) => (Outcome::Deny, denial),
            };
            record.refuse(outcome, &denial);
            Verdict::Refuse(refusal(request_id, denial, tool, task))
        }
        Decision::Uncountable { charges, denial } => {
            let earlier = pdp::peek(&gate.counters, cx.store, cx.now, &charges);
            let denial = earlier.err().unwrap_or(denial);
            record.refuse(Outcome::Deny, &denial);
            Verdict::Refuse(refusal(request_id, denial, tool, task))
        }
        Decision::Deny(denial) => {
            record.refuse(Outcome::Deny, &denial);
            Verdict::Refuse(refusal(request_id, denial, tool, task))
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

/// Asks the policy, with the counters its rules read.
fn decide<'p>(
    cx: &mut Context<'p>,
    (principal, session, server): (&Principal, Option<&str>, Option<&str>),
    (target, name, arguments): (Target, Value<'_>, Option<Value<'_>>),
) -> Decision<'p> {
    let gate = cx.gate;
    let Some(policy) = principal.policy(gate) else {
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
    let listed = principal
        .policy(gate)
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

fn refusal(id: Id<'_>, denial: Denial, tool: bool, task: bool) -> Answer<'_> {
    if tool && !task {
        Answer::ToolError(id, denial)
    } else {
        Answer::RpcError(id, denial)
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

/// All messages together: charges everything, or refuses everything.
fn conclude(
    cx: &mut Context<'_>,
    (principal, session): (&Principal, Option<&str>),
    mut opinions: Vec<Opinion<'_, '_>>,
    is_batch: bool,
    modern: bool,
) -> Judged {
    let gate = cx.gate;
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
                if let Some(opinion) = opinions.get_mut(index)
                    && let (Verdict::Allow { tool, task, .. }, Some(id)) =
                        (&opinion.verdict, opinion.id)
                {
                    if let Some(record) = &mut opinion.record {
                        record.refuse(Outcome::Deny, &denial);
                    }
                    opinion.verdict = Verdict::Refuse(refusal(id, denial, *tool, *task));
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

fn forward(
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
    let policy = principal.policy(gate);
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
            if let Some(denial) = shadow.or(observed) {
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
            plan,
            watch,
            learns_session,
            session: session.map(str::to_owned),
        },
        records,
    }
}
