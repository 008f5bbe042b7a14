//! The configuration as a JSON Schema (2020-12), for editors.
//!
//! [`ROOT`] is one table of every key there is, with the shape of its value and what it is for; [`schema`] writes it as
//! JSON Schema, [`visit`] walks a document along it. That the table knows the keys and words the engine knows, no more and
//! no less, is tested against the engine's own messages.

mod render;
mod table;

use serde_json::Value;

pub use render::schema;
pub use table::ROOT;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Anything.
    Any,
    /// Text.
    Text,
    /// Text of a form: a pattern, and the form in words.
    Form(&'static str, &'static str),
    /// True or false.
    Boolean,
    /// A whole number within bounds.
    Integer(u64, u64),
    /// A number, or its decimal text.
    Number,
    /// The same, not negative.
    Amount,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of such values.
    List(&'static Shape),
    /// A list of such values that is not empty.
    Some(&'static Shape),
    /// Values by names of the author's choice.
    Map(&'static Shape),
    /// Values with keys from the table.
    Object(&'static Object),
    /// Any of these.
    Either(&'static [Shape]),
}

/// An object whose keys are known.
#[derive(Debug)]
pub struct Object {
    /// Its name among the definitions.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    /// Keys it must have.
    pub needs: &'static [&'static str],
    /// Keys of which it must have one.
    pub needs_one: &'static [&'static str],
    /// What the value of one key says about another: key, words, other key, its shape.
    pub when: &'static [(&'static str, &'static [&'static str], &'static str, Shape)],
}

/// A key of an object.
#[derive(Debug)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What its value may be.
    pub shape: Shape,
    /// What it is for.
    pub about: &'static str,
}

impl Shape {
    /// Whether a value is of the right type, its content aside.
    pub fn fits(&self, value: &Value) -> bool {
        match self {
            Shape::Any => true,
            Shape::Text | Shape::Form(..) | Shape::Choice(_) => value.is_string(),
            Shape::Boolean => value.is_boolean(),
            Shape::Integer(..) => value.is_number(),
            Shape::Number | Shape::Amount => value.is_number() || value.is_string(),
            Shape::List(_) | Shape::Some(_) => value.is_array(),
            Shape::Map(_) | Shape::Object(_) => value.is_object(),
            Shape::Either(shapes) => shapes.iter().any(|shape| shape.fits(value)),
        }
    }
}

impl Object {
    /// The shape of a key's value in an object of this kind.
    fn shape_of(&self, name: &str, object: &Value) -> Option<&Shape> {
        let special = self.when.iter().find(|(key, words, other, _)| {
            let word = object.get(*key).and_then(Value::as_str);
            *other == name && word.is_some_and(|word| words.contains(&word))
        });
        let plain = self.keys.iter().find(|key| key.name == name)?;
        Some(special.map_or(&plain.shape, |(_, _, _, shape)| shape))
    }
}

/// Shows every value of a document together with its JSON Pointer and the shape it has there; of alternatives the one
/// that fits, or else the first.
pub fn visit(document: &Value, see: &mut dyn FnMut(&str, &Shape, &Value)) {
    walk(document, &Shape::Object(&ROOT), "", see);
}

fn walk(value: &Value, shape: &Shape, at: &str, see: &mut dyn FnMut(&str, &Shape, &Value)) {
    if let Shape::Either(shapes) = shape {
        // A word before any text, so that `day` is a window by name.
        let exact = |shape: &&Shape| match shape {
            Shape::Choice(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            other => other.fits(value),
        };
        let shapes = shapes.iter();
        if let Some(shape) = shapes.clone().find(exact).or(shapes.clone().next()) {
            walk(value, shape, at, see);
        }
        return;
    }
    see(at, shape, value);
    let under = |key: &str| format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
    match shape {
        Shape::List(inner) | Shape::Some(inner) => {
            for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                walk(item, inner, &format!("{at}/{index}"), see);
            }
        }
        Shape::Map(inner) => {
            for (key, item) in value.as_object().into_iter().flatten() {
                walk(item, inner, &under(key), see);
            }
        }
        Shape::Object(object) => {
            for (name, item) in value.as_object().into_iter().flatten() {
                if let Some(shape) = object.shape_of(name, value) {
                    walk(item, shape, &under(name), see);
                }
            }
        }
        _ => {}
    }
}
