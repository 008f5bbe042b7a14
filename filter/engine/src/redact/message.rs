//! One JSON-RPC message against a set of rules: what has to be replaced in it, and whether it may be shown at all.
//!
//! Every string is looked at: values and object keys, URIs, `_meta`, error data, structured content. Numbers are looked at
//! as they are written, for a card number is one; they become 0. Left alone is what is sent back or matched by value, in
//! the places where the protocol has it: `jsonrpc`, `id` and `method` of the message, and the
//! tokens of [`walk`](super::walk).
//!
//! Paths begin at the result: that of the response, that of a finished task inside it, or that a task notification carries.
//! Keys are looked for at any depth of all of it, and in texts that are JSON.
//!
//! A definition in a list of tools is redacted in its description alone: a schema in which something stands in the place of
//! something else is another schema. What must not be shown is looked for in all of it.

use super::findings::{Findings, Tally, Uninspected};
use super::keys;
use super::room::Room;
use super::walk::{ENVELOPE, Walk};
use crate::json::{Edits, Keys, Kind, Value};
use crate::policy::detectors::{Budget, TooMuchWork};
use crate::policy::{Over, RuleSet, Step};
use crate::rpc;

/// Inspects one message of a document. `is_result` tells that its size is limited as well.
///
/// # Errors
/// [`Uninspected`] if it must not be shown.
pub fn message<'r>(
    rules: &'r RuleSet,
    message: Value<'_>,
    is_result: bool,
    budget: &Budget,
    room: &mut Room,
) -> Result<Findings<'r>, Uninspected> {
    if rules.is_empty() {
        return Ok(Findings::default());
    }
    let mut walk = Walk::new(rules, budget, room);
    if rpc::looks_alike(message, &ENVELOPE) {
        return Err(Uninspected::Ambiguous);
    }
    let names = Keys::default();
    for result in results(message) {
        for path in &rules.paths {
            let mut see = |value| walk.mark(value, "path", &path.with);
            follow(result, &path.steps, (budget, &names), &mut see)?;
        }
        if let Some(max) = &rules.max_bytes
            && is_result
            && max.over == Over::Withhold
            && result.raw().len() > max.most
        {
            // Nothing of it is shown, so nothing more of it matters.
            return Ok(Findings {
                denied: Some(&max.rule),
                ..Findings::default()
            });
        }
    }
    if let Some(max) = &rules.max_bytes
        && is_result
        && message
            .get("error")
            .is_some_and(|error| error.raw().len() > max.most)
    {
        // An error is as good a way for text to come; it is never cut.
        return Ok(Findings {
            denied: Some(&max.rule),
            ..Findings::default()
        });
    }
    if is_result || message.get("method").is_some() || message.get("error").is_some() {
        for body in ["result", "params", "error"] {
            let body = message.get(body).into_iter();
            body.for_each(|body| {
                keys::under(body, &rules.keys, &mut |value, rule| {
                    walk.mark(value, "keys", &rule.with);
                });
            });
        }
    }
    walk.run(message, !is_result && !rules.definitions)
}

/// Redacts a plain text: what stands in its place, if anything is found.
///
/// # Errors
/// [`Uninspected`] if it would take too much work.
pub fn text(
    rules: &RuleSet,
    text: &str,
    budget: &Budget,
    room: &mut Room,
    tally: &mut Tally,
) -> Result<Option<String>, Uninspected> {
    let detectors = &rules.detectors;
    let matches = detectors.find(text, budget)?;
    let mut edits = Edits::default();
    for found in &matches {
        tally.add(detectors.name(found.rule), 1);
        let wanted = detectors.instead_of(text, found);
        let mask = room.mask(found.span.len(), wanted.len());
        edits.replace(found.span.clone(), mask.text(&wanted));
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
fn follow<'d>(
    value: Value<'d>,
    steps: &[Step],
    (budget, names): (&Budget, &Keys),
    see: &mut dyn FnMut(Value<'d>),
) -> Result<(), TooMuchWork> {
    /// What taking a note of a place takes, in looks at a byte: it is kept until the message is done.
    const NOTE: u64 = 16;
    /// What going to another value takes.
    const GO: u64 = 2;
    let Some((step, rest)) = steps.split_first() else {
        budget.spend(NOTE)?;
        see(value);
        return Ok(());
    };
    budget.spend(GO)?;
    let mut go = |value| follow(value, rest, (budget, names), see);
    match step {
        Step::Key(wanted) if value.kind() == Kind::Object => {
            let alike = names.alike(value, wanted, |units| budget.spend(units))?;
            alike.into_iter().try_for_each(go)
        }
        Step::Key(_) => Ok(()),
        Step::Index(index) => {
            // An element that is passed over is an eighth of a look.
            let passed = (*index).min(value.raw().len());
            budget.spend_bytes(passed.checked_div(8).unwrap_or(0))?;
            value.items().nth(*index).map_or(Ok(()), &mut go)
        }
        Step::Each => value.items().try_for_each(go),
    }
}
