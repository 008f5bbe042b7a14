//! What became of a request, read off what the client got and what the audit says.

use serde_json::Value;

use super::backend::Observed;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was forwarded.
    Allow,
    /// The policy refused it.
    Deny,
    /// It was refused before any policy was asked.
    Reject,
    /// It waits for a person.
    Hold,
    /// The caller is not known, or not known well enough.
    Unauthenticated,
}

impl Verdict {
    /// Words for all of them.
    pub const ALL: [(&'static str, Verdict); 5] = [
        ("allow", Verdict::Allow),
        ("deny", Verdict::Deny),
        ("reject", Verdict::Reject),
        ("hold", Verdict::Hold),
        ("unauthenticated", Verdict::Unauthenticated),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        let word = Verdict::ALL.iter().find(|(_, verdict)| *verdict == self);
        word.map_or("", |(word, _)| word)
    }
}

/// Everything a step may be compared with.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What became of it.
    pub verdict: Verdict,
    /// The rule that decided, from the audit, or else from the reply.
    pub rule: Option<String>,
    /// What the caller was told, without prefix.
    pub reason: Option<String>,
    /// The rule that would have refused.
    pub shadow: Option<String>,
    /// The text the agent sees.
    pub told: Option<String>,
    /// The HTTP status.
    pub status: u16,
}

impl Outcome {
    /// Reads an exchange.
    pub fn of(observed: &Observed) -> Outcome {
        let reply: Option<Value> = serde_json::from_slice(&observed.reply.body).ok();
        let first = |value: &Value| match value {
            Value::Array(items) => items.first().cloned().unwrap_or(Value::Null),
            other => other.clone(),
        };
        let reply = reply.as_ref().map(first).unwrap_or(Value::Null);
        let decided = |record: &&Value| text(record, "/decision").as_deref() != Some("allow");
        let record = observed.records.iter().find(decided);
        let record = record
            .or(observed.records.first())
            .cloned()
            .unwrap_or(Value::Null);
        let decision = text(&record, "/decision").unwrap_or_default();
        let rule = text(&record, "/rule").or_else(|| {
            text(&reply, "/result/_meta/toolgate~1denial/rule")
                .or_else(|| text(&reply, "/error/data/toolgate~1denial/rule"))
        });
        let is_shadow = decision == "shadow_deny";
        let verdict = if observed.was_forwarded() {
            Verdict::Allow
        } else {
            refusal(observed, &reply, &decision, rule.as_deref())
        };
        let told =
            text(&reply, "/result/content/0/text").or_else(|| text(&reply, "/error/message"));
        Outcome {
            verdict,
            reason: text(&record, "/reason")
                .filter(|_| !is_shadow)
                .map(authors_words),
            shadow: rule.clone().filter(|_| is_shadow),
            rule: rule.filter(|_| !is_shadow),
            told: told.filter(|_| !observed.was_forwarded()),
            status: observed.reply.status,
        }
    }
}

/// A reason without what the gate adds behind an author's words.
fn authors_words(reason: String) -> String {
    let words = reason.strip_suffix(toolgate_engine::pdp::UNCOUNTABLE);
    match words.and_then(|words| words.strip_suffix(' ')) {
        Some(words) => words.to_owned(),
        None => reason,
    }
}

fn refusal(observed: &Observed, reply: &Value, decision: &str, rule: Option<&str>) -> Verdict {
    let status = observed.reply.status;
    let identity = rule.is_some_and(|rule| rule.starts_with("/identity/"));
    if status == 401 || (status == 403 && identity) {
        return Verdict::Unauthenticated;
    }
    // One that waited and got no answer waits still: the caller may come back.
    if status == 0 || matches!(decision, "hold" | "expire") {
        return Verdict::Hold;
    }
    if decision == "deny" || (decision.is_empty() && reply.pointer("/result/isError").is_some()) {
        return Verdict::Deny;
    }
    Verdict::Reject
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
}
