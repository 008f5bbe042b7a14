//! Conditions and their three values: true, false, or not applicable.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::claims::Items;
use super::path::{Facts, Found, Path, Root, Step};
use super::truth::{Quantifier, Truth};
use super::{Pattern, TooMuchWork, UrlTest};
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

/// What putting a value into its canonical form takes for each byte, in looks at one.
const CANONICAL: usize = 6;

/// The elements of `in`, looked up in constant time.
#[derive(Debug, Default)]
pub struct List {
    /// Texts.
    pub texts: Names,
    /// Everything else as written, by its canonical spelling.
    pub others: NameMap<Box<str>>,
    /// Whether a list is among them.
    pub has_lists: bool,
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

    /// Whether it compares with a claim that the caller does not have, or not in a form that can be compared.
    pub fn lacks_claim(&self, facts: &Facts<'_>) -> bool {
        self.test.operand().is_some_and(|operand| {
            matches!(operand, Operand::Path(path) if path.root == Root::Identity)
                && Prepared::new(operand, facts).value.is_none()
        })
    }

    /// Evaluates it against a call. All work is paid from the budget of the call; what there is none for is of no type.
    pub fn evaluate(&self, facts: &Facts<'_>, quantifier: Quantifier) -> Truth {
        let Some(start) = self.path.start(facts) else {
            return self.on_missing(&self.path.steps);
        };
        if self.path.root == Root::Identity
            && let Some(step) = self.path.steps.first()
            && let Found::Value(claim) = facts.follow(Root::Identity, start, step)
            && facts.is_rounded(claim)
        {
            return self.on_rounded();
        }
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

    /// The outcome where a claim has lost digits on its way: it is there, and nothing more can be said of it.
    fn on_rounded(&self) -> Truth {
        match self.test {
            Test::Exists(expected) => truth(expected),
            _ => Truth::WrongType,
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
            match facts.follow(self.path.root, value, step) {
                Found::Value(next) => value = next,
                Found::Missing => return self.on_missing(steps),
                Found::WrongType => return Truth::WrongType,
            }
        }
        if self.pay(value, operand, facts).is_err() {
            return Truth::WrongType;
        }
        let judged = self.judge(value, operand, facts, quantifier);
        match (value.kind(), quantifier) {
            (Kind::Array, Quantifier::Every) if self.test.expects_one(operand) => Truth::WrongType,
            (Kind::Array, Quantifier::Some)
                if judged == Truth::False && self.test.looks_into_lists() =>
            {
                self.within(facts, operand, value)
            }
            _ => judged,
        }
    }

    /// Whether an element of a list matches, at any depth: a server may take a list of one for the one.
    fn within(&self, facts: &Facts<'_>, operand: Option<&Prepared<'_>>, list: Value<'_>) -> Truth {
        let mut open = vec![list.items()];
        while let Some(items) = open.last_mut() {
            let Some(element) = items.next() else {
                open.pop();
                continue;
            };
            if self.pay(element, operand, facts).is_err() {
                return Truth::WrongType;
            }
            if self.judge(element, operand, facts, Quantifier::Some) == Truth::True {
                return Truth::True;
            }
            if element.kind() == Kind::Array {
                open.push(element.items());
            }
        }
        Truth::False
    }

    /// Pays for judging one value, in looks at a byte: what comparing takes, and decoding the value where it is escaped.
    fn pay(
        &self,
        value: Value<'_>,
        operand: Option<&Prepared<'_>>,
        facts: &Facts<'_>,
    ) -> Result<(), TooMuchWork> {
        /// What any comparison takes.
        const COMPARE: usize = 6;
        let raw = value.raw().len();
        let is_compound = matches!(value.kind(), Kind::Array | Kind::Object);
        let decode = match value.kind() {
            Kind::EscapedString => raw,
            _ => 0,
        };
        let more = match &self.test {
            Test::Exists(_) => 0,
            Test::Equals(..) if is_compound => {
                operand.map_or(0, |operand| operand.canonical_cost(raw))
            }
            Test::Equals(..) | Test::Compare(..) => match value.kind() {
                Kind::Number => raw.div_ceil(8),
                _ => 0,
            },
            Test::In(list, _) if is_compound => match list.others.is_empty() {
                true => 0,
                false => raw.saturating_mul(CANONICAL),
            },
            Test::In(..) => decode.max(raw.div_ceil(4)),
            Test::Contains(_) if value.kind() == Kind::Array => {
                let each = operand.map_or(0, |operand| operand.canonical_cost(raw));
                let elements = value.items().count();
                elements.saturating_mul(COMPARE).saturating_add(each)
            }
            Test::Contains(_) | Test::Url(_) => decode.saturating_add(raw),
            // Patterns count what they look at.
            Test::Regex(_) | Test::Prefix(_) | Test::Suffix(_) => decode,
        };
        facts.budget.spend_bytes(more.saturating_add(COMPARE))
    }

    fn judge(
        &self,
        value: Value<'_>,
        operand: Option<&Prepared<'_>>,
        facts: &Facts<'_>,
        quantifier: Quantifier,
    ) -> Truth {
        let operand = operand.filter(|operand| operand.value.is_some());
        match (&self.test, operand) {
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
            (Test::Contains(_) | Test::Prefix(_) | Test::Suffix(_), Some(operand))
                if operand.hollow =>
            {
                Truth::WrongType
            }
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
            (Test::Contains(_), Some(operand)) => match Items::of(&self.path, quantifier) {
                None => on_texts(value, operand, |text, needle| text.contains(needle)),
                Some(items) => on_texts(value, operand, |text, item| items.have(text, item)),
            },
            (Test::Prefix(_), Some(operand)) => {
                on_texts(value, operand, |text, prefix| text.starts_with(prefix))
            }
            (Test::Suffix(_), Some(operand)) => {
                on_texts(value, operand, |text, suffix| text.ends_with(suffix))
            }
        }
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
            if facts.budget.spend(1).is_err() {
                return Truth::WrongType;
            }
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
    /// It is an empty text that `value_from` leads to: every text contains, begins and ends with it, which nobody means.
    hollow: bool,
}

impl<'a> Prepared<'a> {
    fn new(operand: &'a Operand, facts: &Facts<'a>) -> Self {
        let value = match operand {
            Operand::Literal(document) => Some(document.root()),
            Operand::Path(path) => match path.find(facts) {
                Found::Value(value) if value.is_null() => None,
                Found::Value(value) if path.root == Root::Identity && facts.is_rounded(value) => {
                    None
                }
                Found::Value(value) => Some(value),
                Found::Missing | Found::WrongType => None,
            },
        };
        let from_path = matches!(operand, Operand::Path(_));
        let compound = value.filter(|value| matches!(value.kind(), Kind::Array | Kind::Object));
        let text = value.and_then(|value| value.as_str());
        Prepared {
            value,
            hollow: from_path && text.as_deref() == Some(""),
            text,
            decimal: value.and_then(|value| value.as_decimal()),
            canonical: compound.map(canonical),
        }
    }

    /// What comparing it with a value of so many bytes takes, if that is a list or an object.
    fn canonical_cost(&self, bytes: usize) -> usize {
        match self.canonical {
            Some(_) => bytes.saturating_mul(CANONICAL),
            None => 0,
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
}

impl Test {
    /// Whether an element of a list matches in a `deny_if` as the value itself would. What the others say of a list, that it
    /// is none of their kind, denies there already.
    fn looks_into_lists(&self) -> bool {
        matches!(
            self,
            Test::Equals(_, false) | Test::In(_, false) | Test::Contains(_)
        )
    }

    /// Whether it asks about one value, so that a list in its place fails a `require`: `["rm"]` is not `rm`, and a server may
    /// run it all the same.
    fn expects_one(&self, operand: Option<&Prepared<'_>>) -> bool {
        match self {
            Test::Equals(..) => operand
                .and_then(|operand| operand.value)
                .is_none_or(|value| value.kind() != Kind::Array),
            Test::In(list, _) => !list.has_lists,
            Test::Exists(_) | Test::Contains(_) => false,
            Test::Compare(..)
            | Test::Regex(_)
            | Test::Prefix(_)
            | Test::Suffix(_)
            | Test::Url(_) => true,
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
                self.has_lists |= value.kind() == Kind::Array;
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

/// The operator of a test as a policy writes it.
pub(crate) fn op_name(test: &Test) -> &'static str {
    match test {
        Test::Equals(_, false) => "eq",
        Test::Equals(_, true) => "neq",
        Test::Compare(Relation::Less, _) => "lt",
        Test::Compare(Relation::AtMost, _) => "lte",
        Test::Compare(Relation::Greater, _) => "gt",
        Test::Compare(Relation::AtLeast, _) => "gte",
        Test::In(_, false) => "in",
        Test::In(_, true) => "not_in",
        Test::Exists(_) => "exists",
        Test::Regex(_) => "regex",
        Test::Contains(_) => "contains",
        Test::Prefix(_) => "prefix",
        Test::Suffix(_) => "suffix",
        Test::Url(_) => "url",
    }
}
