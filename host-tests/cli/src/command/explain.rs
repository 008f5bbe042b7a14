//! `toolgate explain`: why does this call get this decision?

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use toolgate_engine::pdp::{Look, Mark, TraceStep, Usage};
use toolgate_engine::policy::Truth;

use super::{Outcome, POLICY_FILES, Paint, Unreadable, find};
use crate::explain::{self, CallTrace, Explanation, Question};
use toolgate_document::{Document, ReadError};

/// What to explain, and how to say it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration.
    pub policy: PathBuf,
    /// The request.
    pub question: Question,
    /// For programs.
    pub json: bool,
    /// Colours.
    pub paint: Paint,
}

/// Explains one request.
pub fn run(options: &Options) -> Outcome {
    let document = match read(&options.policy) {
        Ok(document) => document,
        Err(errors) => return failed(errors),
    };
    let explanation = match explain::explain(&document, &options.question) {
        Ok(explanation) => explanation,
        Err(error) => return failed(format!("error: {error:#}\n")),
    };
    let output = if options.json {
        format!("{:#}\n", as_json(&explanation))
    } else {
        as_text(&explanation, options.paint)
    };
    let forwarded = matches!(
        explanation.outcome.decision.as_str(),
        "allow" | "shadow_deny"
    );
    Outcome {
        output,
        errors: String::new(),
        code: u8::from(!forwarded),
    }
}

/// Reads a configuration, or the one in a directory; or says for stderr why that is not possible.
pub(super) fn read(path: &Path) -> Result<Document, String> {
    let (found, unreadable) = find(&[path.to_owned()], &POLICY_FILES);
    let path = match (found.as_slice(), unreadable.first()) {
        ([only], _) => only,
        (_, Some(unreadable)) => return Err(unreadable.line()),
        _ => {
            let path = path.display();
            return Err(format!(
                "error: `{path}` holds several policies; name one\n"
            ));
        }
    };
    Document::read(path).map_err(|error| match error {
        ReadError::Io(error) => Unreadable::because(path, &error).line(),
        ReadError::Malformed { source, problem } => {
            let position = problem
                .position
                .unwrap_or(toolgate_document::Position::START);
            format!(
                "{}:{position}: error: {}\n",
                source.name(),
                problem.sentence()
            )
        }
    })
}

pub(super) fn failed(errors: String) -> Outcome {
    Outcome {
        output: String::new(),
        errors,
        code: 2,
    }
}

