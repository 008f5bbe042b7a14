//! `toolgate replay`: what would another policy have decided?

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::explain::{failed, read};
use super::{Outcome, Paint, Progress, Unreadable};
use crate::replay::{self, Decision, Replay, Replayed};
use crate::text::exact;

/// What to replay, and how to say it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The audit file.
    pub audit: PathBuf,
    /// The new policy.
    pub policy: PathBuf,
    /// For programs.
    pub json: bool,
    /// Colours.
    pub paint: Paint,
}

/// Replays an audit file.
pub fn run(options: &Options) -> Outcome {
    let text = match std::fs::read(&options.audit) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return failed(Unreadable::because(&options.audit, &error).line()),
    };
    let document = match read(&options.policy) {
        Ok(document) => document,
        Err(errors) => return failed(errors),
    };
    let progress = Progress::begin("reading the audit file");
    let records = match replay::read(&text) {
        Ok(records) => records,
        Err(error) => {
            return failed(format!("error: {}: {error}\n", options.audit.display()));
        }
    };
    progress.now(format!("deciding {} records anew", records.records.len()));
    let replay = match replay::replay(&document, records.records) {
        Ok(replay) => replay,
        Err(error) => return failed(format!("error: {error:#}\n")),
    };
    drop(progress);
    let output = if options.json {
        format!("{:#}\n", as_json(&replay))
    } else {
        as_text(&replay, options.paint)
    };
    let changed = replay.decisions.iter().any(Replayed::changes);
    Outcome {
        output,
        errors: String::new(),
        code: u8::from(changed),
    }
}

/// How often each change comes: `deny → allow`.
fn counts(replay: &Replay) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for replayed in replay.decisions.iter().filter(|it| it.changes()) {
        let new = replayed.new.as_ref().map_or("", |new| &new.word);
        let change = if replayed.old.word == new {
            format!("{new} by another rule")
        } else {
            format!("{} → {new}", replayed.old.word)
        };
        *counts.entry(change).or_default() += 1;
    }
    counts
}

/// How often something is unknown, by why and of what.
fn unknown(replay: &Replay) -> BTreeMap<(&'static str, String), usize> {
    let mut counts = BTreeMap::new();
    for replayed in &replay.decisions {
        if let Some(why) = replayed.unknown {
            let of = format!("{} {}", replayed.method, replayed.target);
            *counts.entry((why, of)).or_default() += 1;
        }
    }
    counts
}

fn as_text(replay: &Replay, paint: Paint) -> String {
    let mut text = String::new();
    for replayed in replay.decisions.iter().filter(|it| it.changes()) {
        let Some(new) = &replayed.new else { continue };
        let Replayed {
            time,
            decision_id,
            method,
            target,
            old,
            ..
        } = replayed;
        let target = exact(target);
        let word = if new.forwards() {
            paint.warn(&new.word)
        } else {
            paint.bad(&new.word)
        };
        let by = |decision: &Decision| match &decision.rule {
            Some(rule) => format!(" ({})", exact(rule)),
            None => String::new(),
        };
        text.push_str(&format!(
            "{} {} {} {}: {}{} → {word}{}\n",
            exact(time),
            paint.faint(&exact(decision_id)),
            exact(method),
            paint.strong(&target),
            exact(&old.word),
            paint.faint(&by(old)),
            by(new),
        ));
    }
    for ((why, of), count) in unknown(replay) {
        text.push_str(&format!("unknown ({why}): {count} × {}\n", exact(&of)));
    }
    let total = replay.decisions.len();
    let changed = replay.decisions.iter().filter(|it| it.changes()).count();
    let unknown = replay
        .decisions
        .iter()
        .filter(|it| it.unknown.is_some())
        .count();
    let same = total.saturating_sub(changed).saturating_sub(unknown);
    text.push_str(&format!(
        "{total} decisions: {same} stay, {changed} change, {unknown} unknown"
    ));
    let changes: Vec<String> = counts(replay)
        .into_iter()
        .map(|(change, count)| format!("{count} × {}", exact(&change)))
        .collect();
    if !changes.is_empty() {
        text.push_str(&format!(" ({})", changes.join(", ")));
    }
    if replay.not_asked > 0 {
        let count = replay.not_asked;
        text.push_str(&format!("; {count} records that no policy decided"));
    }
    text.push('\n');
    text
}

fn as_json(replay: &Replay) -> Value {
    let decision = |decision: &Decision| json!({"decision": decision.word, "rule": decision.rule});
    let change = |replayed: &Replayed| {
        json!({
            "time": replayed.time,
            "decision_id": replayed.decision_id,
            "method": replayed.method,
            "target": replayed.target,
            "old": decision(&replayed.old),
            "new": replayed.new.as_ref().map(decision),
        })
    };
    let changes: Vec<Value> = replay
        .decisions
        .iter()
        .filter(|it| it.changes())
        .map(change)
        .collect();
    let unknown: Vec<Value> = unknown(replay)
        .into_iter()
        .map(|((why, of), count)| json!({"reason": why, "of": of, "count": count}))
        .collect();
    json!({
        "decisions": replay.decisions.len(),
        "changed": changes.len(),
        "counts": counts(replay),
        "changes": changes,
        "unknown": unknown,
        "not_decided_by_policy": replay.not_asked,
    })
}
