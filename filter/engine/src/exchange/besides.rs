//! What a call carries besides its name and its arguments. Servers read all of it, so a person who approves the call approves
//! all of it: it is bound and shown.

use std::borrow::Cow;

use crate::json::{Kind, Value, quoted};

/// Members of `_meta` that are another's in every request and change nothing that runs: the token of progress reports, and the
/// trace context.
const FLEETING: [&str; 3] = ["progressToken", "traceparent", "tracestate"];

/// Answers to what the server asked for in an earlier round (2026-07-28).
pub(super) const ANSWERS: &str = "inputResponses";

/// The members of `params` but for `arguments` and the one that names the target, as an object that `write` writes; `None` if
/// there is nothing in it.
pub(super) fn besides(
    params: Value<'_>,
    named_by: &str,
    write: fn(Value<'_>) -> String,
) -> Option<String> {
    let carried = params.sorted_members().into_iter();
    let members = carried.filter_map(|(key, value)| {
        let text = match &*key {
            "arguments" => None,
            named if named == named_by => None,
            "_meta" if matches!(value.kind(), Kind::Object | Kind::Null) => meta(value, write),
            ANSWERS if is_empty(value) => None,
            _ => Some(write(value)),
        };
        text.map(|text| (key, text))
    });
    object(members)
}

fn meta(value: Value<'_>, write: fn(Value<'_>) -> String) -> Option<String> {
    let members = value.sorted_members().into_iter();
    let lasting = members.filter(|(key, _)| !FLEETING.contains(&&**key));
    object(lasting.map(|(key, value)| (key, write(value))))
}

/// Whether a client that has nothing to answer may have written this.
pub(super) fn is_empty(value: Value<'_>) -> bool {
    value.is_null() || (value.kind() == Kind::Object && value.members().next().is_none())
}

fn object<'d>(members: impl Iterator<Item = (Cow<'d, str>, String)>) -> Option<String> {
    let texts: Vec<String> = members
        .map(|(key, text)| format!("{}:{text}", quoted(&key)))
        .collect();
    (!texts.is_empty()).then(|| format!("{{{}}}", texts.join(",")))
}
