//! The schema and the engine know the same keys and words, and every policy here is valid by both.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use toolgate_document::{Document, Format};
use toolgate_document::{POLICY_FILES, find};
use toolgate_engine::config::Gate;
use toolgate_engine::config::keys::{Shape, schema, visit};
use toolgate_engine::policy::{Budget, Pattern};

mod documents;

use documents::{documents, maximal};

/// Checks a value against the part of JSON Schema that the schema uses.
struct Validator {
    schema: Value,
}

impl Validator {
    fn problems(&self, value: &Value, schema: &Value, at: &str, problems: &mut Vec<String>) {
        for (keyword, expected) in schema.as_object().into_iter().flatten() {
            let holds = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" => true,
                "$ref" => {
                    let target = expected.as_str().unwrap().trim_start_matches('#');
                    let target = self.schema.pointer(target).expect(target);
                    self.problems(value, target, at, problems);
                    true
                }
                "type" => match expected.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "number" => value.is_number(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "null" => value.is_null(),
                    other => panic!("type `{other}`"),
                },
                "properties" => {
                    for (key, inner) in expected.as_object().unwrap() {
                        if let Some(value) = value.get(key) {
                            self.problems(value, inner, &format!("{at}/{key}"), problems);
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    let known = schema.get("properties");
                    let known = |key: &str| known.is_some_and(|known| known.get(key).is_some());
                    let others = value.as_object().into_iter().flatten();
                    for (key, value) in others.filter(|(key, _)| !known(key)) {
                        let at = format!("{at}/{key}");
                        if expected == false {
                            problems.push(format!("{at}: unknown"));
                        } else {
                            self.problems(value, expected, &at, problems);
                        }
                    }
                    true
                }
                "required" => {
                    let needed = expected.as_array().unwrap().iter();
                    !value.is_object()
                        || needed
                            .into_iter()
                            .all(|key| value.get(key.as_str().unwrap()).is_some())
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.problems(item, expected, &format!("{at}/{index}"), problems);
                    }
                    true
                }
                "minItems" => value
                    .as_array()
                    .is_none_or(|items| items.len() as u64 >= expected.as_u64().unwrap()),
                "enum" => expected.as_array().unwrap().contains(value),
                "pattern" => {
                    let pattern = Pattern::new(expected.as_str().unwrap()).unwrap();
                    let found =
                        |text: &str| pattern.is_match(text, &Budget::new(1 << 20)) == Ok(true);
                    value.as_str().is_none_or(found)
                }
                "minimum" => value
                    .as_f64()
                    .is_none_or(|number| number >= expected.as_f64().unwrap()),
                "maximum" => value
                    .as_f64()
                    .is_none_or(|number| number <= expected.as_f64().unwrap()),
                "anyOf" => expected
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|inner| self.is_valid(value, inner)),
                "allOf" => expected
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|inner| self.is_valid(value, inner)),
                "if" => !self.is_valid(value, expected) || self.is_valid(value, &schema["then"]),
                "then" => true,
                other => panic!("keyword `{other}`"),
            };
            if !holds {
                problems.push(format!("{at}: {keyword}"));
            }
        }
    }

    fn is_valid(&self, value: &Value, schema: &Value) -> bool {
        let mut problems = Vec::new();
        self.problems(value, schema, "", &mut problems);
        problems.is_empty()
    }

    fn check(&self, document: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        self.problems(document, &self.schema, "", &mut problems);
        problems
    }
}

#[test]
fn every_policy_is_valid_by_both() {
    let validator = Validator { schema: schema() };
    for (name, document) in documents() {
        let gate = Gate::from_json(document.to_string().as_bytes(), false);
        gate.unwrap_or_else(|errors| panic!("{name}: {errors}"));
        assert_eq!(validator.check(&document), [] as [String; 0], "{name}");
    }
}

