//! One text on its way through the detectors.

use std::cell::{Cell, OnceCell};
use std::cmp::Reverse;
use std::ops::Range;

use crate::detectors::Detector;
use crate::number::Number;
use crate::plain_url::Hosts;
use crate::text::{DIGIT, Text, is};
use crate::{Budget, TooMuchWork};

/// How often all detectors together look at a byte, at most, on the average of any text: a budget of so many units for each byte
/// of a text, and as many once more, is always enough. Ordinary prose takes two to three.
///
/// The worst known are numbers of two digits that begin with a zero (`01 01 …`), each of which may begin a telephone number of
/// six groups.
pub const LOOKS_PER_BYTE: u64 = 24;

/// The host that the `$schema` of most tools names: without it clients know no dialect, and refuse the whole tool.
pub const SCHEMA_HOST: &str = "json-schema.org";

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// In bytes, on character boundaries, never empty.
    pub span: Range<usize>,
    /// The rule that asked for it, by its number.
    pub rule: usize,
}

/// Detectors that are asked for, ready to run.
#[derive(Clone, Debug)]
pub struct Scanner {
    sought: Vec<Sought>,
    /// By byte, the detectors it triggers: a bit for each of `sought`.
    triggers: [u32; 256],
}

#[derive(Clone, Debug)]
struct Sought {
    detector: &'static Detector,
    /// Who asks for it, and the hosts whose links each of them leaves.
    rules: Vec<(usize, Hosts)>,
}

// A bit for each detector.
const _: () = assert!(crate::DETECTORS.len() <= 32, "more detectors than bits");

impl Default for Scanner {
    fn default() -> Self {
        Scanner {
            sought: Vec::new(),
            triggers: [0; 256],
        }
    }
}

impl Scanner {
    /// Looks for one more. `rule` is what its matches are called; where several rules ask for the same detector the first names
    /// what it finds. Links to `allow_hosts` (entries as [`UrlTest::host`](crate::UrlTest::host) makes them) and to
    /// [`SCHEMA_HOST`] stay, if each rule allows them.
    pub fn add(&mut self, rule: usize, detector: &'static Detector, allow_hosts: &[Box<str>]) {
        let entries = allow_hosts.iter().map(|host| &**host);
        let hosts = Hosts::new(entries.chain([SCHEMA_HOST]));
        let same = |sought: &&mut Sought| sought.detector.name == detector.name;
        if let Some(known) = self.sought.iter_mut().find(same) {
            let allows_as_much = known.rules.iter().any(|(_, known)| *known == hosts);
            if detector.takes_hosts && !allows_as_much {
                known.rules.push((rule, hosts));
            }
            return;
        }
        let bit = 1_u32.checked_shl(u32::try_from(self.sought.len()).unwrap_or(u32::MAX));
        for byte in detector.triggers {
            if let Some(triggered) = self.triggers.get_mut(usize::from(*byte)) {
                *triggered |= bit.unwrap_or_default();
            }
        }
        self.sought.push(Sought {
            detector,
            rules: vec![(rule, hosts)],
        });
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.sought.is_empty()
    }

