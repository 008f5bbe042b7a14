//! Approvals that are not what they seem to be.

use super::kinds::{APPROVERS_OF_NOTHING, Found, LONG_HOLD};
use super::view::{Entry, Policy};
use crate::json::Value;
use crate::time::parse_duration;

/// TypeScript clients give up after so many seconds.
const PATIENCE: i64 = 60;

/// Everything about the approvals of a policy's entries.
pub(super) fn policy(policy: &Policy<'_>, found: &mut Found) {
    for catalog in &policy.catalogs {
        let everywhere = catalog
            .entries
            .iter()
            .any(|entry| entry.name == "*" && asks(entry));
        for entry in &catalog.entries {
            hold(entry, found);
            if entry.object.get("approvers").is_some() && !asks(entry) && !everywhere {
                let at = format!("{}/approvers", entry.at);
                found.add(
                    &APPROVERS_OF_NOTHING,
                    &at,
                    "no rule here asks a person, so there is nothing to decide",
                );
            }
        }
    }
}

/// Whether a rule of an entry asks a person.
fn asks(entry: &Entry<'_>) -> bool {
    let requires = |rule: Value<'_>| {
        rule.get("action")
            .and_then(|action| action.as_text())
            .is_some_and(|action| action.is("require_approval"))
    };
    let rules = entry.object.get("rules");
    entry.object.get("approval").is_some() || rules.iter().flat_map(Value::items).any(requires)
}

fn hold(entry: &Entry<'_>, found: &mut Found) {
    let approval = entry.object.get("approval");
    let hold = approval
        .and_then(|approval| approval.get("hold"))
        .and_then(|hold| hold.as_str());
    let Some(hold) = hold else { return };
    let seconds = parse_duration(&hold).unwrap_or(0);
    if seconds > PATIENCE {
        let at = format!("{}/approval/hold", entry.at);
        found.add(
            &LONG_HOLD,
            &at,
            format!("`{hold}` is longer than {PATIENCE} seconds"),
        );
    }
}
