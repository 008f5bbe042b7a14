//! Input schemas: a line with a schema, then what is held to it. The compiled checks must agree with a reading of the
//! schema that is as plain as can be, wherever that can tell.

use serde_json::Value;
use toolgate_engine::json::{Document, Limits};
use toolgate_engine::pins::schema::Schema;
use toolgate_engine::policy::{Budget, Pattern};

/// Steps of the plain reading; beyond them it cannot tell.
const STEPS: u32 = 20_000;

/// A line with a schema, then a value.
pub fn input_schemas(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (schema, value) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(compiled) = Schema::compile(schema.to_owned()) else {
        return;
    };
    let Ok(document) = Document::parse(value.as_bytes(), &Limits::WIRE) else {
        return;
    };
    let judge = || {
        let value = document.root();
        let budget = Budget::for_input(value.raw().len(), compiled.patterns());
        compiled.judge(value, &budget)
    };
    let told = judge();
    assert_eq!(told, judge(), "the same twice");
    if let Some(told) = &told {
        assert!(told.contains(" must "), "{told}");
        assert!(!told.contains(|char: char| char.is_control()), "{told:?}");
    }
    let cannot_be_checked = |told: &String| told.contains("it cannot be checked");
    if !compiled.gaps().is_empty() || told.as_ref().is_some_and(cannot_be_checked) {
        return;
    }
    let (Ok(root), Ok(value)) = (
        serde_json::from_str::<Value>(schema),
        serde_json::from_str::<Value>(value),
    ) else {
        return;
    };
    if !is_plain(&root) || !is_plain(&value) {
        return;
    }
    let dialect = root.get("$schema").and_then(Value::as_str);
    let mut plain = Plain {
        root: &root,
        is_draft: dialect.is_some_and(|dialect| dialect.contains("draft-0")),
        left: STEPS,
    };
    let fits = plain.fits(&root, &value, 0);
    if let Some(fits) = fits {
        assert_eq!(fits, told.is_none(), "{told:?}");
    }
}

/// Whether every number is a whole one that no reader changes.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Number(number) => number
            .as_i64()
            .is_some_and(|number| number.unsigned_abs() < 1 << 53),
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(members) => members.values().all(is_plain),
        _ => true,
    }
}

struct Plain<'s> {
    root: &'s Value,
    is_draft: bool,
    left: u32,
}

