//! Results: counters nobody looks at, paths that lead nowhere.

use super::kinds::{COUNTS_FOR_NOBODY, Found, PATH_OUTSIDE};
use super::view::Policy;
use crate::json::Value;
use crate::policy::{Path, Step};

/// What a path from the result does not begin with: the message around it, and what other paths begin with.
const OUTSIDE: [&str; 7] = [
    "result", "error", "params", "jsonrpc", "id", "args", "counters",
];

/// `results` of the document, which applies to every policy.
pub(super) fn document(policies: &[Policy<'_>], document: Value<'_>, found: &mut Found) {
    let Some(results) = document.get("results") else {
        return;
    };
    paths(results, "/results", found);
    let read = |name: &str| policies.iter().any(|policy| looks_at(policy, name));
    count(results, "/results", &read, found);
}

/// The `result` of every entry of a policy.
pub(super) fn policy(policy: &Policy<'_>, found: &mut Found) {
    let entries = policy.catalogs.iter().flat_map(|catalog| &catalog.entries);
    for entry in entries {
        let Some(result) = entry.object.get("result") else {
            continue;
        };
        let at = format!("{}/result", entry.at);
        paths(result, &at, found);
        count(result, &at, &|name| looks_at(policy, name), found);
    }
}

/// Whether a condition reads a counter, or a limit bounds it.
fn looks_at(policy: &Policy<'_>, name: &str) -> bool {
    let reads = |path: &str| Path::parse(path).is_ok_and(|path| path.counter() == Some(name));
    let mut limits = policy
        .catalogs
        .iter()
        .flat_map(|catalog| &catalog.entries)
        .flat_map(|entry| &entry.limits);
    let named = |value: Option<Value<'_>>| {
        value
            .and_then(|value| value.as_text())
            .is_some_and(|text| text.is(name))
    };
    policy
        .conditions()
        .any(|condition| reads(&condition.path) || condition.from.as_deref().is_some_and(reads))
        || limits.any(|limit| named(limit.object.get("counter")))
}

fn count(results: Value<'_>, at: &str, read: &dyn Fn(&str) -> bool, found: &mut Found) {
    let name = results.get("count").and_then(|count| count.get("counter"));
    let Some(name) = name.and_then(|name| name.as_str()) else {
        return;
    };
    if !read(&name) {
        let message = format!("`{name}` counts bytes, and no condition or limit looks at it");
        found.add(&COUNTS_FOR_NOBODY, &format!("{at}/count"), message);
    }
}

fn paths(results: Value<'_>, at: &str, found: &mut Found) {
    let items = results
        .get("redact")
        .into_iter()
        .flat_map(|list| list.items());
    for (index, item) in items.enumerate() {
        let path = item.get("path").and_then(|path| path.as_str());
        let steps = path.as_deref().and_then(|path| Path::steps_of(path).ok());
        let first = steps.as_ref().and_then(|steps| steps.first());
        if let (Some(path), Some(Step::Key(first))) = (&path, first)
            && OUTSIDE.contains(&&**first)
        {
            let message =
                format!("`{path}` begins at the result itself, and that has no `{first}`");
            found.add(&PATH_OUTSIDE, &format!("{at}/redact/{index}/path"), message);
        }
    }
}
