//! One JSON-RPC message against a set of rules: what has to be replaced in it, and whether it may be shown at all.
//!
//! Every string is looked at: values and object keys, URIs, `_meta`, error data, structured content. Numbers are looked at
//! as they are written, for a card number is one; they become 0. Left alone is what is sent back or matched by value, in
//! the places where the protocol has it: `jsonrpc`, `id` and `method` of the message, and [`TOKENS`].
//!
//! Paths begin at the result: that of the response, that of a finished task inside it, or that a task notification carries.

use std::borrow::Cow;
use std::ops::Range;

use super::detect::{Budget, Detectors, Match, TooMuchWork};
use super::rules::{PathRule, RuleSet};
use crate::json::{Edits, Kind, Text, Value};
use crate::policy::{Rule, Step};
use crate::{order, rpc};

/// What clients send back as it came, or match with what they sent.
const TOKENS: [&str; 7] = [
    "nextCursor",
    "requestState",
    "taskId",
    "progressToken",
    "requestId",
    "elicitationId",
    "io.modelcontextprotocol/subscriptionId",
];

/// The keys of a message, and those of them whose values are never replaced.
const ENVELOPE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// How often what was found, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(pub Vec<(Box<str>, u64)>);

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, name: &str, more: u64) {
        match self.0.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, count)) => *count = count.saturating_add(more),
            None => self.0.push((name.into(), more)),
        }
    }

    /// Counts everything of another.
    pub fn merge(&mut self, other: &Tally) {
        for (name, count) in &other.0 {
            self.add(name, *count);
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How much was found.
    pub fn total(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

/// What rules make of a message.
#[derive(Debug, Default)]
pub struct Findings<'r> {
    /// What has to be replaced, by place in the document.
    pub edits: Edits,
    /// How much of it.
    pub tally: Tally,
    /// The rule by which the message must not be shown.
    pub denied: Option<&'r Rule>,
}

/// A message cannot be inspected, so it must not be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uninspected {
    /// Clients might read it in more than one way, or two keys of an object would become one.
    Ambiguous,
    /// It would take too much work.
    TooMuchWork,
}

impl From<TooMuchWork> for Uninspected {
    fn from(_: TooMuchWork) -> Self {
        Uninspected::TooMuchWork
    }
}

/// Inspects one message of a document. `is_result` tells that its size is limited as well.
///
/// # Errors
/// [`Uninspected`] if it must not be shown.
pub fn message<'r>(
    rules: &'r RuleSet,
    message: Value<'_>,
    is_result: bool,
    budget: &Budget,
) -> Result<Findings<'r>, Uninspected> {
    if rules.is_empty() {
        return Ok(Findings::default());
    }
    let mut walk = Walk {
        rules,
        budget,
        findings: Findings::default(),
        denied: None,
        marked: Vec::new(),
    };
    if rpc::looks_alike(message, &ENVELOPE) {
        return Err(Uninspected::Ambiguous);
    }
    for result in results(message) {
        for (index, path) in rules.paths.iter().enumerate() {
            follow(result, &path.steps, &mut |value| {
                walk.marked.push((value.span().start, index));
            });
        }
        if let Some((most, rule)) = &rules.max_bytes
            && is_result
            && result.raw().len() > *most
        {
            // Nothing of it is shown, so nothing more of it matters.
            return Ok(Findings {
                denied: Some(rule),
                ..Findings::default()
            });
        }
    }
    let starts = walk.marked.iter().map(|(start, _)| *start as u64);
    let order = order::by_number(starts);
    walk.marked = order::arrange(std::mem::take(&mut walk.marked), &order);
    walk.value(message, Place::Envelope, None)?;
    let Walk {
        mut findings,
        denied,
        ..
    } = walk;
    if let Some(denied) = denied.and_then(|index| rules.deny_if.get(index)) {
        findings.denied = Some(&denied.rule);
    }
    Ok(findings)
}

