//! Conditions and their three values: true, false, or not applicable.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::path::{Facts, Found, Path, Root, Step, follow};
use super::pattern::Pattern;
use super::url::UrlTest;
use crate::json::{Decimal, Document, Kind, Value};

/// `path op value`, compiled.
#[derive(Debug)]
pub struct Condition {
    /// What is looked at.
    pub path: Path,
    /// What it has to pass.
    pub test: Test,
}

/// The outcome of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// There is nothing at its path.
    Missing,
    /// What is there has no meaning for the operator.
    WrongType,
}

/// How a condition over `[*]` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// Every element must pass, and there must be one (`require`).
    Every,
    /// One element is enough (`deny_if`).
    Some,
}

/// Order relations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `lt`
    Less,
    /// `lte`
    AtMost,
    /// `gt`
    Greater,
    /// `gte`
    AtLeast,
}

impl Relation {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Relation::Less => ordering.is_lt(),
            Relation::AtMost => ordering.is_le(),
            Relation::Greater => ordering.is_gt(),
            Relation::AtLeast => ordering.is_ge(),
        }
    }
}

/// What a value has to pass.
#[derive(Debug)]
pub enum Test {
    /// `eq`, and `neq` when negated.
    Equals(Operand, bool),
    /// `lt`, `lte`, `gt`, `gte`.
    Compare(Relation, Operand),
    /// `in`, and `not_in` when negated.
    In(List, bool),
    /// `exists`; null counts as absent.
    Exists(bool),
    /// `regex`: unanchored search.
    Regex(Pattern),
    /// `contains`: text in text, or an element in an array.
    Contains(Operand),
    /// `prefix`
    Prefix(Operand),
    /// `suffix`
    Suffix(Operand),
    /// `url`
    Url(UrlTest),
}

/// What a value is compared with.
#[derive(Debug)]
pub enum Operand {
    /// A literal of the policy.
    Literal(Document<'static>),
    /// Another path of the same call (`value_from`).
    Path(Path),
}

/// The elements of `in`, texts apart because they are most of them.
#[derive(Debug)]
pub struct List {
    /// Texts, looked up in constant time.
    pub texts: HashSet<Box<str>>,
    /// Everything else.
    pub others: Vec<Document<'static>>,
}

impl Condition {
    /// The paths it reads: its own, and that of `value_from`.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let operand = match &self.test {
            Test::Equals(operand, _)
            | Test::Compare(_, operand)
            | Test::Contains(operand)
            | Test::Prefix(operand)
            | Test::Suffix(operand) => Some(operand),
            Test::In(..) | Test::Exists(_) | Test::Regex(_) | Test::Url(_) => None,
        };
        let from = operand.and_then(|operand| match operand {
            Operand::Path(path) => Some(path),
            Operand::Literal(_) => None,
        });
        std::iter::once(&self.path).chain(from)
    }

    /// Whether the outcome depends on what only a call brings: its arguments, or counters at that time.
    pub fn needs_call(&self) -> bool {
        self.paths()
            .any(|path| matches!(path.root, Root::Args | Root::Counters))
    }

    /// Evaluates it against a call.
    pub fn evaluate(&self, facts: &Facts<'_>, quantifier: Quantifier) -> Truth {
        let Some(start) = self.path.start(facts) else {
            return self.test.on_missing();
        };
        self.walk(facts, start, &self.path.steps, quantifier)
    }

    /// Follows the rest of the path. Recursion is bounded by the number of `[*]` in the policy's path.
    fn walk(
        &self,
        facts: &Facts<'_>,
        start: Value<'_>,
        steps: &[Step],
        quantifier: Quantifier,
    ) -> Truth {
        let mut value = start;
        let mut steps = steps;
        while let Some((step, rest)) = steps.split_first() {
            steps = rest;
            if *step == Step::Each {
                return match value.kind() {
                    Kind::Array => self.each(facts, value, steps, quantifier),
                    Kind::Null => Truth::Missing,
                    _ => Truth::WrongType,
                };
            }
            match follow(value, step) {
                Found::Value(next) => value = next,
                Found::Missing => return self.test.on_missing(),
                Found::WrongType => return Truth::WrongType,
            }
        }
        self.test.judge(value, facts)
    }

    fn each(
        &self,
        facts: &Facts<'_>,
        array: Value<'_>,
        steps: &[Step],
        quantifier: Quantifier,
    ) -> Truth {
        let mut outcome = None;
        for element in array.items() {
            let truth = self.walk(facts, element, steps, quantifier);
            match (quantifier, truth) {
                (Quantifier::Every, Truth::True) => {}
                (Quantifier::Every, _) | (Quantifier::Some, Truth::True) => return truth,
                // Of the elements that do not match, one that could not be judged speaks for all.
                (Quantifier::Some, Truth::WrongType) => outcome = Some(truth),
                (Quantifier::Some, _) => {}
            }
            outcome = outcome.or(Some(truth));
        }
        outcome.unwrap_or(Truth::Missing)
    }
}

