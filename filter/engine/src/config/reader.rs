//! Typed reading that collects errors instead of stopping at the first.

use super::error::{ConfigError, ConfigErrors, nearest};
use crate::json::{Decimal, Document, Kind, Limits, Value};
use crate::order;
use crate::protobuf::holds_rounded;
use crate::text::escape;

/// Collects errors.
#[derive(Debug)]
pub(super) struct Reader {
    errors: Vec<ConfigError>,
    /// Where a path reads a counter, and which.
    counter_reads: Vec<(String, String)>,
    /// Whether numbers have been through doubles.
    doubles: bool,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Field<'d> {
    pub(super) value: Value<'d>,
    pub(super) at: String,
}

/// An object of which every key must be asked for.
#[derive(Debug)]
pub(super) struct Object<'d> {
    field: Field<'d>,
    known: Vec<&'static str>,
}

impl<'d> Field<'d> {
    pub(super) fn member(&self, key: &str, value: Value<'d>) -> Field<'d> {
        // Every value of a configuration passes here, so no formatting.
        let key = escape(key);
        let mut at =
            String::with_capacity(self.at.len().saturating_add(key.len()).saturating_add(1));
        at.push_str(&self.at);
        at.push('/');
        at.push_str(&key);
        Field { value, at }
    }

    pub(super) fn element(&self, index: usize, value: Value<'d>) -> Field<'d> {
        Field {
            value,
            at: format!("{}/{index}", self.at),
        }
    }
}

impl<'d> Object<'d> {
    /// The value of a key this object may have.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Field<'d>> {
        self.known.push(key);
        self.field
            .value
            .get(key)
            .map(|value| self.field.member(key, value))
    }

    /// Whether it has the key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.field.value.get(key).is_some()
    }

    /// Reports every key nobody asked for.
    pub(super) fn finish(self, reader: &mut Reader) {
        for (key, value) in self.field.value.members() {
            let key = key.decode();
            if !self.known.contains(&&*key) {
                let known = order::texts(self.known.iter().copied());
                let suggestion = nearest(&key, known.iter().copied()).map(str::to_owned);
                let message = format!("unknown key `{key}`; expected {}", alternatives(&known));
                reader.errors.push(ConfigError {
                    pointer: self.field.member(&key, value).at,
                    message,
                    suggestion,
                });
            }
        }
    }
}

impl Reader {
    pub(super) fn new(doubles: bool) -> Self {
        Reader {
            errors: Vec::new(),
            counter_reads: Vec::new(),
            doubles,
        }
    }