/// Redacts a plain text: what stands in its place, if anything is found.
///
/// # Errors
/// [`Uninspected`] if it would take too much work.
pub fn text(
    rules: &RuleSet,
    text: &str,
    budget: &Budget,
    tally: &mut Tally,
) -> Result<Option<String>, Uninspected> {
    let detectors = &rules.detectors;
    let matches = detectors.find(text, budget)?;
    let mut edits = Edits::default();
    for Match { span, kind } in &matches {
        tally.add(detectors.name(*kind), 1);
        edits.replace(span.clone(), detectors.replacement(*kind));
    }
    if matches.is_empty() {
        return Ok(None);
    }
    edits.apply(text).map(Some).ok_or(Uninspected::Ambiguous)
}

/// The result objects of a message.
fn results(message: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    let result = message.get("result");
    let of_task = result.and_then(|result| result.get("result"));
    let of_notification = message
        .get("params")
        .and_then(|params| params.get("result"));
    [result, of_task, of_notification].into_iter().flatten()
}

/// Shows every value that a path leads to. Clients that ignore the case of keys read another one too.
fn follow<'d>(value: Value<'d>, steps: &[Step], see: &mut dyn FnMut(Value<'d>)) {
    let Some((step, rest)) = steps.split_first() else {
        see(value);
        return;
    };
    match step {
        Step::Key(wanted) => {
            for (key, member) in value.members() {
                let key = key.decode();
                if *key == **wanted || crate::json::is_case_variant(&key, wanted) {
                    follow(member, rest, see);
                }
            }
        }
        Step::Index(index) => {
            for item in value.items().skip(*index).take(1) {
                follow(item, rest, see);
            }
        }
        Step::Each => {
            for item in value.items() {
                follow(item, rest, see);
            }
        }
    }
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The message itself.
    Envelope,
    /// `params`, `result`, and what of them has the form of one: a task, a task's result.
    Body,
    /// `_meta` of a body.
    Meta,
    /// Anything else: content.
    Content,
}

impl Place {
    /// Where the member of an object that stands here stands itself; `None` if it is left alone.
    fn member(self, key: Text<'_>, value: Value<'_>) -> Option<Place> {
        let is = |name: &str| key.is(name);
        let scalar = !matches!(value.kind(), Kind::Array | Kind::Object);
        match self {
            Place::Envelope if ["jsonrpc", "id", "method"].into_iter().any(is) => {
                (!scalar).then_some(Place::Content)
            }
            Place::Envelope if is("params") || is("result") => Some(Place::Body),
            Place::Body | Place::Meta if TOKENS.into_iter().any(is) => {
                (!scalar).then_some(Place::Content)
            }
            Place::Body if is("_meta") => Some(Place::Meta),
            Place::Body if is("task") || is("tasks") || is("result") => Some(Place::Body),
            Place::Meta if is("io.modelcontextprotocol/related-task") => Some(Place::Body),
            _ => Some(Place::Content),
        }
    }
}

struct Walk<'r, 'b> {
    rules: &'r RuleSet,
    budget: &'b Budget,
    findings: Findings<'r>,
    /// The first of `deny_if` that holds, by its index.
    denied: Option<usize>,
    /// Where values stand that paths lead to, in order, and which path.
    marked: Vec<(usize, usize)>,
}

