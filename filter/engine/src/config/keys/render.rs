//! From the table to JSON Schema.

use serde_json::{Map, Value, json};

use super::{Object, ROOT, Shape};

/// The schema of the whole configuration.
pub fn schema() -> Value {
    let mut definitions = Map::new();
    let mut root = object(&ROOT, &mut definitions);
    if let Some(root) = root.as_object_mut() {
        root.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        root.insert("title".to_owned(), json!("Toolgate configuration"));
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    root
}

fn object(object: &'static Object, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for key in object.keys {
        let mut value = shape(&key.shape, definitions);
        if let Some(value) = value.as_object_mut() {
            value.insert("description".to_owned(), json!(key.about));
        }
        properties.insert(key.name.to_owned(), value);
    }
    let mut schema = json!({
        "type": "object",
        "description": object.about,
        "properties": properties,
        "additionalProperties": false,
    });
    let mut add = |key: &str, value: Value| {
        if let Some(schema) = schema.as_object_mut() {
            schema.insert(key.to_owned(), value);
        }
    };
    if !object.needs.is_empty() {
        add("required", json!(object.needs));
    }
    if !object.needs_one.is_empty() {
        let one = object.needs_one.iter();
        let one: Vec<Value> = one.map(|key| json!({"required": [key]})).collect();
        add("anyOf", json!(one));
    }
    let mut rules = Vec::new();
    for (key, words, other, expected) in object.when {
        let expected = shape(expected, definitions);
        rules.push(json!({
            "if": {"properties": {*key: {"enum": words}}, "required": [key]},
            "then": {"properties": {*other: expected}},
        }));
    }
    if !rules.is_empty() {
        add("allOf", json!(rules));
    }
    schema
}

fn shape(of: &'static Shape, definitions: &mut Map<String, Value>) -> Value {
    /// RFC 8259's numbers, as text.
    const DECIMAL: &str = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$";
    match of {
        Shape::Any => json!({}),
        Shape::Text => json!({"type": "string"}),
        Shape::Form(pattern, _) => json!({"type": "string", "pattern": pattern}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Integer(low, high) => json!({"type": "integer", "minimum": low, "maximum": high}),
        Shape::Number => {
            json!({"anyOf": [{"type": "number"}, {"type": "string", "pattern": DECIMAL}]})
        }
        Shape::Amount => {
            let positive = DECIMAL.replacen("-?", "", 1);
            json!({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": positive}]})
        }
        Shape::Choice(words) => json!({"enum": words}),
        Shape::List(inner) => json!({"type": "array", "items": shape(inner, definitions)}),
        Shape::Some(inner) => {
            json!({"type": "array", "items": shape(inner, definitions), "minItems": 1})
        }
        Shape::Map(inner) => {
            json!({"type": "object", "additionalProperties": shape(inner, definitions)})
        }
        Shape::Object(inner) => {
            if !definitions.contains_key(inner.name) {
                // Its own name first: an object may hold others of its kind.
                definitions.insert(inner.name.to_owned(), Value::Null);
                let defined = object(inner, definitions);
                definitions.insert(inner.name.to_owned(), defined);
            }
            json!({"$ref": format!("#/$defs/{}", inner.name)})
        }
        Shape::Either(shapes) => {
            let shapes = shapes.iter().map(|inner| shape(inner, definitions));
            json!({"anyOf": shapes.collect::<Vec<Value>>()})
        }
    }
}