impl Test {
    /// The outcome where the path leads to nothing: absence is what `exists` asks about.
    fn on_missing(&self) -> Truth {
        match self {
            Test::Exists(expected) => truth(!expected),
            _ => Truth::Missing,
        }
    }

    fn judge(&self, value: Value<'_>, facts: &Facts<'_>) -> Truth {
        match self {
            Test::Exists(expected) => truth(value.is_null() != *expected),
            Test::In(list, negated) => truth(list.contains(value) != *negated),
            Test::Regex(pattern) => on_text(value, |text| pattern.is_match(text)),
            Test::Url(url) => match value.as_str().and_then(|text| url.matches(&text)) {
                Some(matches) => truth(matches),
                None => Truth::WrongType,
            },
            Test::Equals(operand, negated) => match operand.value(facts) {
                Some(other) => truth(value.equals(&other) != *negated),
                None => Truth::WrongType,
            },
            Test::Compare(relation, operand) => {
                let other = operand.value(facts);
                match (value.as_decimal(), other.as_ref().and_then(decimal_of)) {
                    (Some(left), Some(right)) => truth(relation.holds(left.compare(&right))),
                    _ => Truth::WrongType,
                }
            }
            Test::Contains(operand) => match (operand.value(facts), value.kind()) {
                (Some(needle), Kind::Array) => {
                    truth(value.items().any(|element| element.equals(&needle)))
                }
                (Some(needle), _) => on_texts(value, needle, |text, needle| text.contains(needle)),
                (None, _) => Truth::WrongType,
            },
            Test::Prefix(operand) => on_operand(value, operand, facts, |text, prefix| {
                text.starts_with(prefix)
            }),
            Test::Suffix(operand) => {
                on_operand(value, operand, facts, |text, suffix| text.ends_with(suffix))
            }
        }
    }
}

impl Operand {
    /// The value to compare with; `None` where `value_from` leads to nothing or null.
    fn value<'a>(&'a self, facts: &Facts<'a>) -> Option<Value<'a>> {
        match self {
            Operand::Literal(document) => Some(document.root()),
            Operand::Path(path) => match path.find(facts) {
                Found::Value(value) if !value.is_null() => Some(value),
                _ => None,
            },
        }
    }
}

impl List {
    fn contains(&self, value: Value<'_>) -> bool {
        match value.as_text() {
            Some(text) => self.texts.contains(&*text.decode()),
            None => self.others.iter().any(|other| other.root().equals(&value)),
        }
    }
}

fn truth(holds: bool) -> Truth {
    if holds { Truth::True } else { Truth::False }
}

fn decimal_of<'a>(value: &Value<'a>) -> Option<Decimal<'a>> {
    value.as_decimal()
}

fn on_text(value: Value<'_>, test: impl FnOnce(&str) -> bool) -> Truth {
    value
        .as_str()
        .map_or(Truth::WrongType, |text| truth(test(&text)))
}

fn on_texts(value: Value<'_>, other: Value<'_>, test: impl FnOnce(&str, &str) -> bool) -> Truth {
    match (value.as_str(), other.as_str()) {
        (Some(text), Some(other)) => truth(test(&text, &other)),
        _ => Truth::WrongType,
    }
}

fn on_operand(
    value: Value<'_>,
    operand: &Operand,
    facts: &Facts<'_>,
    test: impl FnOnce(&str, &str) -> bool,
) -> Truth {
    match operand.value(facts) {
        Some(other) => on_texts(value, other, test),
        None => Truth::WrongType,
    }
}
