//! Warnings about what is legal but leaky, or does not do what it seems to.
//!
//! [`lint`] looks at a document that has become a [`Gate`], so nothing here reports what is wrong: that is refused
//! before. What it looks for was seen in published policies and in reviews: allow-lists that let more through than they
//! show, limits that never count, rules that never decide. Each kind has a code that stays what it is; `LINTS.md` has an
//! example of each. One condition gets at most one warning about how it matches: the most precise.

mod allow;
mod approvals;
mod callers;
mod deny_if;
mod kinds;
mod limits;
mod pattern;
mod pins;
mod posture;
mod results;
mod view;

use crate::gate::Gate;
use crate::json::Value;
use kinds::{Found, HEADERS_LEAVE_EARLY, OPEN_WHEN_LOST};
pub use kinds::{KINDS, Lint, LintKind};

/// Looks for everything in [`KINDS`]. `document` is what `gate` was read from.
pub fn lint(document: Value<'_>, gate: &Gate) -> Vec<Lint> {
    let mut found = Found::default();
    let policies = view::policies(document);
    let names_callers = ["identity", "grants"]
        .into_iter()
        .any(|key| document.get(key).is_some());
    results::document(&policies, document, &mut found);
    callers::document(document, names_callers, &mut found);
    for policy in policies {
        posture::policy(&policy, document, &mut found);
        pins::policy(&policy, gate, &mut found);
        approvals::policy(&policy, &mut found);
        callers::policy(&policy, names_callers, &mut found);
        results::policy(&policy, &mut found);
        for catalog in &policy.catalogs {
            posture::catalog(catalog, &mut found);
            for entry in &catalog.entries {
                let scope = view::Scope { catalog, entry };
                posture::entry(&scope, &mut found);
                allow::entry(&scope, &mut found);
                deny_if::entry(&scope, &mut found);
                limits::entry(&policy, &scope, &mut found);
                callers::entry(&scope, &mut found);
            }
        }
    }
    pins::pins(document, gate, &mut found);
    if gate.counters.allow_on_store_error {
        found.add(
            &OPEN_WHEN_LOST,
            "/counters/on_store_error",
            "calls that cannot be counted are forwarded",
        );
    }
    if !gate.http.hold_request_headers {
        found.add(
            &HEADERS_LEAVE_EARLY,
            "/http/hold_request_headers",
            "the upstream sees the headers of calls that are refused",
        );
    }
    found.0
}
