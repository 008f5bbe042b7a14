//! `approval: {when, timeout, hold, approvers}`.

use super::conditions::read_conditions;
use super::reader::{Field, Reader};
use crate::json::Kind;
use crate::policy::{Approval, Rule};
use crate::time::parse_duration;

/// How long a question stays open, in seconds.
pub(super) const DEFAULT_TIMEOUT: i64 = 1800;
/// How long a request is held, in seconds. TypeScript clients give up after 60.
pub(super) const DEFAULT_HOLD: i64 = 45;

/// Longest time a question may stay open: 30 days.
const MAX_SECONDS: i64 = 30 * 86_400;

/// Reads an entry's `approval`. `base` is the pointer of the entry in refusals.
pub(super) fn read(reader: &mut Reader, field: Field<'_>, base: &str) -> Option<Approval> {
    let mut object = reader.object(field)?;
    let when = object
        .take("when")
        .map(|field| read_conditions(reader, &field))
        .unwrap_or_default();
    let timeout = object
        .take("timeout")
        .and_then(|field| read_timeout(reader, &field));
    let hold = object
        .take("hold")
        .and_then(|field| read_duration(reader, &field));
    let approvers = object
        .take("approvers")
        .map(|field| read_approvers(reader, &field))
        .unwrap_or_default();
    let on_deny = object.take("on_deny").and_then(|field| reader.text(&field));
    object.finish(reader);
    let pointer = format!("{base}/approval");
    let reason =
        on_deny.unwrap_or_else(|| format!("This call needs a person's approval (rule {pointer})."));
    let rule = Rule {
        pointer: pointer.into(),
        reason: reason.into(),
    };
    Some(Approval {
        rule,
        when,
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
        hold: hold.unwrap_or(DEFAULT_HOLD),
        approvers,
    })
}

/// Reads the groups of which one may decide.
pub(super) fn read_approvers(reader: &mut Reader, field: &Field<'_>) -> Vec<Box<str>> {
    let groups = reader.list(field);
    // None at all would be nobody to its author, and anybody to the gate.
    if groups.is_empty() && field.value.kind() == Kind::Array {
        reader.expected(field, "at least one group");
    }
    groups
        .iter()
        .filter_map(|group| reader.name(group).map(Into::into))
        .collect()
}

/// Reads how long a question stays open. One that is over at once nobody could answer.
pub(super) fn read_timeout(reader: &mut Reader, field: &Field<'_>) -> Option<i64> {
    let seconds = read_duration(reader, field)?;
    if seconds == 0 {
        reader.expected(field, "a duration of at least 1s");
    }
    Some(seconds)
}

/// Reads a duration, as seconds.
pub(super) fn read_duration(reader: &mut Reader, field: &Field<'_>) -> Option<i64> {
    let seconds = field.value.as_str().and_then(|text| parse_duration(&text));
    let seconds = seconds.filter(|seconds| (0..=MAX_SECONDS).contains(seconds));
    if seconds.is_none() {
        reader.expected(field, "a duration such as `45s`, `30m` or `2h`, up to 30d");
    }
    seconds
}
