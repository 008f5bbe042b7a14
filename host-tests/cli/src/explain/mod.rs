//! Why a call gets its decision.
//!
//! The request is built as a client sends it and run through the engine, which says what becomes of it; beside that, the
//! engine's trace takes the policy's steps one by one and says what each looked at. [`Explanation::agrees`] tells whether
//! both came to the same end: a difference is a bug, and tests look for one.

use anyhow::{Result, anyhow, bail};
use serde_json::Value;
use toolgate_engine::config::{Gate, Mode};
use toolgate_engine::counters::Memory;
use toolgate_engine::exchange::{Context, Exchange, Step as ExchangeStep};
use toolgate_engine::identity::{Attributes, Caller};
use toolgate_engine::json::{self, Limits};
use toolgate_engine::mcp::{Asks, Method};
use toolgate_engine::pdp::{self, AccessRequest, Known, Mark, Target, TraceStep, TraceVerdict};
use toolgate_engine::rpc::{self, Message as RpcMessage};
use toolgate_engine::time::Timestamp;

use toolgate_document::Document;
use toolgate_host::Message;

use crate::policytest::{Ask, Credentials, What, mcp};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who asks, and how.
    pub ask: Ask,
    /// For what.
    pub what: What,
    /// So many equal requests came before.
    pub earlier: u64,
    /// When, in nanoseconds since the epoch.
    pub now: u64,
}

/// Everything that led to a decision.
#[derive(Debug)]
pub struct Explanation {
    /// When.
    pub now: Timestamp,
    /// What is checked before any policy is asked, in order.
    pub checks: Vec<Check>,
    /// The calls of the request that a policy speaks of; one, unless it is a batch.
    pub calls: Vec<CallTrace>,
    /// What became of it.
    pub outcome: Outcome,
}

/// A check before any policy is asked.
#[derive(Clone, Debug)]
pub struct Check {
    /// What is checked.
    pub name: &'static str,
    /// How it went.
    pub mark: Mark,
    /// What it found.
    pub detail: String,
}

/// The steps of the policy for one call.
#[derive(Debug)]
pub struct CallTrace {
    /// `tools/call create_refund`
    pub title: String,
    /// The steps.
    pub steps: Vec<TraceStep>,
    /// What they come to.
    pub verdict: TraceVerdict,
    /// The rule that would have refused.
    pub shadow: Option<String>,
}

/// What became of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// `allow`, `deny`, `shadow_deny`, `hold` or `reject`.
    pub decision: String,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Its reason.
    pub reason: Option<String>,
    /// Seconds until the caller may try again.
    pub retry_after: Option<u64>,
    /// What the caller gets instead of an answer.
    pub told: Option<String>,
    /// The HTTP status of that.
    pub status: Option<u32>,
}

/// Explains what becomes of a request.
///
/// # Errors
/// When the configuration is wrong, or cannot know such a caller.
pub fn explain(config: &Document, question: &Question) -> Result<Explanation> {
    explain_with(&Credentials::of(config), question)
}

/// The same for a configuration whose grants have tokens already.
///
/// # Errors
/// As [`explain`].
pub fn explain_with(credentials: &Credentials, question: &Question) -> Result<Explanation> {
    let gate = Gate::from_json(credentials.config().as_bytes(), false)
        .map_err(|errors| anyhow!("the configuration is wrong:\n{errors}"))?;
    let body = mcp::body(&question.ask, &question.what);
    let message = credentials.present(&question.ask, mcp::post(&question.ask, &body))?;
    let request = Wire::of(&gate, &message, &body);
    let mut bench = Bench {
        gate: &gate,
        store: Memory::default(),
        now: Timestamp::from_nanos(question.now),
        asked: 0,
        forwarded: false,
    };
    // Modern protocols have no sessions; in others it is as if the server had just issued it.
    let session = question.ask.session.as_deref();
    let session = session.filter(|_| !question.ask.protocol.is_modern());
    if let (Some(session), Ok(caller)) = (session, bench.caller(&request)) {
        let (table, principal) = (&gate.counters.table, &caller.principal);
        pdp::remember_session(table, &mut bench.store, bench.now, principal, session);
    }
    for _ in 0..question.earlier {
        bench.ask(&request);
    }
    let caller = bench.caller(&request).ok();
    let calls = match &caller {
        Some(caller) if !gate.stopped => bench.traces(caller, session, &body),
        _ => Vec::new(),
    };
    let (early, outcome) = bench.ask(&request);
    if outcome.decision.is_empty() {
        let end = if bench.forwarded {
            "it is forwarded"
        } else {
            "it goes no further"
        };
        bail!("no rule is asked about this request, for it is no call, prompt or resource; {end}");
    }
    let checks = checks(&gate, caller.as_ref(), &question.ask, &outcome, early);
    // What a check has refused no policy was asked about.
    let asked = checks.iter().all(|check| check.mark == Mark::Passed);
    Ok(Explanation {
        now: bench.now,
        checks,
        calls: if asked { calls } else { Vec::new() },
        outcome,
    })
}