    /// The errors so far, in the order they were found; `Ok` if there were none.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, ConfigErrors> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(ConfigErrors(self.errors)),
        }
    }

    pub(super) fn error(&mut self, at: &str, message: impl Into<String>) {
        self.errors.push(ConfigError {
            pointer: at.to_owned(),
            message: message.into(),
            suggestion: None,
        });
    }

    pub(super) fn error_with(&mut self, at: &str, message: String, suggestion: Option<String>) {
        self.errors.push(ConfigError {
            pointer: at.to_owned(),
            message,
            suggestion,
        });
    }

    /// Notes that the path at `at` reads this counter, to be checked when all counters are known.
    pub(super) fn reads_counter(&mut self, at: &str, name: &str) {
        self.counter_reads.push((at.to_owned(), name.to_owned()));
    }

    pub(super) fn take_counter_reads(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.counter_reads)
    }

    /// A text that is not empty.
    pub(super) fn name(&mut self, field: &Field<'_>) -> Option<String> {
        let name = self.text(field)?;
        if name.trim().is_empty() {
            self.expected(field, "a name");
            return None;
        }
        Some(name)
    }

    /// Reports a value that is not what it should be.
    pub(super) fn expected(&mut self, field: &Field<'_>, expected: &str) {
        self.expected_with(field, expected, None);
    }

    /// As [`Reader::expected`], with a word that may have been meant.
    pub(super) fn expected_with(
        &mut self,
        field: &Field<'_>,
        expected: &str,
        suggestion: Option<String>,
    ) {
        let message = match field.value.is_null() {
            true => absent(expected),
            false => format!("expected {expected}, found {}", excerpt(field.value)),
        };
        self.error_with(&field.at, message, suggestion);
    }

    /// Reports a secret that is not what it should be, without quoting it: it may be the secret itself.
    pub(super) fn expected_secret(&mut self, field: &Field<'_>, expected: &str) {
        let message = match field.value.is_null() {
            true => absent(expected),
            false => format!("expected {expected}"),
        };
        self.error(&field.at, message);
    }

    pub(super) fn object<'d>(&mut self, field: Field<'d>) -> Option<Object<'d>> {
        if field.value.kind() != Kind::Object {
            self.expected(&field, "an object");
            return None;
        }
        Some(Object {
            field,
            known: Vec::new(),
        })
    }

    /// An object whose keys are names of the user's choice.
    pub(super) fn map<'d>(&mut self, field: &Field<'d>) -> Vec<(String, Field<'d>)> {
        if field.value.kind() != Kind::Object {
            self.expected(field, "an object");
        }
        let entry = |(key, value): (crate::json::Text<'d>, Value<'d>)| {
            let key = key.decode().into_owned();
            let member = field.member(&key, value);
            (key, member)
        };
        field.value.members().map(entry).collect()
    }

    pub(super) fn list<'d>(&mut self, field: &Field<'d>) -> Vec<Field<'d>> {
        if field.value.kind() != Kind::Array {
            self.expected(field, "a list");
        }
        field
            .value
            .items()
            .enumerate()
            .map(|(index, item)| field.element(index, item))
            .collect()
    }

    pub(super) fn text(&mut self, field: &Field<'_>) -> Option<String> {
        match field.value.as_str() {
            Some(text) => Some(text.into_owned()),
            None => {
                self.expected(field, "text");
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, field: &Field<'_>) -> Option<bool> {
        let value = field.value.as_bool();
        if value.is_none() {
            self.expected(field, "true or false");
        }
        value
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        field: &Field<'_>,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let expected = alternatives(&names);
        let Some(text) = field.value.as_str() else {
            self.expected(field, &expected);
            return None;
        };
        let found = choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, choice)| *choice);
        if found.is_none() {
            let suggestion = nearest(&text, names.iter().copied()).map(str::to_owned);
            self.expected_with(field, &expected, suggestion);
        }
        found
    }

    /// A whole number from `low` to `high`.
    pub(super) fn integer(&mut self, field: &Field<'_>, low: usize, high: usize) -> Option<usize> {
        let whole = field
            .value
            .as_decimal()
            .and_then(|decimal| decimal.to_nanos());
        let value = whole
            .filter(|nanos| nanos.checked_rem(1_000_000_000) == Some(0))
            .and_then(|nanos| nanos.checked_div(1_000_000_000))
            .and_then(|value| usize::try_from(value).ok())
            .filter(|value| (low..=high).contains(value));
        if value.is_none() {
            self.expected(field, &format!("a whole number from {low} to {high}"));
        }
        value
    }

    /// A decimal of any size as a document: a number, or its text. Numbers that have lost digits on their way
    /// through a double are refused.
    pub(super) fn decimal(&mut self, field: &Field<'_>) -> Option<Document<'static>> {
        let text = match field.value.as_str() {
            Some(text) => text.into_owned(),
            None => field.value.raw().to_owned(),
        };
        let is_decimal = field.value.as_text().is_some() || field.value.kind() == Kind::Number;
        if !is_decimal || Decimal::parse(&text).is_none() {
            self.expected(field, "a number or its decimal text");
            return None;
        }
        self.check_doubles(field);
        Document::parse_owned(text, &Limits::WIRE).ok()
    }

    /// An amount that is not negative, in 10^-9: a number or its text.
    pub(super) fn amount(&mut self, field: &Field<'_>) -> Option<i128> {
        let document = self.decimal(field)?;
        let nanos = document
            .root()
            .as_decimal()
            .and_then(|decimal| decimal.to_nanos())
            .filter(|nanos| *nanos >= 0);
        if nanos.is_none() {
            self.expected(
                field,
                "a number that is not negative, with at most 9 decimals and below 10^29",
            );
        }
        nanos
    }

    /// A literal of the policy, kept as it is.
    pub(super) fn literal(&mut self, field: &Field<'_>) -> Option<Document<'static>> {
        self.check_doubles(field);
        Document::parse_owned(field.value.raw().to_owned(), &Limits::CONFIG).ok()
    }

    /// Reports every number in a value that may have lost digits on its way through a double: integers beyond 2^53.
    pub(super) fn check_doubles(&mut self, field: &Field<'_>) {
        if !self.doubles {
            return;
        }
        for (index, item) in field.value.items().enumerate() {
            self.check_doubles(&field.element(index, item));
        }
        for (key, member) in field.value.members() {
            self.check_doubles(&field.member(&key.decode(), member));
        }
        if field.value.kind() == Kind::Number && holds_rounded(field.value) {
            let advice = "numbers in a Struct configuration are doubles and this one may have been rounded; write it as text";
            self.error(&field.at, format!("{advice}: `\"{}\"`", field.value.raw()));
        }
    }

    /// Reports a boolean that a value is compared with where a reader of YAML 1.1 stood in between: it may have been the
    /// text `no`, `NO`, `on` or `yes`, such as the code of a country.
    pub(super) fn check_booleans(&mut self, field: &Field<'_>) {
        if !self.doubles {
            return;
        }
        for (index, item) in field.value.items().enumerate() {
            self.check_booleans(&field.element(index, item));
        }
        for (key, member) in field.value.members() {
            self.check_booleans(&field.member(&key.decode(), member));
        }
        if let Some(value) = field.value.as_bool() {
            let texts = if value {
                "yes, on or y"
            } else {
                "no, off or n"
            };
            let message = format!(
                "`{value}` in a Struct configuration may have been the text {texts} before the host's YAML reader; write the policy as text in a `StringValue`"
            );
            self.error(&field.at, message);
        }
    }

    /// Reports a list that holds booleans beside texts: some reader of YAML took `NO` among the codes of countries for false.
    pub(super) fn check_mixed(&mut self, field: &Field<'_>) {
        let has_texts = field.value.items().any(|item| item.as_text().is_some());
        for (index, item) in field.value.items().enumerate().filter(|_| has_texts) {
            if item.as_bool().is_some() {
                let message = format!(
                    "a boolean among texts: YAML may have made `{}` of a word such as `NO` or `on`; put the word in quotes, or the booleans into a condition of their own",
                    item.raw()
                );
                self.error(&field.element(index, item).at, message);
            }
        }
    }
}

/// Says that a key has no content. YAML reads a key whose lines are commented out as null: taken for "nothing to check" it
/// would open what the lines had closed, so it is an error wherever something is expected.
fn absent(expected: &str) -> String {
    let written = match expected {
        "a list" => "; `[]` if none is meant",
        "an object" => "; `{}` if none is meant",
        _ => "",
    };
    format!("nothing is written here, where {expected} is expected{written}, or remove the key")
}

/// `a`, `b` or `c`.
pub(super) fn alternatives(words: &[&str]) -> String {
    match words {
        [] => "no keys".to_owned(),
        [only] => format!("`{only}`"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|word| format!("`{word}`")).collect();
            format!("{} or `{last}`", first.join(", "))
        }
    }
}

/// A value as it is quoted in a message: short, and no control characters.
pub(super) fn excerpt(value: Value<'_>) -> String {
    const MOST: usize = 60;
    let raw: String = value
        .raw()
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect();
    match raw.char_indices().nth(MOST) {
        Some((end, _)) => format!("`{}…`", raw.get(..end).unwrap_or_default()),
        None => format!("`{raw}`"),
    }
}
