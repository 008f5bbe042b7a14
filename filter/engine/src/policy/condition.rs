//! Conditions and their three values: true, false, or not applicable.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::Pattern;
use super::path::{Facts, Found, Path, Root, Step, follow};
use super::url::UrlTest;
use crate::json::{Decimal, Document, Kind, Value, canonical};
use crate::{NameMap, Names, order};

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

/// The elements of `in`, looked up in constant time.
#[derive(Debug, Default)]
pub struct List {
    /// Texts.
    pub texts: Names,
    /// Everything else as written, by its canonical spelling.
    pub others: NameMap<Box<str>>,
}

impl Condition {
    /// The paths it reads: its own, and that of `value_from`.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let from = self.test.operand().and_then(|operand| match operand {
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

    /// Evaluates it against a call. Work is linear in the call, but for patterns, which have a budget.
    pub fn evaluate(&self, facts: &Facts<'_>, quantifier: Quantifier) -> Truth {
        let Some(start) = self.path.start(facts) else {
            return self.on_missing(&self.path.steps);
        };
        let operand = self
            .test
            .operand()
            .map(|operand| Prepared::new(operand, facts));
        self.walk(facts, operand.as_ref(), start, &self.path.steps, quantifier)
    }

    /// The outcome where the path leads to nothing: absence is what `exists` asks about, unless there were to be
    /// elements.
    fn on_missing(&self, rest: &[Step]) -> Truth {
        match self.test {
            Test::Exists(expected) if !rest.contains(&Step::Each) => truth(!expected),
            _ => Truth::Missing,
        }
    }

    /// Follows the rest of the path. Recursion is bounded by the number of `[*]` in the policy's path.
    fn walk(
        &self,
        facts: &Facts<'_>,
        operand: Option<&Prepared<'_>>,
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
                    Kind::Array => self.each(facts, operand, value, steps, quantifier),
                    Kind::Null => Truth::Missing,
                    _ => Truth::WrongType,
                };
            }
            match follow(value, step) {
                Found::Value(next) => value = next,
                Found::Missing => return self.on_missing(steps),
                Found::WrongType => return Truth::WrongType,
            }
        }
        self.test.judge(value, operand, facts)
    }

    fn each(
        &self,
        facts: &Facts<'_>,
        operand: Option<&Prepared<'_>>,
        array: Value<'_>,
        steps: &[Step],
        quantifier: Quantifier,
    ) -> Truth {
        let mut outcome = None;
        for element in array.items() {
            let truth = self.walk(facts, operand, element, steps, quantifier);
            match (quantifier, truth) {
                (Quantifier::Every, Truth::True) => outcome = Some(truth),
                (Quantifier::Every, _) | (Quantifier::Some, Truth::True) => return truth,
                // Of the elements that do not match, one that could not be judged speaks for all, then one that is
                // not there.
                (Quantifier::Some, _) => {
                    outcome = match (outcome, truth) {
                        (Some(Truth::WrongType), _) | (_, Truth::WrongType) => {
                            Some(Truth::WrongType)
                        }
                        (Some(Truth::Missing), _) | (_, Truth::Missing) => Some(Truth::Missing),
                        _ => Some(Truth::False),
                    }
                }
            }
        }
        outcome.unwrap_or(Truth::Missing)
    }
}

/// What is compared with, looked up and decoded once however many elements are compared with it.
struct Prepared<'a> {
    /// `None` where `value_from` leads to nothing or null.
    value: Option<Value<'a>>,
    text: Option<Cow<'a, str>>,
    decimal: Option<Decimal<'a>>,
    /// Of an array or an object.
    canonical: Option<String>,
}

impl<'a> Prepared<'a> {
    fn new(operand: &'a Operand, facts: &Facts<'a>) -> Self {
        let value = match operand {
            Operand::Literal(document) => Some(document.root()),
            Operand::Path(path) => match path.find(facts) {
                Found::Value(value) if !value.is_null() => Some(value),
                _ => None,
            },
        };
        let compound = value.filter(|value| matches!(value.kind(), Kind::Array | Kind::Object));
        Prepared {
            value,
            text: value.and_then(|value| value.as_str()),
            decimal: value.and_then(|value| value.as_decimal()),
            canonical: compound.map(canonical),
        }
    }

