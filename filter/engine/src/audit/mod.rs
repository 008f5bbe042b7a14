//! The record every decision leaves: one JSON object on one line.

mod settings;

pub use settings::{Audit, AuditArgs};

use std::borrow::Cow;

use serde::Serialize;

use crate::approvals::Notice;
use crate::counters::{Receipt, display_nanos};
use crate::json::{Kind, Value, compact, one_line};
use crate::redact::Tally;
use crate::refusal::{Denial, Rejection};
use crate::shares::Share;
use crate::text::clip;
use crate::time::Timestamp;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Forwarded.
    Allow,
    /// Refused by policy.
    Deny,
    /// Refused by policy, forwarded because the rule is in shadow.
    ShadowDeny,
    /// Waits for a person.
    Hold,
    /// Forwarded because a person said yes.
    Approve,
    /// Waited for a person and ended without an answer.
    Expire,
    /// Refused before any policy was asked.
    Reject,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 7] = [
        Outcome::Allow,
        Outcome::Deny,
        Outcome::ShadowDeny,
        Outcome::Hold,
        Outcome::Approve,
        Outcome::Expire,
        Outcome::Reject,
    ];

    /// Its place in [`Outcome::ALL`].
    pub fn index(self) -> usize {
        Outcome::ALL
            .iter()
            .position(|outcome| *outcome == self)
            .unwrap_or(0)
    }

    /// Its word in records and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Allow => "allow",
            Outcome::Deny => "deny",
            Outcome::ShadowDeny => "shadow_deny",
            Outcome::Hold => "hold",
            Outcome::Approve => "approve",
            Outcome::Expire => "expire",
            Outcome::Reject => "reject",
        }
    }
}

/// Whose a recorded decision is among the recent ones: its caller's, and of what was refused before any policy was asked,
/// whoever says it is whose, nobody's.
pub(crate) fn share(record: Value<'_>) -> Share {
    let text = |key| record.text_at(key).unwrap_or_default();
    let caller = ["source", "issuer", "principal"].map(text);
    share_of(&text("decision"), caller.each_ref().map(String::as_str))
}

fn share_of(decision: &str, caller: [&str; 3]) -> Share {
    if decision == Outcome::Reject.word() {
        return Share::of(&[]);
    }
    Share::of(&caller.map(str::as_bytes))
}

/// One decision. Absent fields are left out.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// RFC 3339, UTC.
    pub time: String,
    /// Unique in a proxy: `<vm>-<sequence>`, with `.n` for the n-th message of a batch.
    pub decision_id: String,
    /// What was decided.
    pub decision: Outcome,
    /// JSON Pointer of the rule that decided; absent where nothing refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What the agent was told, without prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The question that was put to a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Box<Notice>>,
    /// MCP's method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Tool, prompt or resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Names of the top-level arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// All arguments as JSON, where `audit.args` is `full`. Written at the end, as it is.
    #[serde(skip)]
    pub arguments: Option<String>,
    /// The JSON-RPC id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_id: Option<String>,
    /// Who asked.
    pub principal: String,
    /// What established it: `grant`, `jwt`, `mtls`, `header`, or `anonymous`.
    pub source: String,
    /// Who vouches for the caller: the issuer of a JWT. Two of them may know the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Claims chosen by `audit.claims`, as a JSON object. Written at the end, as it is.
    #[serde(skip)]
    pub claims: Option<String>,
    /// The server the request is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The caller's policy, where policies have names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Counters that were charged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<CounterRecord>,
    /// Seconds after which the caller may try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// `x-request-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// `traceparent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// `mcp-session-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// SHA-256 of the configuration, in hex.
    pub policy_digest: String,
    /// Status the caller got, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u32>,
    /// Whether charges were given back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub refunded: bool,
    /// Pinned tools that a list showed otherwise than they were pinned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drifted: Option<Vec<String>>,
    /// Why the reply was withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
    /// How much was redacted, in total and by what found it; never what was found.
    #[serde(skip_serializing_if = "Tally::is_empty", serialize_with = "tally")]
    pub redactions: Tally,
    /// How much rules in shadow would have redacted.
    #[serde(skip_serializing_if = "Tally::is_empty", serialize_with = "tally")]
    pub would_redact: Tally,
    /// The rule in shadow that would have withheld the reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_withhold: Option<String>,
    /// Size of the result as the caller got it, where results are inspected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_bytes: Option<usize>,
    /// SHA-256 of the result as the caller got it, in hex, where `audit.results` is `digest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_sha256: Option<String>,
}

/// A counter before and after its charge, as decimals.
#[derive(Clone, Debug, Serialize)]
pub struct CounterRecord {
    /// Its name.
    pub counter: String,
    /// Before.
    pub before: String,
    /// After.
    pub after: String,
    /// Most it may reach.
    pub max: String,
}

/// The total first, then each kind.
fn tally<S: serde::Serializer>(tally: &Tally, out: S) -> Result<S::Ok, S::Error> {
    let kinds = tally.0.iter().map(|(name, count)| (&**name, *count));
    out.collect_map(std::iter::once(("total", tally.total())).chain(kinds))
}

/// Most names of arguments, or of tools.
const MAX_ARGS: usize = 32;

