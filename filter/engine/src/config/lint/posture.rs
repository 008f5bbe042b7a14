//! What is permitted at all, and rules nothing gets to.

use super::kinds::{
    Found, GLOBAL_NAME, HIDDEN_ENTRY, HIDDEN_LIMIT, NEVER_DECIDES, NO_DEFAULT, NOTHING_ALLOWED,
    NOTHING_ENFORCED, RESOURCE_ARGS,
};
use super::view::{Catalog, Entry, Part, Policy, Scope, Targets};
use crate::json::{Kind, Value};
use crate::policy::Root;

pub(super) fn policy(policy: &Policy<'_>, document: Value<'_>, found: &mut Found) {
    let default = policy.object.get("default");
    let allows = default
        .and_then(|default| default.as_text())
        .is_some_and(|default| default.is("allow"));
    let names_tools = ["tools", "hide", "all_tools"]
        .into_iter()
        .any(|key| policy.object.get(key).is_some());
    if default.is_none() && names_tools {
        let message = "without `default`, what no entry names is denied";
        found.add(&NO_DEFAULT, &policy.at, message);
    }
    let effects = policy
        .catalogs
        .iter()
        .any(|catalog| !catalog.hidden.is_empty() || catalog.entries.iter().any(has_effect));
    let inspects = ["pins", "results"]
        .into_iter()
        .any(|key| document.get(key).is_some());
    let denies_some = policy.catalogs.iter().any(|catalog| !catalog.default_allow);
    if allows && !effects && !denies_some && !inspects {
        let at = format!("{}/default", policy.at);
        found.add(&NOTHING_ENFORCED, &at, "every call is forwarded");
    }
    let empty = policy
        .catalogs
        .iter()
        .all(|catalog| catalog.entries.is_empty() && !catalog.default_allow);
    // Who stops everything means it.
    let stopped = document.flag_at("stopped");
    if default.is_some() && empty && !stopped {
        let at = format!("{}/default", policy.at);
        found.add(&NOTHING_ALLOWED, &at, "every call is refused");
    }
}

/// Whether an entry does anything to a call.
fn has_effect(entry: &Entry<'_>) -> bool {
    let empty = |value: Value<'_>| value.kind() == Kind::Array && value.items().next().is_none();
    let off = |value: Value<'_>| value.as_bool() == Some(false);
    entry
        .object
        .members()
        .any(|(key, value)| !key.is("mode") && !empty(value) && !off(value))
}

pub(super) fn catalog(catalog: &Catalog<'_>, found: &mut Found) {
    let [only] = catalog.entries.as_slice() else {
        return;
    };
    if only.name == "*" && !catalog.default_allow {
        let message = "`\"*\"` is the only entry, and it permits nothing that no entry names";
        found.add(&NOTHING_ALLOWED, &only.at, message);
    }
}

pub(super) fn entry(scope: &Scope<'_, '_>, found: &mut Found) {
    let entry = scope.entry;
    if scope.catalog.targets == Targets::Tools && entry.name == "_global" {
        let message = "`state._global.…` reads the counters of `\"*\"`, not of this tool";
        found.add(&GLOBAL_NAME, &entry.at, message);
    }
    if scope.is_hidden() {
        match entry.limits.first() {
            Some(limit) => found.add(&HIDDEN_LIMIT, &limit.at, "this is hidden and never called"),
            None => found.add(
                &HIDDEN_ENTRY,
                &entry.at,
                "`hide` refuses it before any rule is asked",
            ),
        }
        return;
    }
    unreached(entry, found);
    if scope.catalog.targets == Targets::Resources {
        let conditions = entry.blocks.iter().flat_map(|block| {
            let part = block.part;
            block
                .conditions
                .iter()
                .map(move |condition| (part, condition))
        });
        for (part, condition) in conditions {
            if condition.root() == Some(Root::Args) {
                let outcome = match part {
                    Part::Require => "every read is refused",
                    Part::DenyIf => "it never holds",
                    Part::Trigger => "it always asks",
                };
                let message = format!("there is no `{}`, so {outcome}", condition.path);
                found.add(&RESOURCE_ARGS, &condition.path_at, message);
            }
        }
    }
}

/// Rules beside `deny: true`, and after `action: deny`.
fn unreached(entry: &Entry<'_>, found: &mut Found) {
    let denies = entry.object.get("deny").and_then(|deny| deny.as_bool()) == Some(true);
    if denies {
        let beside = ["require", "deny_if", "limits", "rules", "approval"]
            .into_iter()
            .find(|key| entry.object.get(key).is_some());
        if let Some(key) = beside {
            let at = format!("{}/{key}", entry.at);
            found.add(
                &NEVER_DECIDES,
                &at,
                "`deny: true` refuses every call before",
            );
        }
        return;
    }
    let rules = entry.object.get("rules");
    let rules: Vec<Value<'_>> = rules.iter().flat_map(Value::items).collect();
    let always = rules.iter().position(|rule| {
        let action = rule.get("action").and_then(|action| action.as_text());
        action.is_some_and(|action| action.is("deny"))
    });
    let Some(next) = always.map(|index| index.saturating_add(1)) else {
        return;
    };
    if next < rules.len() {
        let at = format!("{}/rules/{next}", entry.at);
        found.add(&NEVER_DECIDES, &at, "the rule before refuses every call");
    }
}
