//! The `rules` of an entry, as Intercept and the articles on it write them.
//!
//! A rule is a requirement: its conditions must hold. Only under `action: require_approval` are they a trigger.
//! Everything compiles to what the JSON v1 dialect compiles to.

use super::approval::{self, DEFAULT_HOLD, DEFAULT_TIMEOUT};
use super::article::{read_arguments, read_spend};
use super::conditions::read_conditions;
use super::limits::CounterBook;
use super::naming::Naming;
use super::reader::{Field, Object, Reader};
use super::rule_limits::{read_rate_limit, read_state};
use super::wording;
use crate::policy::{Approval, Block, Condition, Entry, Limit, Requirement};
use crate::text::escape;

/// What a rule does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Evaluate,
    Deny,
    RequireApproval,
}

const ACTIONS: [(&str, Action); 3] = [
    ("evaluate", Action::Evaluate),
    ("deny", Action::Deny),
    ("require_approval", Action::RequireApproval),
];

/// Reads `rules`.
pub(super) fn entry(
    reader: &mut Reader,
    counters: &mut CounterBook,
    field: &Field<'_>,
    tool: &str,
    base: &str,
    entry: &mut Entry,
) {
    let mut names: Vec<String> = Vec::new();
    for (index, rule) in reader.list(field).into_iter().enumerate() {
        let at = rule.at.clone();
        let Some(mut object) = reader.object(rule) else {
            continue;
        };
        let name = object
            .take("name")
            .and_then(|field| read_name(reader, &field, &mut names));
        let pointer = format!(
            "{base}/rules/{}",
            name.as_deref()
                .map_or_else(|| index.to_string().into(), escape)
        );
        read_rule(reader, counters, &mut object, tool, &at, pointer, entry);
        object.finish(reader);
    }
}

/// A name that cannot be mistaken for an index, and stands once.
fn read_name(reader: &mut Reader, field: &Field<'_>, names: &mut Vec<String>) -> Option<String> {
    let name = reader.name(field)?;
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        reader.expected(field, "a name that is not made of digits only");
        return None;
    }
    if names.contains(&name) {
        reader.error(&field.at, format!("two rules are named `{name}`"));
    }
    names.push(name.clone());
    Some(name)
}

fn read_rule(
    reader: &mut Reader,
    counters: &mut CounterBook,
    object: &mut Object<'_>,
    tool: &str,
    at: &str,
    pointer: String,
    entry: &mut Entry,
) {
    let action = match object.take("action") {
        Some(field) => reader.choice(&field, &ACTIONS).unwrap_or(Action::Evaluate),
        None => Action::Evaluate,
    };
    let naming = Naming {
        pointer: pointer.into(),
        on_deny: object.take("on_deny").and_then(|field| reader.text(&field)),
    };
    check_company(reader, object, action, at);
    let mut conditions = object
        .take("conditions")
        .map(|field| read_conditions(reader, &field))
        .unwrap_or_default();
    let timeout = object
        .take("approval_timeout")
        .and_then(|field| approval::read_timeout(reader, &field));
    let approvers = object
        .take("approvers")
        .map(|field| approval::read_approvers(reader, &field));
    match action {
        Action::Deny => {
            let pointer = &naming.pointer;
            let never = format!("Tool \"{tool}\" is not permitted by policy (rule {pointer}).");
            entry.require.push(Requirement::Never(naming.rule(never)));
        }
        Action::RequireApproval => {
            let pointer = &naming.pointer;
            let reason = format!("This call needs a person's approval (rule {pointer}).");
            entry.approvals.push(Approval {
                rule: naming.rule(reason),
                when: std::mem::take(&mut conditions),
                timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
                hold: DEFAULT_HOLD,
                approvers: approvers.unwrap_or_default(),
            });
        }
        Action::Evaluate => {}
    }
    let mut limits = Vec::new();
    if let Some(field) = object.take("rate_limit") {
        limits.push(read_rate_limit(reader, counters, &field, tool, &naming));
    }
    if let Some(field) = object.take("state") {
        let limit = read_state(reader, counters, field, tool, &mut conditions, &naming);
        limits.push(limit);
    }
    if let Some(field) = object.take("spend") {
        let (caps, daily) = read_spend(reader, counters, field, tool, &naming);
        conditions.extend(caps);
        limits.push(daily);
    }
    if let Some(field) = object.take("arguments") {
        conditions.extend(read_arguments(reader, &field));
    }
    for limit in limits.into_iter().flatten() {
        add_limit(reader, entry, limit, at);
    }
    if !conditions.is_empty() {
        let named = |condition: Condition| {
            let rule = naming.rule(wording::required(&condition, &naming.pointer));
            (condition, rule)
        };
        entry.require.push(Requirement::Block(Block {
            conditions: conditions.into_iter().map(named).collect(),
        }));
    }
}

/// Which keys of a rule go together.
fn check_company(reader: &mut Reader, object: &Object<'_>, action: Action, at: &str) {
    let has_conditions = object.has("conditions");
    let counts = ["rate_limit", "state", "spend", "arguments"];
    let counts = counts.into_iter().find(|key| object.has(key));
    for key in ["approval_timeout", "approvers"] {
        if object.has(key) && action != Action::RequireApproval {
            let message = format!("`{key}` goes with `action: require_approval`");
            reader.error(at, message);
        }
    }
    if action == Action::Deny && has_conditions {
        let message = "a rule with `action: deny` has no conditions: it always denies";
        reader.error(at, message);
    }
    match counts {
        None if action == Action::Evaluate && !has_conditions => {
            let message =
                "a rule needs `conditions`, `rate_limit`, `spend`, `arguments` or another `action`";
            reader.error(at, message);
        }
        Some(key) if action != Action::Evaluate => {
            let message =
                format!("`{key}` cannot be combined with this `action`; use a rule of its own");
            reader.error(at, message);
        }
        _ => {}
    }
    if object.has("rate_limit") && (has_conditions || object.has("state")) {
        let message =
            "`rate_limit` cannot be combined with `conditions` or `state`; use separate rules";
        reader.error(at, message);
    }
    if object.has("state") && !has_conditions {
        reader.error(at, "a rule with `state` needs `conditions`");
    }
}

fn add_limit(reader: &mut Reader, entry: &mut Entry, limit: Limit, at: &str) {
    let name = &limit.counter.name;
    if entry.limits.iter().any(|other| other.counter.name == *name) {
        let shown = name.rsplit('.').next().unwrap_or_default();
        let message = format!("counter `{shown}` is used by two rules of this tool");
        reader.error(at, message);
    }
    entry.limits.push(limit);
}
