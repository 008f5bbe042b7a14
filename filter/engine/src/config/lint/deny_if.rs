//! `deny_if` blocks that are escaped, or never hold.

use std::cmp::Ordering;

use super::kinds::{BLOCKLIST, DEAD_DENY_IF, ESCAPED_BY_OMISSION, Found, SAME_NAME};
use super::view::{Block, Condition, Part, Scope};
use crate::json::{Decimal, Value};
use crate::policy::Root;

pub(super) fn entry(scope: &Scope<'_, '_>, found: &mut Found) {
    names(scope, Part::Require, found);
    names(scope, Part::DenyIf, found);
    forbidden_texts(scope, found);
    let mut escaped: Vec<&str> = Vec::new();
    let blocks = scope.entry.blocks.iter();
    for block in blocks.filter(|block| block.part == Part::DenyIf) {
        if let Some((condition, reason)) = block
            .conditions
            .iter()
            .find_map(|condition| Some((condition, impossible(scope, condition)?)))
        {
            found.add(&DEAD_DENY_IF, &condition.value_at, reason);
            continue;
        }
        for condition in &block.conditions {
            let callers = matches!(condition.root(), Some(Root::Args | Root::Identity));
            if !callers
                || must_be_there(scope, &condition.path)
                || says_it_is_there(block, condition)
            {
                continue;
            }
            let path = condition.path.as_str();
            match condition.op.as_str() {
                "neq" | "not_in" if permits_nothing(condition) => {}
                "lt" | "lte" | "gt" | "gte" | "neq" | "not_in" if !escaped.contains(&path) => {
                    escaped.push(path);
                    let message = format!("a call without `{path}` passes");
                    found.add(&ESCAPED_BY_OMISSION, &condition.path_at, message);
                }
                "regex" | "contains" | "prefix" | "suffix" if block.conditions.len() == 1 => {
                    let message = format!(
                        "every `{path}` that nobody thought of passes, and a call without it"
                    );
                    found.add(&BLOCKLIST, &condition.path_at, message);
                }
                _ => {}
            }
        }
    }
}

/// A `require` that names what an argument must not be: the same list of forbidden texts in other words.
fn forbidden_texts(scope: &Scope<'_, '_>, found: &mut Found) {
    let blocks = scope.entry.blocks.iter();
    for block in blocks.filter(|block| block.part == Part::Require) {
        let others = block.conditions.len() > 1;
        for condition in &block.conditions {
            let text = |value: &Value<'_>| {
                value
                    .as_text()
                    .is_some_and(|text| !text.is("") && !text.is("*"))
            };
            let texts = match (condition.op.as_str(), condition.value) {
                ("not_in", Some(list)) => list.items().any(|value| text(&value)),
                ("neq", Some(value)) => text(&value),
                _ => false,
            };
            if texts && !others && condition.root() == Some(Root::Args) {
                let message = format!("every `{}` that nobody thought of passes", condition.path);
                found.add(&BLOCKLIST, &condition.path_at, message);
            }
        }
    }
}

/// Whether a call without a value at this path is refused anyway.
fn must_be_there(scope: &Scope<'_, '_>, path: &str) -> bool {
    let absent = |condition: &Condition<'_>| {
        condition.op == "exists" && condition.value.and_then(|value| value.as_bool()) == Some(false)
    };
    let required = scope
        .conditions(Part::Require)
        .any(|condition| condition.path == path && !absent(condition));
    let counted = scope
        .entries()
        .flat_map(|entry| &entry.limits)
        .any(|limit| {
            ["increment_from", "currency_from"].into_iter().any(|key| {
                let from = limit.object.get(key).and_then(|from| from.as_text());
                from.is_some_and(|from| from.is(path))
            })
        });
    required || counted
}

/// Whether the block speaks of calls with a value at this path alone: that others pass is what was meant.
fn says_it_is_there(block: &Block<'_>, condition: &Condition<'_>) -> bool {
    block.conditions.iter().any(|other| {
        let there = other.value.and_then(|value| value.as_bool()) == Some(true);
        other.op == "exists" && there && other.path == condition.path
    })
}

/// Whether what it lets pass is as good as nothing, such as `false` and the empty text: then so is leaving it out.
fn permits_nothing(condition: &Condition<'_>) -> bool {
    let passing = values(condition).unwrap_or_default();
    passing.into_iter().any(|value| {
        value.is_null()
            || value.as_bool() == Some(false)
            || value.as_text().is_some_and(|text| text.is(""))
    })
}

