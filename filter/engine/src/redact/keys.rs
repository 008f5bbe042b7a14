//! Values that are taken out because of the key they stand under, wherever that is.

use std::ops::Range;

use super::written::escaped;
use crate::json::{Document, Kind, Limits, Value};
use crate::policy::{KeyRule, KeyRules, StandIn};

/// A place in a text, and what stands there instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'r> {
    pub(super) span: Range<usize>,
    /// How it is counted.
    pub(super) name: &'r str,
    pub(super) wanted: String,
}

/// Shows every value under one of these keys. Clients that ignore the case of keys read another one too.
pub(super) fn under<'d, 'r>(
    value: Value<'d>,
    rules: &'r KeyRules,
    see: &mut dyn FnMut(Value<'d>, &'r KeyRule),
) {
    if rules.is_empty() {
        return;
    }
    for (key, member) in value.members() {
        match rules.rule(&key.decode()) {
            Some(rule) => see(member, rule),
            None => under(member, rules, see),
        }
    }
    for item in value.items() {
        under(item, rules, see);
    }
}

/// A text that is JSON as a whole, as many tools answer in: what stands under one of these keys in it, in order. JSON inside a
/// text of that JSON is text.
pub(super) fn in_text<'r>(text: &str, rules: &KeyRules) -> Vec<Found<'r>> {
    if rules.is_empty() || !text.trim_start().starts_with(['{', '[']) {
        return Vec::new();
    }
    let Ok(document) = Document::parse(text.as_bytes(), &Limits::REPLY) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    under(document.root(), rules, &mut |value, rule| {
        take_out(value, &rule.with, &mut found);
    });
    found
}

/// Every scalar of a value.
fn take_out(value: Value<'_>, with: &StandIn, found: &mut Vec<Found<'_>>) {
    let mut add = |span, wanted| {
        found.push(Found {
            span,
            name: "keys",
            wanted,
        });
    };
    match value.kind() {
        Kind::Object | Kind::Array => {
            for (_, member) in value.members() {
                take_out(member, with, found);
            }
            for item in value.items() {
                take_out(item, with, found);
            }
        }
        Kind::PlainString | Kind::EscapedString => {
            let text = value.as_str().unwrap_or_default();
            let span = value.span();
            let inner = span.start.saturating_add(1)..span.end.saturating_sub(1);
            add(inner, escaped(&with.of(&text)));
        }
        Kind::Number => add(value.span(), "0".to_owned()),
        Kind::True | Kind::False => add(value.span(), "false".to_owned()),
        Kind::Null => {}
    }
}

/// Both, in order. Where two overlap they become one, so that nothing of either is shown: the one that holds the other, or else
/// the first.
pub(super) fn join<'r>(found: Vec<Found<'r>>, keyed: Vec<Found<'r>>) -> Vec<Found<'r>> {
    if keyed.is_empty() {
        return found;
    }
    let mut joined: Vec<Found<'r>> = Vec::with_capacity(found.len().saturating_add(keyed.len()));
    let (mut found, mut keyed) = (found.into_iter().peekable(), keyed.into_iter().peekable());
    loop {
        let next = match (found.peek(), keyed.peek()) {
            (Some(one), Some(other)) if one.span.start < other.span.start => found.next(),
            (_, Some(_)) => keyed.next(),
            _ => found.next(),
        };
        let Some(next) = next else { return joined };
        match joined.last_mut() {
            Some(last) if next.span.start < last.span.end => {
                if next.span.start == last.span.start && next.span.end > last.span.end {
                    *last = next;
                } else {
                    last.span.end = last.span.end.max(next.span.end);
                }
            }
            _ => joined.push(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_becomes_one() {
        let list = |spans: &[(usize, usize)], name| -> Vec<Found<'_>> {
            let found = |(start, end): &(usize, usize)| Found {
                span: *start..*end,
                name,
                wanted: String::new(),
            };
            spans.iter().map(found).collect()
        };
        for (found, keyed, joined) in [
            (
                &[(1, 2), (9, 10)][..],
                &[(4, 6)][..],
                &[("d", 1, 2), ("k", 4, 6), ("d", 9, 10)][..],
            ),
            (&[(4, 5)], &[(3, 9)], &[("k", 3, 9)]),
            (&[(3, 9)], &[(4, 5), (6, 7)], &[("d", 3, 9)]),
            (&[(3, 9)], &[(3, 5)], &[("d", 3, 9)]),
            (&[(3, 5)], &[(3, 9)], &[("k", 3, 9)]),
            (&[(3, 5)], &[(4, 9)], &[("d", 3, 9)]),
            (&[(4, 9)], &[(3, 5)], &[("k", 3, 9)]),
            (&[(4, 9)], &[(3, 5), (8, 12)], &[("k", 3, 12)]),
            (&[(3, 4)], &[(4, 5)], &[("d", 3, 4), ("k", 4, 5)]),
            (&[(3, 4)], &[], &[("d", 3, 4)]),
        ] {
            let all = join(list(found, "d"), list(keyed, "k"));
            let all: Vec<_> = all
                .iter()
                .map(|found| (found.name, found.span.start, found.span.end))
                .collect();
            assert_eq!(all, joined, "{found:?} {keyed:?}");
        }
    }
}