impl Record {
    /// Whose it is among the recent ones.
    pub fn share(&self) -> Share {
        let issuer = self.issuer.as_deref().unwrap_or_default();
        share_of(
            self.decision.word(),
            [&self.source, issuer, &self.principal],
        )
    }

    /// A record of something permitted, by nobody in particular.
    pub fn new(now: Timestamp, decision_id: &str, policy_digest: &str) -> Self {
        Record {
            time: now.to_string(),
            decision_id: decision_id.to_owned(),
            decision: Outcome::Allow,
            rule: None,
            reason: None,
            approval: None,
            method: None,
            target: None,
            args: None,
            arguments: None,
            rpc_id: None,
            principal: "unknown".to_owned(),
            source: "unknown".to_owned(),
            issuer: None,
            claims: None,
            server: None,
            policy: None,
            counters: Vec::new(),
            retry_after: None,
            request_id: None,
            traceparent: None,
            session: None,
            policy_digest: policy_digest.to_owned(),
            status: None,
            refunded: false,
            drifted: None,
            withheld: None,
            redactions: Tally::default(),
            would_redact: Tally::default(),
            would_withhold: None,
            result_bytes: None,
            result_sha256: None,
        }
    }

    /// The record as one line of at most `max_bytes`: what does not fit is left out, the arguments first.
    pub fn line(&self, max_bytes: usize) -> String {
        let fits = |line: &String| line.len() <= max_bytes;
        let line = to_line(self);
        if fits(&line) {
            return line;
        }
        let mut shorter = Record {
            arguments: None,
            ..self.clone()
        };
        let cuts: [fn(&mut Record); 3] = [
            |_| {},
            |record| {
                record.args = None;
                record.claims = None;
                record.drifted = None;
            },
            |record| {
                record.reason = None;
                record.session = None;
                record.request_id = None;
            },
        ];
        for cut in cuts {
            cut(&mut shorter);
            let line = to_line(&shorter);
            if fits(&line) {
                return line;
            }
        }
        let bare = Record {
            counters: Vec::new(),
            rpc_id: None,
            target: None,
            traceparent: None,
            ..shorter
        };
        to_line(&bare)
    }

    /// Notes that the message was refused before any policy was asked.
    pub fn reject(&mut self, rejection: Rejection, detail: &str) {
        self.decision = Outcome::Reject;
        self.rule = Some(rejection.pointer());
        self.reason = Some(clip(&rejection.explain(detail)));
    }

    /// Notes that the request was turned away on its headers.
    pub fn reject_by(&mut self, rule: String, reason: &str) {
        self.decision = Outcome::Reject;
        self.rule = Some(rule);
        self.reason = Some(reason.to_owned());
    }

    /// Notes what the policy refused, or would have refused.
    pub fn refuse(&mut self, outcome: Outcome, denial: &Denial) {
        self.decision = outcome;
        self.rule = Some(denial.rule.to_string());
        self.reason = Some(denial.reason.clone());
        self.retry_after = denial.retry_after;
        self.approval = denial.approval.clone();
    }

    /// Notes what a result added to a counter.
    pub fn count(&mut self, counter: &str, receipt: &Receipt) {
        self.counters.push(CounterRecord {
            counter: counter.to_owned(),
            before: display_nanos(receipt.before),
            after: display_nanos(receipt.after),
            max: "unlimited".to_owned(),
        });
    }

    /// Adds to the pinned tools that were listed otherwise.
    pub fn add_drift(&mut self, names: &[Box<str>]) {
        let drifted = self.drifted.get_or_insert_default();
        for name in names {
            let name = clip(name);
            if drifted.len() < MAX_ARGS && !drifted.contains(&name) {
                drifted.push(name);
            }
        }
    }

    /// Takes over what `detail` allows of a call's arguments.
    pub fn set_arguments(&mut self, arguments: Value<'_>, detail: AuditArgs) {
        match detail {
            AuditArgs::None => {}
            AuditArgs::Keys if arguments.kind() == Kind::Object => {
                self.args = Some(
                    arguments
                        .members()
                        .take(MAX_ARGS)
                        .map(|(key, _)| clip(&key.decode()))
                        .collect(),
                );
            }
            AuditArgs::Keys => {}
            AuditArgs::Full => self.arguments = Some(compact(arguments)),
        }
    }
}

/// The records of one request as one line: an object, or an array for a batch.
pub fn lines(records: &[Record], max_bytes: usize) -> String {
    let lines: Vec<String> = records
        .iter()
        .map(|record| record.line(max_bytes))
        .collect();
    join(&lines).into_owned()
}

/// The lines of the records of one request as one line: an object, or an array for a batch.
pub fn join(lines: &[String]) -> Cow<'_, str> {
    match lines {
        [single] => single.into(),
        several => format!("[{}]", several.join(",")).into(),
    }
}

fn to_line(record: &Record) -> String {
    // Serializing text and numbers cannot fail.
    let mut line = serde_json::to_string(record).unwrap_or_default();
    let members = [
        (",\"claims\":", &record.claims),
        (",\"arguments\":", &record.arguments),
    ];
    line.pop();
    for (key, json) in members {
        if let Some(json) = json {
            line.extend([key, json]);
        }
    }
    line.push('}');
    one_line(line)
}