/// Two blocks that are pointed to by one path and operator.
fn names(scope: &Scope<'_, '_>, part: Part, found: &mut Found) {
    let mut named: Vec<(&str, &str)> = Vec::new();
    if scope.entry.object.get("rules").is_some() {
        return;
    }
    let blocks = scope.entry.blocks.iter();
    for block in blocks.filter(|block| block.part == part) {
        let naming = if part == Part::DenyIf { 1 } else { usize::MAX };
        let before = named.len();
        for condition in block.conditions.iter().take(naming) {
            let name = (condition.path.as_str(), condition.op.as_str());
            if named.iter().take(before).any(|other| *other == name) {
                let message = format!("another block has `{}` with `{}` too", name.0, name.1);
                found.add(&SAME_NAME, &condition.path_at, message);
            }
            named.push(name);
        }
    }
}

/// Why this condition can never hold, where a `require` says so plainly.
fn impossible(scope: &Scope<'_, '_>, denied: &Condition<'_>) -> Option<String> {
    if denied.path.contains("[*]") {
        return None;
    }
    let same = scope
        .conditions(Part::Require)
        .filter(|required| required.path == denied.path);
    let excluded = |required: &&Condition<'_>| excludes(required, denied).unwrap_or(false);
    let required = same.into_iter().find(excluded)?;
    Some(format!(
        "`{}` with `{}` is required, so this never holds",
        required.path, required.op
    ))
}

/// Whether no value passes both. `None` where that is not plain to see.
fn excludes(required: &Condition<'_>, denied: &Condition<'_>) -> Option<bool> {
    let (required_op, denied_op) = (required.op.as_str(), denied.op.as_str());
    let has = |values: &[Value<'_>], value: &Value<'_>| values.iter().any(|it| it.equals(value));
    match (required_op, denied_op) {
        ("eq" | "in", "eq" | "in") => {
            let (allowed, denied) = (values(required)?, values(denied)?);
            Some(!denied.iter().any(|value| has(&allowed, value)))
        }
        ("neq" | "not_in", "eq" | "in") => {
            let (excluded, denied) = (values(required)?, values(denied)?);
            Some(denied.iter().all(|value| has(&excluded, value)))
        }
        ("eq" | "in", "neq" | "not_in") => {
            let (allowed, excepted) = (values(required)?, values(denied)?);
            Some(allowed.iter().all(|value| has(&excepted, value)))
        }
        ("eq" | "in", _) => {
            let bound = bound(denied)?;
            let mut passing = values(required)?.into_iter();
            Some(passing.all(|value| {
                value
                    .as_decimal()
                    .is_some_and(|value| !holds(denied_op, value.compare(&bound)))
            }))
        }
        ("lt" | "lte", "gt" | "gte") => {
            let order = bound(denied)?.compare(&bound(required)?);
            let touches = required_op == "lte" && denied_op == "gte";
            Some(order.is_gt() || (order.is_eq() && !touches))
        }
        ("gt" | "gte", "lt" | "lte") => {
            let order = bound(denied)?.compare(&bound(required)?);
            let touches = required_op == "gte" && denied_op == "lte";
            Some(order.is_lt() || (order.is_eq() && !touches))
        }
        _ => None,
    }
}

fn holds(op: &str, order: Ordering) -> bool {
    match op {
        "lt" => order.is_lt(),
        "lte" => order.is_le(),
        "gt" => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// What `eq` or `in` lists; nothing where that is not known, or nothing is listed.
fn values<'d>(condition: &Condition<'d>) -> Option<Vec<Value<'d>>> {
    let value = condition.value?;
    let values = match condition.op.as_str() {
        "in" | "not_in" => value.items().collect(),
        _ => vec![value],
    };
    (!values.is_empty()).then_some(values)
}

/// The number that an order relation compares with.
fn bound<'d>(condition: &Condition<'d>) -> Option<Decimal<'d>> {
    if !matches!(condition.op.as_str(), "lt" | "lte" | "gt" | "gte") {
        return None;
    }
    // Decimal text never has escapes.
    Decimal::parse(condition.value?.raw().trim_matches('"'))
}
