//! An audit file against another policy: which decisions would change?
//!
//! Every recorded call is decided anew, in the order of time, against counters that begin at zero. Records hold
//! arguments only where `audit.args` is `full`, and claims where `audit.claims` names them; what depends on what was not
//! recorded is unknown, and said to be. Requests that were refused before any policy was asked are left alone: what was
//! wrong with them is not in the record.

mod caller;
mod read;

use std::collections::HashSet;

use anyhow::{Result, anyhow};
use serde_json::Value;
use toolgate_engine::config::{Gate, Mode};
use toolgate_engine::counters::Memory;
use toolgate_engine::json::{self, Limits};
use toolgate_engine::mcp::{Asks, Method};
use toolgate_engine::pdp::{
    self, AccessRequest, Known, KnownArguments, Planned, Target, TraceVerdict,
};
use toolgate_engine::time::Timestamp;

use caller::{Asking, asking};
pub use read::{Records, read};
use toolgate_document::Document;

/// A recorded decision and what would become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// When, as recorded.
    pub time: String,
    /// The id of the decision.
    pub decision_id: String,
    /// MCP's method.
    pub method: String,
    /// Tool, prompt or resource.
    pub target: String,
    /// What was decided.
    pub old: Decision,
    /// What would be; `None` if that cannot be known.
    pub new: Option<Decision>,
    /// Why it cannot be known.
    pub unknown: Option<&'static str>,
}

/// A decision and the rule that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// `allow`, `deny`, `shadow_deny`, `hold`, `approve`, `expire` or `reject`.
    pub word: String,
    /// The rule.
    pub rule: Option<String>,
}

impl Decision {
    fn new(word: &str, rule: Option<&str>) -> Decision {
        Decision {
            word: word.to_owned(),
            rule: rule.map(str::to_owned),
        }
    }

    /// Whether the call was forwarded.
    pub fn forwards(&self) -> bool {
        matches!(self.word.as_str(), "allow" | "shadow_deny" | "approve")
    }
}

impl Replayed {
    /// Whether another decision would be made, or by another rule.
    pub fn changes(&self) -> bool {
        self.new.as_ref().is_some_and(|new| *new != self.old)
    }
}

/// What a replay came to.
#[derive(Debug, Default)]
pub struct Replay {
    /// Decisions of policies, in the order of time.
    pub decisions: Vec<Replayed>,
    /// Records that no policy was asked about: housekeeping, lists, requests that were rejected.
    pub not_asked: usize,
}

/// Decides every record anew.
///
/// # Errors
/// When the configuration is wrong.
pub fn replay(config: &Document, mut records: Vec<Value>) -> Result<Replay> {
    let gate = Gate::from_json(config.json().as_bytes(), false)
        .map_err(|errors| anyhow!("the configuration is wrong:\n{errors}"))?;
    // RFC 3339 in UTC, always as long: the order of texts is that of time.
    records.sort_by_key(|record| text(record, "time").unwrap_or_default());
    // A call that was held has a second record, which says how that ended.
    let ended: HashSet<String> = records
        .iter()
        .filter(|record| record.get("approval").is_some() && !is_hold(record))
        .filter_map(|record| text(record, "decision_id"))
        .collect();
    records.retain(|record| {
        let id = text(record, "decision_id").unwrap_or_default();
        !(is_hold(record) && ended.contains(&id))
    });
    let mut again = Again {
        gate: &gate,
        config,
        store: Memory::default(),
    };
    let mut replay = Replay::default();
    for record in &records {
        match again.decide(record) {
            Some(replayed) => replay.decisions.push(replayed),
            None => replay.not_asked += 1,
        }
    }
    Ok(replay)
}

struct Again<'g> {
    gate: &'g Gate,
    config: &'g Document,
    store: Memory,
}

/// How a call would be decided.
enum New {
    Decided(Decision),
    Unknown(&'static str),
}

const NO_ARGUMENTS: &str = "arguments not recorded";
const NO_CLAIMS: &str = "arguments or claims not recorded";
const NO_POLICY: &str = "the caller's policy is not recorded";

impl Again<'_> {
    /// What would become of a record; `None` if no policy was asked about it.
    fn decide(&mut self, record: &Value) -> Option<Replayed> {
        let old = Decision {
            word: text(record, "decision")?,
            rule: text(record, "rule"),
        };
        let (method, name) = (text(record, "method")?, text(record, "target")?);
        let target = match Method::find(&method)?.asks {
            Asks::Tool => Target::Tool,
            Asks::Prompt => Target::Prompt,
            Asks::Resource | Asks::Directory => Target::Resource,
            // Whether a prompt or a resource was completed for is not recorded, but looks different.
            Asks::Completion if name.contains(':') => Target::Resource,
            Asks::Completion => Target::Prompt,
            Asks::List(_) | Asks::Protocol => return None,
        };
        // An innocent call of a refused batch, or one that could not be read.
        if old.word == "reject" {
            return None;
        }
        let new = self.anew(record, &method, target, &name, &old);
        let (new, unknown) = match new {
            New::Decided(decision) => (Some(decision), None),
            New::Unknown(why) => (None, Some(why)),
        };
        Some(Replayed {
            time: text(record, "time").unwrap_or_default(),
            decision_id: text(record, "decision_id").unwrap_or_default(),
            method,
            target: name,
            old,
            new,
            unknown,
        })
    }

