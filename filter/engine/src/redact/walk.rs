//! The walk through one message: every string, number and key of it, and what of them has to be replaced.

use std::borrow::Cow;
use std::ops::Range;

use super::findings::{Findings, Uninspected};
use super::keys::{self, Found};
use super::room::{Mask, Room};
use super::written::escaped;
use crate::json::{Edits, Kind, Text, Value};
use crate::order;
use crate::policy::detectors::{Budget, Detectors};
use crate::policy::{RuleSet, StandIn};

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
pub(super) const ENVELOPE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The message itself.
    Envelope,
    /// `params`, `result`, and what of them has the form of one: a task, a task's result.
    Body,
    /// `_meta` of a body.
    Meta,
    /// The `tools` of a body, and each of them: definitions.
    Tool,
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
            Place::Body if is("tools") => Some(Place::Tool),
            Place::Body if is("task") || is("tasks") || is("result") => Some(Place::Body),
            Place::Meta if is("io.modelcontextprotocol/related-task") => Some(Place::Body),
            _ => Some(Place::Content),
        }
    }
}

/// A message on its way.
pub(super) struct Walk<'r, 'b> {
    rules: &'r RuleSet,
    budget: &'b Budget,
    room: &'b mut Room,
    findings: Findings<'r>,
    /// The first of `deny_if` that holds, by its index.
    denied: Option<usize>,
    /// Where values stand that are taken out wherever it says, in order.
    marked: Vec<Mark<'r>>,
    /// Definitions of tools are redacted in their descriptions alone.
    in_descriptions_only: bool,
    /// Nothing is redacted here; what must not be shown is looked for all the same.
    only_forbidden: bool,
}

/// A value that is taken out, whatever it is.
#[derive(Clone, Copy)]
struct Mark<'r> {
    /// Where it begins.
    start: usize,
    /// How it is counted.
    name: &'static str,
    with: &'r StandIn,
}

impl<'r, 'b> Walk<'r, 'b> {
    pub(super) fn new(rules: &'r RuleSet, budget: &'b Budget, room: &'b mut Room) -> Self {
        Walk {
            rules,
            budget,
            room,
            findings: Findings::default(),
            denied: None,
            marked: Vec::new(),
            in_descriptions_only: false,
            only_forbidden: false,
        }
    }

