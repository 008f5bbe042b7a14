//! A key whose content is missing is never taken for nothing to check: wherever something is expected, null is refused
//! at its place, with what to do.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use serde_json::Value;
use toolgate_engine::config::keys::{Shape, visit};
use toolgate_engine::config::{ConfigError, Gate};

mod documents;

/// Pointers at which null is a value like any other: literals that are compared, and what stands in a pinned schema.
fn places(document: &Value) -> Vec<String> {
    let mut places = Vec::new();
    visit(document, &mut |at, shape, _| {
        if !matches!(shape, Shape::Any) {
            places.push(at.to_owned());
        }
    });
    places
}

#[test]
fn every_key_without_content_is_an_error_at_its_place() {
    let (mut tried, mut taken) = (0, Vec::new());
    for (name, document) in documents::documents() {
        for at in places(&document).iter().filter(|at| !at.is_empty()) {
            let mut hollow = document.clone();
            *hollow.pointer_mut(at).unwrap() = Value::Null;
            let read = Gate::from_json(hollow.to_string().as_bytes(), false);
            let errors = read.err().map(|errors| errors.0).unwrap_or_default();
            let told = |error: &ConfigError| {
                error.pointer == *at && error.message.contains("nothing is written")
            };
            if !errors.iter().any(told) {
                taken.push(format!("{name}: {at}: {errors:?}"));
            }
            tried += 1;
        }
    }
    assert!(taken.is_empty(), "{}", taken.join("\n"));
    assert!(tried > 1_000, "{tried}");
}

#[test]
fn null_is_a_value_where_values_are_compared() {
    for conditions in [
        r#"[{"path": "args.a", "op": "eq", "value": null}]"#,
        r#"[{"path": "args.a", "op": "neq", "value": null}]"#,
        r#"[{"path": "args.a", "op": "in", "value": [1, null]}]"#,
        r#"[{"path": "args.a", "op": "not_in", "value": [null]}]"#,
        r#"[{"path": "args.a", "op": "contains", "value": null}]"#,
    ] {
        let document = format!(
            r#"{{"version": "1", "default": "deny", "tools": {{"t": {{"require": [{{"conditions": {conditions}}}]}}}}}}"#
        );
        let read = Gate::from_json(document.as_bytes(), false);
        assert!(read.is_ok(), "{conditions}: {:?}", read.err());
    }
}