    fn anew(
        &mut self,
        record: &Value,
        method: &str,
        target: Target,
        name: &str,
        old: &Decision,
    ) -> New {
        let gate = self.gate;
        let decided = |word, rule: &str| New::Decided(Decision::new(word, Some(rule)));
        if gate.methods.deny.contains(method) {
            return decided("reject", "/protocol/method");
        }
        let now = text(record, "time").and_then(|time| Timestamp::parse(&time));
        let now = now.unwrap_or(Timestamp::from_nanos(0));
        let (principal, whole) = match asking(gate, self.config, record, now) {
            Asking::Known(principal, whole) => (principal, whole),
            Asking::TurnedAway(word) => return decided("reject", &format!("/identity/{word}")),
            Asking::Unknown => return New::Unknown(NO_POLICY),
        };
        if gate.stopped {
            return decided("deny", "/stopped");
        }
        let Some(policy) = gate.policy_of(&principal) else {
            return decided("deny", "/no-policy");
        };
        let parse = |json: String| json::Document::parse_owned(json, &Limits::WIRE).ok();
        let Some(name) = parse(Value::from(name).to_string()) else {
            return New::Unknown(NO_ARGUMENTS);
        };
        let recorded = record
            .get("arguments")
            .map(Value::to_string)
            .and_then(parse);
        let names: Option<Vec<String>> = record
            .get("args")
            .and_then(Value::as_array)
            // A full list may have been cut.
            .filter(|names| names.len() < 32)
            .map(|names| {
                names
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect()
            });
        let arguments = match (&recorded, &names) {
            (Some(_), _) => KnownArguments::All,
            (None, Some(names)) => KnownArguments::Names(names),
            (None, None) => KnownArguments::Nothing,
        };
        let pins = gate.pins.as_ref().filter(|_| target == Target::Tool);
        let server = record.get("server").and_then(Value::as_str);
        let pinned = pins.map(|pins| {
            let name = name.root().as_str().unwrap_or_default();
            pins.of(server).look(&mut self.store, &name)
        });
        let request = AccessRequest {
            principal: &principal,
            target,
            name: name.root(),
            arguments: recorded.as_ref().map(json::Document::root),
            counters: None,
            session: record.get("session").and_then(Value::as_str),
            pinned,
        };
        let known = Known {
            arguments,
            claims: whole,
        };
        let trace = pdp::trace(
            policy,
            &request,
            known,
            &gate.counters,
            &mut self.store,
            now,
            gate.mode == Mode::Shadow,
        );
        let shadow = trace.shadow.map(|denial| denial.rule);
        let refunded = record.get("refunded").and_then(Value::as_bool) == Some(true);
        match trace.verdict {
            // Refused in any case, but perhaps by a step that cannot be told: no other than before, then.
            TraceVerdict::Deny(_) if trace.unsure && old.word == "deny" => {
                New::Decided(old.clone())
            }
            TraceVerdict::Deny(denial) => decided("deny", &denial.rule),
            // What a person answered then is taken for the answer now.
            TraceVerdict::Hold(denial)
                if record.get("approval").is_some()
                    && old.rule.as_deref() == Some(&*denial.rule) =>
            {
                if old.forwards() {
                    self.charge(now, trace.charges, shadow.is_some(), refunded);
                }
                New::Decided(old.clone())
            }
            TraceVerdict::Hold(denial) => decided("hold", &denial.rule),
            TraceVerdict::Allow => {
                self.charge(now, trace.charges, shadow.is_some(), refunded);
                match shadow {
                    Some(rule) => decided("shadow_deny", &rule),
                    None => New::Decided(Decision::new("allow", None)),
                }
            }
            TraceVerdict::Unknown => {
                if old.forwards() {
                    self.charge(now, trace.charges, shadow.is_some(), refunded);
                }
                New::Unknown(if whole { NO_ARGUMENTS } else { NO_CLAIMS })
            }
        }
    }

    /// Makes the charges of a call that is forwarded. What was given back when it happened is not charged at all.
    fn charge(
        &mut self,
        now: Timestamp,
        charges: Vec<Planned<'_>>,
        in_shadow: bool,
        refunded: bool,
    ) {
        if !refunded {
            let calls = [(charges, in_shadow)];
            let _full = pdp::settle(&self.gate.counters, &mut self.store, now, &calls);
        }
    }
}

fn is_hold(record: &Value) -> bool {
    record.get("decision").and_then(Value::as_str) == Some("hold")
}

fn text(record: &Value, key: &str) -> Option<String> {
    record.get(key).and_then(Value::as_str).map(str::to_owned)
}