    /// Deep equality, in time linear in `other`.
    fn equals(&self, other: Value<'_>) -> bool {
        if let Some(text) = &self.text {
            return other.as_text().is_some_and(|other| other.is(text));
        }
        if let Some(decimal) = &self.decimal {
            return other
                .as_decimal()
                .is_some_and(|other| other.compare(decimal).is_eq());
        }
        let Some(value) = self.value.filter(|value| value.kind() == other.kind()) else {
            return false;
        };
        match &self.canonical {
            Some(spelling) => canonical(other) == *spelling,
            None => value.kind() == other.kind(),
        }
    }
}

impl Test {
    /// What it compares with, if it does.
    fn operand(&self) -> Option<&Operand> {
        match self {
            Test::Equals(operand, _)
            | Test::Compare(_, operand)
            | Test::Contains(operand)
            | Test::Prefix(operand)
            | Test::Suffix(operand) => Some(operand),
            Test::In(..) | Test::Exists(_) | Test::Regex(_) | Test::Url(_) => None,
        }
    }

    fn judge(&self, value: Value<'_>, operand: Option<&Prepared<'_>>, facts: &Facts<'_>) -> Truth {
        let operand = operand.filter(|operand| operand.value.is_some());
        match (self, operand) {
            (Test::Exists(expected), _) => truth(value.is_null() != *expected),
            (Test::In(list, negated), _) => truth(list.contains(value) != *negated),
            (Test::Regex(pattern), _) => match value.as_str() {
                Some(text) => pattern
                    .is_match(&text, facts.budget)
                    .map_or(Truth::WrongType, truth),
                None => Truth::WrongType,
            },
            (Test::Url(url), _) => match value.as_str().and_then(|text| url.matches(&text)) {
                Some(matches) => truth(matches),
                None => Truth::WrongType,
            },
            (_, None) => Truth::WrongType,
            (Test::Equals(_, negated), Some(operand)) => truth(operand.equals(value) != *negated),
            (Test::Compare(relation, _), Some(operand)) => {
                match (value.as_decimal(), &operand.decimal) {
                    (Some(left), Some(right)) => truth(relation.holds(left.compare(right))),
                    _ => Truth::WrongType,
                }
            }
            (Test::Contains(_), Some(operand)) if value.kind() == Kind::Array => {
                truth(value.items().any(|element| operand.equals(element)))
            }
            (Test::Contains(_), Some(operand)) => {
                on_texts(value, operand, |text, needle| text.contains(needle))
            }
            (Test::Prefix(_), Some(operand)) => {
                on_texts(value, operand, |text, prefix| text.starts_with(prefix))
            }
            (Test::Suffix(_), Some(operand)) => {
                on_texts(value, operand, |text, suffix| text.ends_with(suffix))
            }
        }
    }
}

impl List {
    /// Adds an element.
    pub fn insert(&mut self, value: Value<'_>) {
        match value.as_str() {
            Some(text) => {
                self.texts.insert(&text, ());
            }
            None => {
                self.others.insert(&canonical(value), value.raw().into());
            }
        }
    }

    /// The elements in words: texts in quotes, everything else as written; sorted.
    pub fn spelled(&self) -> Vec<String> {
        let texts = order::texts(self.texts.names()).into_iter();
        let others = order::texts(self.others.values().map(|raw| &**raw)).into_iter();
        texts
            .map(|text| format!("\"{text}\""))
            .chain(others.map(str::to_owned))
            .collect()
    }

    fn contains(&self, value: Value<'_>) -> bool {
        match value.as_text() {
            Some(text) => self.texts.contains(&text.decode()),
            None => !self.others.is_empty() && self.others.contains(&canonical(value)),
        }
    }
}

fn truth(holds: bool) -> Truth {
    if holds { Truth::True } else { Truth::False }
}

fn on_texts(
    value: Value<'_>,
    operand: &Prepared<'_>,
    test: impl FnOnce(&str, &str) -> bool,
) -> Truth {
    match (value.as_str(), &operand.text) {
        (Some(text), Some(other)) => truth(test(&text, other)),
        _ => Truth::WrongType,
    }
}