    /// Everything that is found in `text`, in order and apart. What overlaps becomes one, named by what begins first, then by
    /// the longest, then by the earlier rule.
    ///
    /// Each look at a byte takes a unit of the budget; [`LOOKS_PER_BYTE`] for each byte are always enough.
    ///
    /// # Errors
    /// The budget is not.
    pub fn find(&self, text: &str, budget: &Budget) -> Result<Vec<Match>, TooMuchWork> {
        let mut found = Vec::new();
        if self.sought.is_empty() {
            return Ok(found);
        }
        let looks = Cell::new(0);
        let text = Text::new(text.as_bytes(), &looks);
        let mut past = vec![Past::default(); self.sought.len()];
        let triggered = |byte: u8| self.triggers.get(usize::from(byte)).copied().unwrap_or(0);
        let mut from = 0;
        while let Some(place) = text.position(from, |byte| triggered(byte) != 0) {
            from = place.saturating_add(1);
            let byte = text.at(place);
            if is(byte, DIGIT) && is(text.before(place, 1), DIGIT) {
                continue;
            }
            let number = OnceCell::new();
            let mut left = triggered(byte);
            while left != 0 {
                let index = usize::try_from(left.trailing_zeros()).unwrap_or_default();
                left &= left.wrapping_sub(1);
                let (Some(sought), Some(past)) = (self.sought.get(index), past.get_mut(index))
                else {
                    continue;
                };
                let look = Look {
                    text,
                    place,
                    number: &number,
                    past: Cell::new(*past),
                    rules: &sought.rules,
                    named_by: Cell::new(0),
                };
                if let Some(span) = (sought.detector.find)(&look) {
                    let until = look.past.get().until.max(span.end);
                    let rule = sought.rules.get(look.named_by.get());
                    let rule = rule.map_or(0, |(rule, _)| *rule);
                    push(&mut found, Match { span, rule });
                    look.past.set(Past {
                        until,
                        ..look.past.get()
                    });
                }
                *past = look.past.get();
            }
            budget.spend(looks.take())?;
        }
        budget.spend(looks.take())?;
        Ok(found)
    }
}

/// What a detector knows of the text before the place it looks at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Past {
    /// Where what it found last ends.
    pub(crate) until: usize,
    /// It has noted that something it reads on for does not come any more.
    pub(crate) is_over: bool,
}

/// A place of a text at which a detector was triggered.
pub(crate) struct Look<'s> {
    pub(crate) text: Text<'s>,
    pub(crate) place: usize,
    /// The number here, read once for all who ask.
    number: &'s OnceCell<Option<Number>>,
    past: Cell<Past>,
    rules: &'s [(usize, Hosts)],
    named_by: Cell<usize>,
}

impl<'s> Look<'s> {
    /// What the detector knows of the text before.
    pub(crate) fn past(&self) -> Past {
        self.past.get()
    }

    /// Notes that what the detector reads on for does not come any more.
    pub(crate) fn is_over(&self) {
        self.past.set(Past {
            is_over: true,
            ..self.past.get()
        });
    }

    /// The groups of digits that begin here.
    pub(crate) fn number(&self) -> Option<&'s Number> {
        let read = || Number::at(self.text, self.place);
        self.number.get_or_init(read).as_ref()
    }

    /// Whether every rule that asks for the detector leaves what has this host; where it is absent, none does. The first that
    /// does not names what is found.
    pub(crate) fn all_allow(&self, host: Option<&str>) -> bool {
        let allows = |hosts: &Hosts| host.is_some_and(|host| hosts.has(host));
        let first = self.rules.iter().position(|(_, hosts)| !allows(hosts));
        self.named_by.set(first.unwrap_or_default());
        first.is_none()
    }
}

/// Adds a match that ends behind all others begin. What overlaps becomes one.
fn push(found: &mut Vec<Match>, mut next: Match) {
    while let Some(last) = found.pop_if(|last| last.span.end > next.span.start) {
        let start = last.span.start.min(next.span.start);
        let end = last.span.end.max(next.span.end);
        let first = (last.span.start, Reverse(last.span.end), last.rule);
        if first < (next.span.start, Reverse(next.span.end), next.rule) {
            next.rule = last.rule;
        }
        next.span = start..end;
    }
    found.push(next);
}

/// Adds what a rule of another kind found, in order and apart, to what was found: the result is in order and apart again.
pub fn join(left: Vec<Match>, right: Vec<Range<usize>>, rule: usize) -> Vec<Match> {
    if right.is_empty() {
        return left;
    }
    let mut all = Vec::with_capacity(left.len().saturating_add(right.len()));
    let mut left = left.into_iter().peekable();
    for span in right {
        while let Some(earlier) = left.next_if(|earlier| earlier.span.start <= span.start) {
            push(&mut all, earlier);
        }
        push(&mut all, Match { span, rule });
    }
    left.for_each(|later| push(&mut all, later));
    all
}