impl Explanation {
    /// Whether the trace comes to what the engine decided. A batch, and a request that no policy was asked about, is
    /// not compared.
    pub fn agrees(&self) -> bool {
        let [call] = self.calls.as_slice() else {
            return true;
        };
        let said = |word: &str, rule: Option<&str>, reason: Option<&str>| {
            self.outcome.decision == word
                && self.outcome.rule.as_deref() == rule
                && (reason.is_none() || self.outcome.reason.as_deref() == reason)
        };
        match &call.verdict {
            TraceVerdict::Allow => match &call.shadow {
                Some(rule) => said("shadow_deny", Some(rule), None),
                None => said("allow", None, None),
            },
            TraceVerdict::Deny(denial) => {
                said("deny", Some(&denial.rule), Some(&denial.reason))
                    && self.outcome.retry_after == denial.retry_after
            }
            TraceVerdict::Hold(denial) => said("hold", Some(&denial.rule), Some(&denial.reason)),
            TraceVerdict::Unknown => false,
        }
    }
}

/// A request as it arrives.
struct Wire {
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    attributes: Attributes,
    body: Vec<u8>,
}

impl Wire {
    fn of(gate: &Gate, message: &Message, body: &str) -> Wire {
        let headers = message.headers.iter();
        let attribute = |name: &'static str| {
            let path: Vec<String> = name.split('.').map(str::to_owned).collect();
            Some((name, message.properties.find(&path)?.clone()))
        };
        Wire {
            headers: headers
                .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
                .collect(),
            attributes: Attributes(
                gate.attributes
                    .iter()
                    .copied()
                    .filter_map(attribute)
                    .collect(),
            ),
            body: body.as_bytes().to_vec(),
        }
    }
}

/// A gate that answers questions.
struct Bench<'g> {
    gate: &'g Gate,
    store: Memory,
    now: Timestamp,
    asked: u64,
    /// Whether the last one went on.
    forwarded: bool,
}

impl Bench<'_> {
    fn caller(&self, request: &Wire) -> Result<Caller> {
        let server = self
            .gate
            .servers
            .find(&request.headers, &request.attributes)
            .map_err(|_| anyhow!("no server"))?;
        self.gate
            .identity
            .resolve(
                self.gate.policy_names(),
                &request.headers,
                &request.attributes,
                server,
                self.now,
            )
            .map_err(|turned_away| anyhow!(turned_away.stranger.message()))
    }

    /// Runs one request. Tells whether its headers alone decided.
    fn ask(&mut self, request: &Wire) -> (bool, Outcome) {
        self.asked += 1;
        let mut exchange = Exchange::new(format!("explain-{}", self.asked))
            .with_attributes(request.attributes.clone());
        let mut cx = Context {
            gate: self.gate,
            store: &mut self.store,
            now: self.now,
            held: usize::MAX,
        };
        let mut step = exchange.request_headers(&mut cx, &request.headers, false);
        let early = !matches!(step, ExchangeStep::Buffer);
        if !early {
            step = exchange.request_end(&mut cx, &request.body);
        }
        self.forwarded = matches!(step, ExchangeStep::Forward(..));
        let records: Vec<Value> = exchange
            .records()
            .iter()
            .filter_map(|record| serde_json::to_value(record).ok())
            .collect();
        (early, outcome(&records, &step))
    }

    /// The policy's steps for every call in a body.
    fn traces(&mut self, caller: &Caller, session: Option<&str>, body: &str) -> Vec<CallTrace> {
        let Some(policy) = self.gate.policy_of(&caller.principal) else {
            return Vec::new();
        };
        let Ok(document) = json::Document::parse(body.as_bytes(), &Limits::WIRE) else {
            return Vec::new();
        };
        let (_, messages) = rpc::messages(&document);
        let mut traces = Vec::new();
        for message in messages {
            let Ok(RpcMessage::Request { call, .. }) = rpc::read(message) else {
                continue;
            };
            let method = call.method.decode();
            let Some((target, name)) = target(&method, &call) else {
                continue;
            };
            let pins = self.gate.pins.as_ref();
            let pins = pins.filter(|_| target == Target::Tool);
            let text = name.as_str().unwrap_or_default();
            let pinned = pins.map(|pins| {
                let pins = pins.of(caller.server.as_deref());
                pins.look(&mut self.store, &text)
            });
            let request = AccessRequest {
                principal: &caller.principal,
                target,
                name,
                arguments: call.param("arguments"),
                counters: None,
                session,
                pinned,
            };
            let trace = pdp::trace(
                policy,
                &request,
                Known::ALL,
                &self.gate.counters,
                &mut self.store,
                self.now,
                self.gate.mode == Mode::Shadow,
            );
            traces.push(CallTrace {
                title: format!("{method} {}", name.as_str().unwrap_or_default()),
                steps: trace.steps,
                verdict: trace.verdict,
                shadow: trace.shadow.map(|denial| denial.rule.to_string()),
            });
        }
        traces
    }
}

