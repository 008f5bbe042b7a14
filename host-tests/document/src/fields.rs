//! Strict, typed reading of a document: every key must be asked for, every error is kept.

use std::collections::BTreeSet;

use toolgate_engine::json::{Kind, Value};

use toolgate_engine::config::nearest;

use super::problem::Problem;

/// Collects what is wrong.
#[derive(Debug, Default)]
pub struct Reader {
    /// Everything that is wrong, in the order it was found.
    pub problems: Vec<Problem>,
}

/// A value and its pointer.
#[derive(Clone, Debug)]
pub struct Field<'d> {
    /// The value.
    pub value: Value<'d>,
    /// Its JSON Pointer.
    pub at: String,
}

/// An object whose unknown keys are errors.
#[derive(Debug)]
pub struct Object<'d> {
    /// The object itself.
    pub field: Field<'d>,
    known: BTreeSet<&'static str>,
}

impl<'d> Field<'d> {
    /// The top of a document.
    pub fn root(value: Value<'d>) -> Field<'d> {
        Field {
            value,
            at: String::new(),
        }
    }

    fn member(&self, key: &str, value: Value<'d>) -> Field<'d> {
        let key = key.replace('~', "~0").replace('/', "~1");
        Field {
            value,
            at: format!("{}/{key}", self.at),
        }
    }
}

impl<'d> Object<'d> {
    /// The value of a key this object may have.
    pub fn take(&mut self, key: &'static str) -> Option<Field<'d>> {
        self.known.insert(key);
        let value = self.field.value.get(key)?;
        Some(self.field.member(key, value))
    }

    /// The value of a key this object must have.
    pub fn need(&mut self, reader: &mut Reader, key: &'static str) -> Option<Field<'d>> {
        let found = self.take(key);
        if found.is_none() {
            reader.error(&self.field, format!("`{key}` is missing"));
        }
        found
    }

    /// Reports every key nobody asked for.
    pub fn finish(self, reader: &mut Reader) {
        for (key, value) in self.field.value.members() {
            let key = key.decode();
            if self.known.contains(&*key) {
                continue;
            }
            let known: Vec<&str> = self.known.iter().copied().collect();
            let message = format!("unknown key `{key}`; expected {}", alternatives(&known));
            let mut problem = Problem::new(message).under(self.field.member(&key, value).at);
            problem.suggestion = nearest(&key, known).map(str::to_owned);
            problem.at_key = true;
            reader.problems.push(problem);
        }
    }
}

impl Reader {
    /// Something is wrong with a value.
    pub fn error(&mut self, field: &Field<'_>, message: impl Into<String>) {
        self.problems.push(Problem::new(message).under(&field.at));
    }

    /// A value is not what it should be.
    pub fn expected(&mut self, field: &Field<'_>, expected: &str) {
        let found = excerpt(field.value);
        self.error(field, format!("expected {expected}, found {found}"));
    }

    /// An object.
    pub fn object<'d>(&mut self, field: Field<'d>) -> Option<Object<'d>> {
        if field.value.kind() != Kind::Object {
            self.expected(&field, "an object");
            return None;
        }
        Some(Object {
            field,
            known: BTreeSet::new(),
        })
    }

    /// The members of an object with keys of the user's choice.
    pub fn map<'d>(&mut self, field: &Field<'d>) -> Vec<(String, Field<'d>)> {
        if field.value.kind() != Kind::Object {
            self.expected(field, "an object");
        }
        let member = |(key, value): (toolgate_engine::json::Text<'d>, Value<'d>)| {
            let key = key.decode().into_owned();
            let member = field.member(&key, value);
            (key, member)
        };
        field.value.members().map(member).collect()
    }

    /// The elements of a list.
    pub fn list<'d>(&mut self, field: &Field<'d>) -> Vec<Field<'d>> {
        if field.value.kind() != Kind::Array {
            self.expected(field, "a list");
        }
        let element = |(index, value)| Field {
            value,
            at: format!("{}/{index}", field.at),
        };
        field.value.items().enumerate().map(element).collect()
    }

    /// Text.
    pub fn text(&mut self, field: &Field<'_>) -> Option<String> {
        let text = field.value.as_str();
        if text.is_none() {
            self.expected(field, "text");
        }
        text.map(std::borrow::Cow::into_owned)
    }

    /// True or false.
    pub fn boolean(&mut self, field: &Field<'_>) -> Option<bool> {
        let value = field.value.as_bool();
        if value.is_none() {
            self.expected(field, "true or false");
        }
        value
    }

    /// A whole number from `low` to `high`.
    pub fn integer(&mut self, field: &Field<'_>, low: u64, high: u64) -> Option<u64> {
        let number = (field.value.kind() == Kind::Number)
            .then(|| field.value.raw().parse().ok())
            .flatten()
            .filter(|number| (low..=high).contains(number));
        if number.is_none() {
            self.expected(field, &format!("a whole number from {low} to {high}"));
        }
        number
    }

    /// One of some words.
    pub fn choice<T: Copy>(
        &mut self,
        field: &Field<'_>,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let text = field.value.as_str();
        let found = choices
            .iter()
            .find(|(word, _)| text.as_deref() == Some(*word));
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.expected(field, &alternatives(&words));
            let meant = text.and_then(|text| nearest(&text, words));
            if let (Some(problem), Some(word)) = (self.problems.last_mut(), meant) {
                problem.suggestion = Some(word.to_owned());
            }
        }
        found.map(|(_, choice)| *choice)
    }
}

/// `a`, `b` or `c`.
pub fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [single] => single.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

/// A value as messages show it.
fn excerpt(value: Value<'_>) -> String {
    const MOST: usize = 40;
    match value.kind() {
        Kind::Object => "an object".to_owned(),
        Kind::Array => "a list".to_owned(),
        _ => {
            let raw: String = value.raw().chars().take(MOST).collect();
            let rest = if raw.len() < value.raw().len() {
                "…"
            } else {
                ""
            };
            format!("`{raw}{rest}`")
        }
    }
}
