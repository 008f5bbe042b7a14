//! Limits that never count, or never let anything through.

use super::kinds::{Found, NO_ROOM, ODD_INCREMENT, ONLY_COUNTS, PER_SESSION};
use super::view::{Limit, LimitKind, Policy, Scope};
use crate::counters::ONE;
use crate::json::{Decimal, Kind, Value};
use crate::policy::{Path, state_counter};

pub(super) fn entry(policy: &Policy<'_>, scope: &Scope<'_, '_>, found: &mut Found) {
    for limit in &scope.entry.limits {
        match limit.kind {
            LimitKind::Limit => plain(limit, found),
            LimitKind::State(block) => state(policy, scope, limit, block, found),
            LimitKind::Spend => {
                for key in ["per_call", "daily"] {
                    if limit.object.get(key).and_then(nanos) == Some(0) {
                        found.add(&NO_ROOM, &limit.at, format!("`{key}` is 0"));
                    }
                }
            }
            LimitKind::Rate => {}
        }
    }
}

fn plain(limit: &Limit<'_>, found: &mut Found) {
    let scope = limit.object.get("scope").and_then(|scope| scope.as_text());
    if scope.is_some_and(|scope| scope.is("session")) {
        let message = "a caller that initialises again begins at zero";
        found.add(&PER_SESSION, &limit.at, message);
    }
    let declared = limit.object.get("increment_from").is_some();
    let no_room =
        |max: Value<'_>| nanos(max).is_some_and(|max| if declared { max == 0 } else { max < ONE });
    let Some(max) = limit.object.get("max") else {
        return;
    };
    let none_fits = match max.kind() {
        Kind::Object => max.members().any(|(_, max)| no_room(max)),
        _ => no_room(max),
    };
    if none_fits {
        found.add(&NO_ROOM, &limit.at, format!("`max` is {}", max.raw()));
    }
}

/// Intercept's `state`. Its limit is the first `lt` or `lte` on the rule's own counter.
fn state(
    policy: &Policy<'_>,
    scope: &Scope<'_, '_>,
    limit: &Limit<'_>,
    block: usize,
    found: &mut Found,
) {
    let increment = limit.object.get("increment").and_then(nanos);
    let odd =
        increment.is_some_and(|increment| increment < ONE || increment.checked_rem(ONE) != Some(0));
    if odd {
        found.add(
            &ODD_INCREMENT,
            &limit.at,
            "each call adds less or more than it seems",
        );
    }
    let Some(counter) = limit
        .object
        .get("counter")
        .and_then(|counter| counter.as_str())
    else {
        return;
    };
    let own = state_counter(&scope.entry.name, &counter);
    let reads = |path: &str| Path::parse(path).is_ok_and(|path| path.counter() == Some(&own));
    let conditions = scope.entry.blocks.get(block).map(|block| &block.conditions);
    let ceiling = conditions
        .into_iter()
        .flatten()
        .find(|condition| matches!(condition.op.as_str(), "lt" | "lte") && reads(&condition.path));
    match ceiling {
        Some(ceiling) => {
            let most = ceiling.value.and_then(nanos);
            let most = most.and_then(|most| most.checked_sub(i128::from(ceiling.op == "lt")));
            let cost = match limit.object.get("increment_from") {
                Some(_) => 1,
                None => increment.unwrap_or(ONE),
            };
            if !odd && most.is_some_and(|most| most < cost) {
                found.add(
                    &NO_ROOM,
                    &ceiling.value_at,
                    "one call is already more than this",
                );
            }
        }
        None => {
            let read = policy.conditions().any(|condition| {
                reads(&condition.path) || condition.from.as_deref().is_some_and(reads)
            });
            if !read {
                let message = format!("`{counter}` counts, and no condition looks at it");
                found.add(&ONLY_COUNTS, &limit.at, message);
            }
        }
    }
}

/// A number or its text, in 10^-9.
fn nanos(value: Value<'_>) -> Option<i128> {
    Decimal::parse(value.raw().trim_matches('"'))?.to_nanos()
}