#[test]
fn what_is_wrong_is_wrong_by_the_schema() {
    let validator = Validator { schema: schema() };
    for wrong in [
        json!({}),
        json!({"version": "2"}),
        json!({"version": "1", "defualt": "deny"}),
        json!({"version": "1", "default": "Deny"}),
        json!({"version": "1", "tools": {"x": {"requires": []}}}),
        json!({"version": "1", "tools": {"x": {"require": [{"conditions": []}]}}}),
        json!({"version": "1", "tools": {"x": {"require": [{"conditions": [{"path": "arg.x", "op": "eq", "value": 1}]}]}}}),
        json!({"version": "1", "tools": {"x": {"require": [{"conditions": [{"path": "args.x", "op": "in", "value": 1}]}]}}}),
        json!({"version": "1", "tools": {"x": {"require": [{"conditions": [{"path": "args.x", "op": "eq"}]}]}}}),
        json!({"version": "1", "tools": {"x": {"limits": [{"counter": "c", "max": -1, "window": "day"}]}}}),
        json!({"version": "1", "tools": {"x": {"limits": [{"counter": "c", "max": 1, "window": "daily"}]}}}),
        json!({"version": "1", "tools": {"x": {"rules": [{"rate_limit": "0/hour"}]}}}),
        json!({"version": "1", "identity": {"sources": []}}),
        json!({"version": "1", "http": {"max_body_bytes": 0}}),
    ] {
        assert_ne!(validator.check(&wrong), [] as [String; 0], "{wrong}");
        assert!(
            Gate::from_json(wrong.to_string().as_bytes(), false).is_err(),
            "{wrong}"
        );
    }
}

/// The words between backquotes after `expected`, up to `, found`.
fn expected_words(message: &str) -> BTreeSet<String> {
    let (_, words) = message.split_once("expected ").unwrap_or(("", message));
    let words = words.split(", found").next().unwrap_or_default();
    words
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn errors(document: &Value) -> Vec<(String, String)> {
    match Gate::from_json(document.to_string().as_bytes(), false) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .0
            .into_iter()
            .map(|error| (error.pointer, error.message))
            .collect(),
    }
}

#[test]
fn the_engine_knows_the_same_keys() {
    const PROBE: &str = "qqqqqqqq";
    // Where a source stands, the engine lists only the kinds it has looked for so far.
    let mut known: BTreeMap<&str, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for document in maximal() {
        let mut objects = Vec::new();
        visit(&document, &mut |at, shape, _| {
            if let Shape::Object(object) = shape {
                objects.push((at.to_owned(), *object));
            }
        });
        for (at, object) in objects {
            let mut probed = document.clone();
            let target = probed.pointer_mut(&at).unwrap();
            target
                .as_object_mut()
                .unwrap()
                .insert(PROBE.to_owned(), json!(1));
            let found = errors(&probed);
            let pointer = format!("{at}/{PROBE}");
            let error = found.iter().find(|(at, _)| *at == pointer);
            let (_, message) = error.unwrap_or_else(|| panic!("{pointer}: {found:?}"));
            let (by_engine, by_schema) = known.entry(object.name).or_default();
            by_engine.extend(expected_words(message));
            by_schema.extend(object.keys.iter().map(|key| key.name.to_owned()));
        }
    }
    for (name, (by_engine, by_schema)) in &known {
        assert_eq!(by_engine, by_schema, "{name}");
    }
    let defined: BTreeSet<String> = schema()["$defs"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let seen: BTreeSet<String> = known.keys().map(|name| (*name).to_owned()).collect();
    let missing: Vec<&String> = defined.difference(&seen).collect();
    assert!(missing.is_empty(), "no document here has {missing:?}");
}

#[test]
fn the_engine_knows_the_same_words() {
    let mut choices = 0;
    for document in maximal() {
        let mut places = Vec::new();
        visit(&document, &mut |at, shape, _| {
            if let Shape::Choice(words) = shape {
                places.push((at.to_owned(), *words));
            }
        });
        for (at, words) in places {
            let mut probed = document.clone();
            *probed.pointer_mut(&at).unwrap() = json!("qqqqqqqq");
            let found = errors(&probed);
            let error = found.iter().find(|(pointer, _)| *pointer == at);
            let (_, message) = error.unwrap_or_else(|| panic!("{at}: {found:?}"));
            // The version is described by its spelling in JSON.
            let known: BTreeSet<String> = expected_words(message)
                .iter()
                .map(|word| word.trim_matches('"').to_owned())
                .collect();
            let words: BTreeSet<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(known, words, "{at}: {message}");
            choices += 1;
        }
    }
    assert!(choices > 20, "{choices}");
}

#[test]
fn every_description_is_a_sentence() {
    fn walk(value: &Value) {
        if let Some(text) = value.get("description").and_then(Value::as_str) {
            assert!(text.ends_with('.') && !text.contains('\n'), "{text}");
        }
        for inner in value
            .as_object()
            .into_iter()
            .flat_map(|object| object.values())
        {
            walk(inner);
        }
    }
    walk(&schema()["$defs"]);
}

#[test]
fn examples_are_found() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let (files, _) = find(&[examples], &POLICY_FILES);
    assert!(!files.is_empty());
    assert!(Document::parse("x", "version: '1'", Format::Yaml).is_ok());
}