/// What a request asks a policy for.
fn target<'d>(method: &str, call: &rpc::Call<'d>) -> Option<(Target, json::Value<'d>)> {
    let (target, name) = match Method::find(method)?.asks {
        Asks::Tool => (Target::Tool, call.param("name")?),
        Asks::Prompt => (Target::Prompt, call.param("name")?),
        Asks::Resource | Asks::Directory => (Target::Resource, call.param("uri")?),
        Asks::Completion => {
            let reference = call.param("ref")?;
            match (reference.get("name"), reference.get("uri")) {
                (Some(name), _) => (Target::Prompt, name),
                (None, uri) => (Target::Resource, uri?),
            }
        }
        Asks::List(_) | Asks::Protocol => return None,
    };
    name.as_text().map(|_| (target, name))
}

fn outcome(records: &[Value], step: &ExchangeStep) -> Outcome {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let decided = |record: &&Value| record.get("decision").and_then(Value::as_str) != Some("allow");
    let record = records.iter().find(decided).or(records.first());
    let record = record.cloned().unwrap_or_default();
    let reply = match step {
        ExchangeStep::Reply(reply) => Some(reply),
        ExchangeStep::Buffer
        | ExchangeStep::Drain
        | ExchangeStep::Hold(_)
        | ExchangeStep::Forward(..) => None,
    };
    let told = reply.and_then(|reply| {
        let body: Value = serde_json::from_slice(&reply.body).ok()?;
        let message = body.get(0).unwrap_or(&body);
        let told = message
            .pointer("/result/content/0/text")
            .or_else(|| message.pointer("/error/message"));
        told.and_then(Value::as_str).map(str::to_owned)
    });
    Outcome {
        decision: text(&record, "decision").unwrap_or_default(),
        rule: text(&record, "rule"),
        reason: text(&record, "reason"),
        retry_after: record.get("retry_after").and_then(Value::as_u64),
        told,
        status: reply.map(|reply| reply.status),
    }
}

/// The checks in their order, up to the one that refused.
fn checks(
    gate: &Gate,
    caller: Option<&Caller>,
    ask: &Ask,
    outcome: &Outcome,
    early: bool,
) -> Vec<Check> {
    let rule = outcome
        .rule
        .as_deref()
        .filter(|_| outcome.decision != "allow");
    let refused = match rule.unwrap_or_default() {
        "/no-server" => Some("server"),
        "/stopped" => Some("stop"),
        "/no-policy" => Some("policy"),
        rule if rule.starts_with("/identity/") => Some("identity"),
        rule if rule.starts_with("/protocol/") && early => Some("headers"),
        rule if rule.starts_with("/protocol/") => Some("body"),
        _ => None,
    };
    let server = caller.and_then(|caller| caller.server.as_deref());
    let principal = caller.map(|caller| &caller.principal);
    let policy = principal.and_then(|principal| gate.policy_of(principal));
    let found = [
        ("headers", format!("protocol {}", ask.protocol.name())),
        ("server", server.unwrap_or("any").to_owned()),
        (
            "identity",
            principal.map_or_else(String::new, |principal| {
                let (id, source) = (&principal.id, principal.source);
                if **id == *source {
                    id.to_string()
                } else {
                    format!("{id} ({source})")
                }
            }),
        ),
        ("body", "one reading for everybody".to_owned()),
        ("stop", "not stopped".to_owned()),
        (
            "policy",
            policy
                .map_or("", |policy| match &*policy.name {
                    "" => "inline",
                    name => name,
                })
                .to_owned(),
        ),
    ];
    let mut over = false;
    let check = |(name, detail): (&'static str, String)| {
        let refuses = refused == Some(name);
        let mark = match (over, refuses) {
            (true, _) => Mark::Skipped,
            (false, true) => Mark::Refused,
            (false, false) => Mark::Passed,
        };
        over |= refuses;
        let detail = match mark {
            Mark::Passed => detail,
            Mark::Refused => outcome.rule.clone().unwrap_or_default(),
            _ => String::new(),
        };
        Check { name, mark, detail }
    };
    found.into_iter().map(check).collect()
}
