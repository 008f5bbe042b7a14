//! What is said of callers that are not told apart, or of claims that do not mean what they seem to.

use super::kinds::{
    CLAIM_AS_TEXT, EMPTY_SECTION, Found, OPEN_PREFIX, REFUND_UNKNOWN, SHARE_BY_NETWORK,
    SHARED_BY_ALL,
};
use super::view::{Condition, Part, Policy, Scope};
use crate::json::{Kind, Value};
use crate::policy::{Path, Root, Step};

/// Lists of an entry that are not written to be empty. `rules: []` is how Intercept's own templates say "allowed".
const SECTIONS: [&str; 3] = ["require", "deny_if", "limits"];

/// A number of open questions that was chosen for callers who are not told apart. Without one nobody reckons with a share.
pub(super) fn document(document: Value<'_>, names_callers: bool, found: &mut Found) {
    let chosen = document
        .get("approvals")
        .and_then(|approvals| approvals.get("max_pending"));
    if chosen.is_some() && !names_callers {
        let message = "callers of one network share what they may ask people at a time";
        found.add(&SHARE_BY_NETWORK, "/approvals/max_pending", message);
    }
}

/// A policy under a document. `names_callers` tells whether the document tells callers apart.
pub(super) fn policy(policy: &Policy<'_>, names_callers: bool, found: &mut Found) {
    for entry in policy.catalogs.iter().flat_map(|catalog| &catalog.entries) {
        for limit in &entry.limits {
            let by_caller = limit
                .object
                .get("scope")
                .and_then(|scope| scope.as_text())
                .is_some_and(|scope| scope.is("grant"));
            if by_caller && !names_callers {
                let message = "all callers are one without `identity`, and share this limit";
                found.add(&SHARED_BY_ALL, &format!("{}/scope", limit.at), message);
            }
            if limit
                .object
                .get("refund_on_unknown")
                .and_then(|value| value.as_bool())
                == Some(true)
            {
                let message = "a call that ran and was not answered in time is given back";
                found.add(
                    &REFUND_UNKNOWN,
                    &format!("{}/refund_on_unknown", limit.at),
                    message,
                );
            }
        }
    }
}

/// Sections of an entry that are there and hold nothing.
pub(super) fn entry(scope: &Scope<'_, '_>, found: &mut Found) {
    for block in &scope.entry.blocks {
        for condition in &block.conditions {
            claim(condition, found);
            if block.part == Part::Require && condition.op == "prefix" {
                prefix(condition, found);
            }
        }
    }
    if scope.catalog.default_allow {
        // There every entry is open anyway, and TG013 says so of the whole.
        return;
    }
    for key in SECTIONS {
        let empty = |list: &Value<'_>| list.kind() == Kind::Array && list.items().next().is_none();
        if scope.entry.object.get(key).as_ref().is_some_and(empty) {
            let message = format!("`{key}` has nothing in it, so it checks nothing");
            found.add(
                &EMPTY_SECTION,
                &format!("{}/{key}", scope.entry.at),
                message,
            );
        }
    }
}

/// `contains` on a claim that is text with some issuers: then any part of the text matches.
fn claim(condition: &Condition<'_>, found: &mut Found) {
    const LISTS: [&str; 4] = ["scope", "scp", "groups", "roles"];
    let Ok(path) = Path::parse(&condition.path) else {
        return;
    };
    let Some(Step::Key(name)) = path.steps.last().filter(|_| path.root == Root::Identity) else {
        return;
    };
    if condition.op == "contains" && !LISTS.contains(&&**name) {
        let message = format!(
            "where `{}` is text, `{}` is looked for anywhere in it",
            condition.path,
            condition.text().unwrap_or_default()
        );
        found.add(&CLAIM_AS_TEXT, &condition.path_at, message);
    }
}

/// `prefix` with what a claim says: `/home/ana` is the beginning of `/home/ana2`, too.
fn prefix(condition: &Condition<'_>, found: &mut Found) {
    if let Some(from) = &condition.from {
        let message =
            format!("`{from}` may end in the middle of a name: `/home/ana` admits `/home/ana2`");
        found.add(&OPEN_PREFIX, &condition.path_at, message);
    }
}