impl Plain<'_> {
    /// `None` where it cannot tell.
    fn fits(&mut self, schema: &Value, value: &Value, depth: u32) -> Option<bool> {
        self.left = self.left.checked_sub(1)?;
        if depth > 60 {
            return None;
        }
        let Value::Object(keywords) = schema else {
            return Some(schema != &Value::Bool(false));
        };
        let only_reference = self.is_draft && keywords.contains_key("$ref");
        let mut fits = true;
        for (keyword, argument) in keywords {
            if only_reference && keyword != "$ref" {
                continue;
            }
            fits &= self.holds(keywords, keyword, argument, value, depth + 1)?;
        }
        Some(fits)
    }

    fn all<'a>(
        &mut self,
        pairs: impl Iterator<Item = (&'a Value, &'a Value)>,
        depth: u32,
    ) -> Option<bool> {
        let mut fits = true;
        for (schema, value) in pairs {
            fits &= self.fits(schema, value, depth)?;
        }
        Some(fits)
    }

    fn count(&mut self, schemas: &Value, value: &Value, depth: u32) -> Option<usize> {
        let mut count = 0;
        for schema in schemas.as_array()? {
            count += usize::from(self.fits(schema, value, depth)?);
        }
        Some(count)
    }

    fn holds(
        &mut self,
        beside: &serde_json::Map<String, Value>,
        keyword: &str,
        argument: &Value,
        value: &Value,
        depth: u32,
    ) -> Option<bool> {
        let size = argument.as_i64();
        Some(match (keyword, value) {
            ("$ref", _) => {
                let pointer = argument.as_str()?.strip_prefix('#')?;
                let target = self.root.pointer(pointer)?.clone();
                self.fits(&target, value, depth)?
            }
            ("type", _) => match argument {
                Value::Array(names) => names.iter().any(|name| is(name, value)),
                name => is(name, value),
            },
            ("enum", _) => argument.as_array()?.contains(value),
            ("const", _) => argument == value,
            ("minimum", Value::Number(number)) => number.as_i64() >= size,
            ("maximum", Value::Number(number)) => number.as_i64() <= size,
            ("exclusiveMinimum", Value::Number(number)) => number.as_i64() > size,
            ("exclusiveMaximum", Value::Number(number)) => number.as_i64() < size,
            ("multipleOf", Value::Number(number)) => number.as_i64()? % size? == 0,
            ("minLength", Value::String(text)) => text.chars().count() as i64 >= size?,
            ("maxLength", Value::String(text)) => text.chars().count() as i64 <= size?,
            ("pattern", Value::String(text)) => {
                finds(&Pattern::new(argument.as_str()?).ok()?, text)
            }
            ("minItems", Value::Array(items)) => items.len() as i64 >= size?,
            ("maxItems", Value::Array(items)) => items.len() as i64 <= size?,
            ("minProperties", Value::Object(members)) => members.len() as i64 >= size?,
            ("maxProperties", Value::Object(members)) => members.len() as i64 <= size?,
            ("uniqueItems", Value::Array(items)) if argument == &Value::Bool(true) => (0..items
                .len())
                .all(|left| (left + 1..items.len()).all(|right| items[left] != items[right])),
            ("required", Value::Object(members)) => {
                let names = argument.as_array()?;
                names
                    .iter()
                    .all(|name| name.as_str().is_some_and(|name| members.contains_key(name)))
            }
            ("properties", Value::Object(members)) => {
                let named = argument.as_object()?;
                let pairs = named
                    .iter()
                    .filter_map(|(name, schema)| Some((schema, members.get(name)?)));
                self.all(pairs, depth)?
            }
            ("patternProperties", Value::Object(members)) => {
                let mut pairs = Vec::new();
                for (pattern, schema) in argument.as_object()? {
                    let pattern = Pattern::new(pattern).ok()?;
                    let matching = members.iter().filter(|(name, _)| finds(&pattern, name));
                    pairs.extend(matching.map(|(_, member)| (schema, member)));
                }
                self.all(pairs.into_iter(), depth)?
            }
            ("additionalProperties", Value::Object(members)) => {
                let named = beside.get("properties").and_then(Value::as_object);
                let patterns = beside.get("patternProperties").and_then(Value::as_object);
                let patterns: Vec<Pattern> = patterns
                    .iter()
                    .flat_map(|patterns| patterns.keys())
                    .filter_map(|pattern| Pattern::new(pattern).ok())
                    .collect();
                let others = members.iter().filter(|(name, _)| {
                    !named.is_some_and(|named| named.contains_key(*name))
                        && !patterns.iter().any(|pattern| finds(pattern, name))
                });
                self.all(others.map(|(_, member)| (argument, member)), depth)?
            }
            ("propertyNames", Value::Object(members)) => {
                let names: Vec<Value> = members.keys().map(|name| name.as_str().into()).collect();
                self.all(names.iter().map(|name| (argument, name)), depth)?
            }
            ("items", Value::Array(items)) => match argument {
                Value::Array(first) => self.all(first.iter().zip(items), depth)?,
                schema => {
                    let first = beside.get("prefixItems").and_then(Value::as_array);
                    let others = items.iter().skip(first.map_or(0, Vec::len));
                    self.all(others.map(|item| (schema, item)), depth)?
                }
            },
            ("additionalItems", Value::Array(items)) => {
                match beside.get("items").and_then(Value::as_array) {
                    Some(first) => {
                        let others = items.iter().skip(first.len());
                        self.all(others.map(|item| (argument, item)), depth)?
                    }
                    None => true,
                }
            }
            // Beside a list of `items` it is the other of two spellings.
            ("prefixItems", Value::Array(_))
                if beside.get("items").is_some_and(Value::is_array) =>
            {
                return None;
            }
            ("prefixItems", Value::Array(items)) => {
                self.all(argument.as_array()?.iter().zip(items), depth)?
            }
            ("allOf", _) => self.count(argument, value, depth)? == argument.as_array()?.len(),
            ("anyOf", _) => self.count(argument, value, depth)? > 0,
            ("oneOf", _) => self.count(argument, value, depth)? == 1,
            ("not", _) => !self.fits(argument, value, depth)?,
            _ => true,
        })
    }
}

fn finds(pattern: &Pattern, text: &str) -> bool {
    pattern.is_match(text, &Budget::for_input(text.len(), 1)) == Ok(true)
}

fn is(name: &Value, value: &Value) -> bool {
    match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("number" | "integer") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    }
}