    /// Looks at a message. Definitions of tools in it are redacted wherever something is found, or in their descriptions only.
    pub(super) fn run(
        mut self,
        message: Value<'_>,
        in_descriptions_only: bool,
    ) -> Result<Findings<'r>, Uninspected> {
        self.in_descriptions_only = in_descriptions_only;
        let starts = self.marked.iter().map(|mark| mark.start as u64);
        let order = order::by_number(starts);
        self.marked = order::arrange(std::mem::take(&mut self.marked), &order);
        self.value(message, Place::Envelope, None)?;
        let denied = self.denied.and_then(|index| self.rules.deny_if.get(index));
        Ok(Findings {
            denied: denied.map(|denied| &denied.rule),
            ..self.findings
        })
    }

    /// Takes a value out, whatever it is.
    pub(super) fn mark(&mut self, value: Value<'_>, name: &'static str, with: &'r StandIn) {
        self.marked.push(Mark {
            start: value.span().start,
            name,
            with,
        });
    }

    /// Looks at a value and everything in it. `mark` is its own, or that of a value around it. Recursion is bounded by the
    /// reader's limit on nesting.
    fn value(
        &mut self,
        value: Value<'_>,
        place: Place,
        mark: Option<Mark<'r>>,
    ) -> Result<(), Uninspected> {
        let mark = mark.or_else(|| self.marked_at(value.span().start));
        match value.kind() {
            Kind::Object => self.object(value, place, mark),
            Kind::Array => {
                // An array of messages or of tasks; anything else is content from here on.
                for item in value.items() {
                    self.value(item, place, mark)?;
                }
                Ok(())
            }
            Kind::PlainString | Kind::EscapedString => match value.as_text() {
                Some(text) => {
                    let span = inner(value);
                    self.string(text, span, mark)
                }
                None => Ok(()),
            },
            Kind::Number => {
                let raw = value.raw();
                let found = match mark {
                    Some(mark) => Some(mark.name),
                    None => self.number(raw)?,
                };
                if let Some(name) = found {
                    self.replace(value.span(), "0", name);
                }
                Ok(())
            }
            Kind::True | Kind::False => {
                if let Some(mark) = mark {
                    // No longer than `true`, where that matters.
                    let shown = match self.room.mask(value.raw().len(), 5) {
                        Mask::Wanted => "false",
                        _ => "null",
                    };
                    self.findings.tally.add(mark.name, 1);
                    self.findings.edits.replace(value.span(), shown);
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
        mark: Option<Mark<'r>>,
    ) -> Result<(), Uninspected> {
        let mut members = object.members();
        let mut renamed = false;
        // As clients see them.
        let mut keys: Vec<Cow<'_, str>> = Vec::new();
        let is_definition = place == Place::Tool && self.in_descriptions_only;
        while let Some((key, value)) = members.next_with_key() {
            let Some(name) = key.as_text() else { continue };
            let fixed = place == Place::Envelope && ENVELOPE.into_iter().any(|word| name.is(word));
            let meant = name.decode();
            self.only_forbidden |= is_definition;
            let masks = match fixed {
                true => Vec::new(),
                false => self.masked(name, &meant, inner(key))?,
            };
            keys.push(match masks.is_empty() {
                true => meant,
                false => {
                    renamed = true;
                    Cow::Owned(shown(&meant, &masks).ok_or(Uninspected::Ambiguous)?)
                }
            });
            if is_definition {
                self.only_forbidden = !name.is("description");
                self.value(value, Place::Content, mark)?;
                self.only_forbidden = false;
            } else if let Some(place) = place.member(name, value) {
                self.value(value, place, mark)?;
            }
        }
        // Two keys of an object would become one.
        if renamed && order::has_twins(keys.iter().map(|key| &**key)) {
            return Err(Uninspected::Ambiguous);
        }
        Ok(())
    }

    /// Looks at a string whose content stands at `span` of the document.
    fn string(
        &mut self,
        text: Text<'_>,
        span: Range<usize>,
        mark: Option<Mark<'r>>,
    ) -> Result<(), Uninspected> {
        let meant = text.decode();
        let mark = mark.filter(|_| !self.only_forbidden);
        let Some(mark) = mark else {
            return self.masked(text, &meant, span).map(|_| ());
        };
        self.look_for_forbidden(&meant)?;
        let wanted = escaped(&mark.with.of(&meant));
        let mask = self.room.mask(span.len(), wanted.len());
        self.findings.tally.add(mark.name, 1);
        self.findings.edits.replace(span, mask.text(&wanted));
        Ok(())
    }

    /// Masks what is found in a string that means `meant` and whose content stands at `span` of the document. Returns where in
    /// its meaning, and what stands there.
    fn masked(
        &mut self,
        text: Text<'_>,
        meant: &str,
        span: Range<usize>,
    ) -> Result<Vec<Masked>, Uninspected> {
        self.look_for_forbidden(meant)?;
        if self.only_forbidden {
            return Ok(Vec::new());
        }
        let detectors: &'r Detectors = &self.rules.detectors;
        let matches = detectors.find(meant, self.budget)?;
        let found = matches.into_iter().map(|found| Found {
            wanted: detectors.instead_of(meant, &found).into_owned(),
            name: detectors.name(found.rule),
            span: found.span,
        });
        let found = keys::join(found.collect(), keys::in_text(meant, &self.rules.keys));
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let mut offsets: Vec<usize> = found
            .iter()
            .flat_map(|found| [found.span.start, found.span.end])
            .collect();
        text.raw_offsets(&mut offsets);
        let mut masks = Vec::with_capacity(found.len());
        for (found, places) in found.into_iter().zip(offsets.as_chunks::<2>().0) {
            let [start, end] = places.map(|offset| offset.saturating_add(span.start));
            // What counts is its length in the document.
            let written = escaped(&found.wanted);
            let mask = self.room.mask(end.saturating_sub(start), written.len());
            self.findings.edits.replace(start..end, mask.text(&written));
            self.findings.tally.add(found.name, 1);
            masks.push((found.span, mask.text(&found.wanted).into_owned()));
        }
        Ok(masks)
    }

    /// Puts something no longer in the place of a value.
    fn replace(&mut self, span: Range<usize>, with: &str, name: &str) {
        self.room.replace(span.len(), with.len());
        self.findings.tally.add(name, 1);
        self.findings.edits.replace(span, with);
    }

    /// What a number is that must not be shown, if it is anything.
    fn number(&mut self, raw: &str) -> Result<Option<&'r str>, Uninspected> {
        self.look_for_forbidden(raw)?;
        if self.only_forbidden {
            return Ok(None);
        }
        let detectors: &'r Detectors = &self.rules.detectors;
        let matches = detectors.find(raw, self.budget)?;
        Ok(matches.first().map(|found| detectors.name(found.rule)))
    }

    fn look_for_forbidden(&mut self, text: &str) -> Result<(), Uninspected> {
        let earlier = self.denied.unwrap_or(usize::MAX);
        if let Some(index) = self.rules.forbids(text, earlier, self.budget)? {
            self.denied = Some(index);
        }
        Ok(())
    }

    /// The mark of the value that begins here.
    fn marked_at(&self, start: usize) -> Option<Mark<'r>> {
        let place = self.marked.partition_point(|mark| mark.start < start);
        let mark = self.marked.get(place)?;
        (mark.start == start).then_some(*mark)
    }
}

/// A place in what a string means, and what stands there instead.
type Masked = (Range<usize>, String);

/// What a text becomes by masks.
fn shown(text: &str, masks: &[Masked]) -> Option<String> {
    let mut edits = Edits::default();
    for (span, mask) in masks {
        edits.replace(span.clone(), mask.as_str());
    }
    edits.apply(text)
}

/// Where the content of a string stands, without its quotes.
fn inner(value: Value<'_>) -> Range<usize> {
    let span = value.span();
    span.start.saturating_add(1)..span.end.saturating_sub(1)
}
