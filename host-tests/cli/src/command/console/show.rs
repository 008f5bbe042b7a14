//! Questions for a terminal. Whatever callers chose is shown with its hidden characters spelled out.

use std::fmt::Write as _;

use serde_json::Value;
use toolgate_engine::time::display_duration;

use crate::command::Paint;
use crate::text::{exact, one_line};

/// Longest line of arguments in a list, in characters.
const ARGUMENTS: usize = 300;

fn text(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str);
    exact(text.unwrap_or_default())
}

fn number(value: &Value, key: &str) -> i64 {
    value.get(key).and_then(Value::as_i64).unwrap_or(0)
}

/// What waits, the oldest first.
pub(super) fn list(value: &Value, state: &Value, all: bool, paint: Paint) -> String {
    let mut out = String::new();
    if let Some(stop) = state.get("stop").filter(|stop| !stop.is_null()) {
        let line = format!(
            "everything is stopped, by {}: {}",
            text(stop, "by"),
            text(stop, "reason")
        );
        let _ = writeln!(out, "{}\n", paint.bad(&line));
    }
    let questions = value.get("approvals").and_then(Value::as_array);
    let questions = questions.map(Vec::as_slice).unwrap_or_default();
    if questions.is_empty() {
        let nothing = if all {
            "no question is kept"
        } else {
            "nothing waits for a person"
        };
        let _ = writeln!(out, "{nothing}");
        return out;
    }
    let now = number(state, "now");
    for question in questions {
        let _ = writeln!(
            out,
            "{}  {}  {}",
            paint.strong(&text(question, "id")),
            paint.strong(&one_line(&text(question, "target"), 80)),
            standing(question, now, paint)
        );
        let arguments = one_line(&text(question, "arguments"), ARGUMENTS);
        let _ = writeln!(out, "  {}", who(question));
        let _ = writeln!(out, "  {arguments}");
        let _ = writeln!(out, "  {}\n", paint.faint(&why(question)));
    }
    let total = number(value, "total");
    let shown = i64::try_from(questions.len()).unwrap_or(i64::MAX);
    if total > shown {
        let _ = writeln!(out, "and {} more, once these are decided", total - shown);
    }
    if !all {
        out.push_str(
            "toolgate approvals approve ID, or reject ID --reason TEXT; show ID for all of it\n",
        );
    }
    out
}

/// One question, whole.
pub(super) fn one(question: &Value, paint: Paint) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}  {}  {}",
        paint.strong(&text(question, "id")),
        paint.strong(&text(question, "target")),
        text(question, "state")
    );
    let _ = writeln!(out, "{}\n{}\n", who(question), why(question));
    let _ = writeln!(out, "{}", text(question, "arguments"));
    if question.get("besides").is_some() {
        let _ = writeln!(out, "\nalso in the call:\n{}", text(question, "besides"));
    }
    if let Some(why) = question.get("why_not").and_then(Value::as_str) {
        let _ = writeln!(out, "{}", paint.warn(&exact(why)));
    }
    out
}

fn standing(question: &Value, now: i64, paint: Paint) -> String {
    if text(question, "state") != "pending" {
        let by = text(question, "decided_by");
        let by = if by.is_empty() {
            by
        } else {
            format!(" by {by}")
        };
        return format!("{}{by}", text(question, "state"));
    }
    let left = display_duration(number(question, "expires") - now);
    let held = number(question, "held_until") - now;
    if held > 0 {
        let waits = format!("the agent waits {} more", display_duration(held));
        return format!("{left} left, {}", paint.warn(&waits));
    }
    format!("{left} left")
}

fn who(question: &Value) -> String {
    let mut out = text(question, "principal");
    for (before, key, after) in [
        (" (", "label", ")"),
        (", ", "source", ""),
        (" of ", "issuer", ""),
        (", server ", "server", ""),
        (", policy ", "policy", ""),
    ] {
        let value = one_line(&text(question, key), 80);
        if !value.is_empty() && value != out {
            let _ = write!(out, "{before}{value}{after}");
        }
    }
    out
}

fn why(question: &Value) -> String {
    let groups = question.get("approvers").and_then(Value::as_array);
    let groups: Vec<String> = groups
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(exact)
        .collect();
    let mut out = format!(
        "{} {}",
        one_line(&text(question, "reason"), ARGUMENTS),
        text(question, "rule")
    );
    if !groups.is_empty() {
        let _ = write!(out, ", for {}", groups.join(", "));
    }
    out
}

/// What a decision did.
pub(super) fn decided(question: &Value, approve: bool) -> String {
    let (id, target) = (text(question, "id"), text(question, "target"));
    if approve {
        let held = number(question, "held_until") > 0;
        let then = if held {
            "the call that waits for it goes on"
        } else {
            "the same call, repeated by the same caller, goes through once"
        };
        format!("approved {id} ({target}): {then}\n")
    } else {
        format!("rejected {id} ({target}): the agent is told why\n")
    }
}

/// What a stop or its end did.
pub(super) fn stopped(stop: bool) -> String {
    if stop {
        "stopped: every call is refused from the next one on, on every worker\n\
         it ends with `toolgate resume` or a restart of the proxy; `stopped: true` in the gate's configuration lasts\n"
            .to_owned()
    } else {
        "resumed: calls are decided by the policy again\n".to_owned()
    }
}

/// What became of a grant.
pub(super) fn grant(id: &str, revoke: bool) -> String {
    let id = exact(id);
    if revoke {
        format!(
            "revoked {id}: its next call is turned away, on every worker\n\
             it ends with a restart of the proxy; `revoked: true` in its entry of the gate's configuration lasts\n"
        )
    } else {
        format!("reinstated {id}\n")
    }
}