impl<'r> Walk<'r, '_> {
    /// Looks at a value and everything in it. `path` is the one that leads to it or around it. Recursion is bounded by the
    /// reader's limit on nesting.
    fn value(
        &mut self,
        value: Value<'_>,
        place: Place,
        path: Option<&'r PathRule>,
    ) -> Result<(), Uninspected> {
        let path = path.or_else(|| self.marked_at(value.span().start));
        match value.kind() {
            Kind::Object => self.object(value, place, path),
            Kind::Array => {
                // An array of messages or of tasks; anything else is content from here on.
                for item in value.items() {
                    self.value(item, place, path)?;
                }
                Ok(())
            }
            Kind::PlainString | Kind::EscapedString => match value.as_text() {
                Some(text) => {
                    let span = inner(value);
                    self.string(text, span, path)
                }
                None => Ok(()),
            },
            Kind::Number => {
                let raw = value.raw();
                let found = match path {
                    Some(_) => Some("path"),
                    None => self.number(raw)?,
                };
                if let Some(name) = found {
                    self.findings.tally.add(name, 1);
                    self.findings.edits.replace(value.span(), "0");
                }
                Ok(())
            }
            Kind::True | Kind::False => {
                if path.is_some() {
                    self.findings.tally.add("path", 1);
                    self.findings.edits.replace(value.span(), "false");
                }
                Ok(())
            }
            Kind::Null => Ok(()),
        }
    }

    fn object(
        &mut self,
        object: Value<'_>,
        place: Place,
        path: Option<&'r PathRule>,
    ) -> Result<(), Uninspected> {
        let mut members = object.members();
        let mut changed = false;
        while let Some((key, value)) = members.next_with_key() {
            let Some(name) = key.as_text() else { continue };
            let fixed = place == Place::Envelope && ENVELOPE.into_iter().any(|word| name.is(word));
            if !fixed {
                let before = self.findings.tally.total();
                self.string(name, inner(key), None)?;
                changed |= self.findings.tally.total() > before;
            }
            if let Some(place) = place.member(name, value) {
                self.value(value, place, path)?;
            }
        }
        if changed && self.keys_collide(object)? {
            return Err(Uninspected::Ambiguous);
        }
        Ok(())
    }

    /// Whether two keys of an object would be the same after redaction.
    fn keys_collide(&mut self, object: Value<'_>) -> Result<bool, Uninspected> {
        let mut keys: Vec<Cow<'_, str>> = Vec::new();
        let mut uncounted = Tally::default();
        for (key, _) in object.members() {
            let key = key.decode();
            let redacted = text(self.rules, &key, self.budget, &mut uncounted)?;
            keys.push(redacted.map_or(key, Cow::Owned));
        }
        Ok(order::has_twins(keys.iter().map(|key| &**key)))
    }

    /// Looks at a string whose content stands at `span` of the document.
    fn string(
        &mut self,
        text: Text<'_>,
        span: Range<usize>,
        path: Option<&'r PathRule>,
    ) -> Result<(), Uninspected> {
        let meant = text.decode();
        self.look_for_forbidden(&meant)?;
        if let Some(path) = path {
            self.findings.tally.add("path", 1);
            self.findings.edits.replace(span, escaped(&path.with));
            return Ok(());
        }
        let detectors = &self.rules.detectors;
        let matches = detectors.find(&meant, self.budget)?;
        if matches.is_empty() {
            return Ok(());
        }
        let mut offsets: Vec<usize> = matches
            .iter()
            .flat_map(|found| [found.span.start, found.span.end])
            .collect();
        text.raw_offsets(&mut offsets);
        for (found, places) in matches.iter().zip(offsets.as_chunks::<2>().0) {
            let [start, end] = places.map(|offset| offset.saturating_add(span.start));
            let with = escaped(detectors.replacement(found.kind));
            self.findings.edits.replace(start..end, with);
            self.findings.tally.add(detectors.name(found.kind), 1);
        }
        Ok(())
    }

    /// What a number is that must not be shown, if it is anything.
    fn number(&mut self, raw: &str) -> Result<Option<&'r str>, Uninspected> {
        self.look_for_forbidden(raw)?;
        let detectors: &'r Detectors = &self.rules.detectors;
        let matches = detectors.find(raw, self.budget)?;
        Ok(matches.first().map(|found| detectors.name(found.kind)))
    }

    fn look_for_forbidden(&mut self, text: &str) -> Result<(), Uninspected> {
        let earlier = self.denied.unwrap_or(usize::MAX);
        if let Some(index) = self.rules.forbids(text, earlier, self.budget)? {
            self.denied = Some(index);
        }
        Ok(())
    }

    /// The path that leads to the value that begins here.
    fn marked_at(&self, start: usize) -> Option<&'r PathRule> {
        let place = self.marked.partition_point(|(marked, _)| *marked < start);
        let (marked, index) = self.marked.get(place)?;
        (*marked == start).then(|| self.rules.paths.get(*index))?
    }
}

/// Where the content of a string stands, without its quotes.
fn inner(value: Value<'_>) -> Range<usize> {
    let span = value.span();
    span.start.saturating_add(1)..span.end.saturating_sub(1)
}

/// A text as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let inner = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}