fn as_text(explanation: &Explanation, paint: Paint) -> String {
    let mut text = String::new();
    for check in &explanation.checks {
        let line = format!(
            "{}  {:<9} {}",
            word(check.mark, paint),
            check.name,
            check.detail
        );
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    for call in &explanation.calls {
        if explanation.calls.len() > 1 {
            text.push_str(&format!("\n{}\n", paint.strong(&call.title)));
        }
        for step in &call.steps {
            step_text(&mut text, step, paint);
        }
    }
    let outcome = &explanation.outcome;
    let verdict = match outcome.decision.as_str() {
        "allow" => paint.good("allow"),
        "shadow_deny" => paint.warn("allow, and recorded as shadow_deny"),
        "hold" => paint.warn("hold until a person decides,"),
        other => paint.bad(other),
    };
    text.push_str(&format!("\n{verdict}"));
    if let Some(rule) = &outcome.rule {
        text.push_str(&format!(" by {}", paint.strong(rule)));
    }
    text.push('\n');
    if let Some(told) = &outcome.told {
        let when = match outcome.decision.as_str() {
            "hold" => {
                "after a yes the call goes on; while nobody has decided, and the request cannot be held any longer, "
            }
            _ => "",
        };
        text.push_str(&format!("{when}the agent is told: {told}\n"));
    }
    if let Some(seconds) = outcome.retry_after {
        text.push_str(&format!("it may try again in {}\n", duration(seconds)));
    }
    if !explanation.agrees() {
        text.push_str("warning: the steps above come to another decision; please report this\n");
    }
    text
}

fn step_text(text: &mut String, step: &TraceStep, paint: Paint) {
    let rule = step.rule.as_deref().unwrap_or_default();
    let line = format!(
        "{}  {:<9} {rule}",
        word(step.mark, paint),
        step.stage.word()
    );
    text.push_str(&format!("{}\n", line.trim_end()));
    if step.mark == Mark::Skipped {
        return;
    }
    for look in &step.looks {
        let (condition, truth) = (&look.condition, truth(look));
        let found = look.found.as_deref().unwrap_or("nothing there");
        text.push_str(&format!(
            "{:22}{}\n",
            "",
            paint.faint(&format!("{condition} is {truth}: {found}"))
        ));
    }
    if let Some(usage) = &step.usage {
        let line = usage_text(usage);
        text.push_str(&format!("{:22}{}\n", "", paint.faint(&line)));
    }
}

fn word(mark: Mark, paint: Paint) -> String {
    // Padded before it is painted: colours have no width.
    let padded = |word: &str| format!("  {word:<8}");
    match mark {
        Mark::Passed => paint.good(&padded("ok")),
        Mark::Refused => paint.bad(&padded("refused")),
        Mark::Asked => paint.warn(&padded("asks")),
        Mark::Observed => paint.warn(&padded("shadow")),
        Mark::Unknown => paint.warn(&padded("unknown")),
        Mark::Skipped => paint.faint(&padded("-")),
    }
}

fn truth(look: &Look) -> &'static str {
    match look.truth {
        Some(Truth::True) => "true",
        Some(Truth::False) => "false",
        Some(Truth::Missing) => "missing",
        Some(Truth::WrongType) => "of the wrong type",
        None => "unknown",
    }
}

fn usage_text(usage: &Usage) -> String {
    let max = usage
        .max
        .as_ref()
        .map_or_else(String::new, |max| format!(" of {max}"));
    let (counter, used, cost, window) = (&usage.counter, &usage.used, &usage.cost, &usage.window);
    let resets = usage
        .resets_in
        .and_then(|seconds| u64::try_from(seconds).ok());
    let resets = resets.map_or_else(String::new, |seconds| {
        format!(", starts again in {}", duration(seconds))
    });
    format!("{counter}: {used}{max} used, this call adds {cost}; window {window}{resets}")
}

fn duration(seconds: u64) -> String {
    toolgate_engine::time::display_duration(i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn as_json(explanation: &Explanation) -> Value {
    let check = |check: &explain::Check| json!({"check": check.name, "mark": check.mark.word(), "detail": check.detail});
    let call = |call: &CallTrace| {
        let steps: Vec<Value> = call.steps.iter().map(step_json).collect();
        json!({"call": call.title, "steps": steps, "shadow": call.shadow})
    };
    let outcome = &explanation.outcome;
    json!({
        "now": explanation.now.to_string(),
        "checks": explanation.checks.iter().map(check).collect::<Vec<_>>(),
        "calls": explanation.calls.iter().map(call).collect::<Vec<_>>(),
        "decision": outcome.decision,
        "rule": outcome.rule,
        "reason": outcome.reason,
        "retry_after": outcome.retry_after,
        "told": outcome.told,
        "status": outcome.status,
    })
}

fn step_json(step: &TraceStep) -> Value {
    let look =
        |look: &Look| json!({"condition": look.condition, "is": truth(look), "found": look.found});
    let usage = step.usage.as_ref().map(|usage| {
        json!({
            "counter": usage.counter,
            "used": usage.used,
            "cost": usage.cost,
            "max": usage.max,
            "window": usage.window,
            "resets_in": usage.resets_in,
        })
    });
    json!({
        "step": step.stage.word(),
        "rule": step.rule.as_deref(),
        "mark": step.mark.word(),
        "conditions": step.looks.iter().map(look).collect::<Vec<_>>(),
        "limit": usage,
    })
}
