//! What a rule counts: Intercept's `rate_limit` and `state`.

use std::sync::Arc;

use super::conditions::read_single_path;
use super::limits::{CounterBook, read_window};
use super::naming::Naming;
use super::reader::{Field, Reader};
use crate::counters::{ONE, Window, display_nanos};
use crate::policy::{
    Condition, Cost, Counter, Limit, Max, Operand, Relation, Rule, Scope, Test, state_counter,
};

pub(super) fn counter(tool: &str, name: &str, window: Window) -> Counter {
    Counter {
        name: state_counter(tool, name).into(),
        window,
        scope: Scope::Grant,
        per_currency: false,
    }
}

pub(super) fn limit(
    rule: Rule,
    authored: bool,
    counter: Arc<Counter>,
    max: Max,
    cost: Cost,
) -> Limit {
    Limit {
        rule,
        authored,
        counter,
        max,
        cost,
        refund_on_tool_error: false,
        refund_on_unknown: false,
    }
}

/// `rate_limit: N/window`.
pub(super) fn read_rate_limit(
    reader: &mut Reader,
    counters: &mut CounterBook,
    field: &Field<'_>,
    tool: &str,
    naming: &Naming,
) -> Option<Limit> {
    let text = reader.text(field)?;
    let Some((count, word)) = text.split_once('/') else {
        reader.expected(field, "`N/window`, such as `5/hour`");
        return None;
    };
    let digits = count.strip_prefix('+').unwrap_or(count);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let Some(count) = plain
        .then(|| digits.parse::<u64>().ok())
        .flatten()
        .filter(|count| *count > 0)
    else {
        reader.expected(field, "a positive whole number before the `/`");
        return None;
    };
    let calendar = Window::CALENDAR
        .into_iter()
        .find(|(name, _)| *name == word)
        .map(|(_, window)| window);
    let Some(window) = calendar.or_else(|| Window::parse_rolling(word)) else {
        let names = Window::CALENDAR.map(|(name, _)| name);
        let suggestion = super::error::nearest(word, names).map(|name| format!("{count}/{name}"));
        let expected = super::reader::alternatives(&names);
        reader.error_with(
            &field.at,
            format!("expected {expected} after the `/`, found `{word}`"),
            suggestion,
        );
        return None;
    };
    let declared = counter(tool, &format!("_rate_{word}"), window);
    let counter = counters.declare(reader, &field.at, declared)?;
    // Intercept's own words; the time to wait is not part of them.
    let rule = naming.rule(format!(
        "Rate limit of {count} {} reached. Try again later.",
        window.phrase()
    ));
    let max = i128::from(count).checked_mul(ONE)?;
    Some(limit(
        rule,
        true,
        counter,
        Max::Amount(max),
        Cost::Fixed(ONE),
    ))
}

/// `state: {counter, window, increment, increment_from}`. The first `lt` or `lte` on the rule's own counter becomes
/// its limit; without one it only counts.
pub(super) fn read_state(
    reader: &mut Reader,
    counters: &mut CounterBook,
    field: Field<'_>,
    tool: &str,
    conditions: &mut Vec<Condition>,
    naming: &Naming,
) -> Option<Limit> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let name = object.take("counter").and_then(|field| {
        let name = reader.name(&field)?;
        if name.contains('.') {
            reader.expected(
                &field,
                "a name without dots: `state.<tool>.<counter>` is read up to the last dot",
            );
            return None;
        }
        Some(name)
    });
    let window = object
        .take("window")
        .and_then(|field| read_window(reader, &field));
    let increment = object.take("increment").map(|field| reader.amount(&field));
    let from = object
        .take("increment_from")
        .map(|field| read_single_path(reader, &field));
    for key in ["counter", "window"] {
        if !object.has(key) {
            reader.error(&at, format!("`state` needs `{key}`"));
        }
    }
    object.finish(reader);
    let cost = match (increment, from) {
        (None, None) => Cost::Fixed(ONE),
        (Some(increment), None) => Cost::Fixed(increment?),
        (None, Some(from)) => Cost::From(from?),
        (Some(_), Some(_)) => {
            reader.error(&at, "`state` has either `increment` or `increment_from`");
            return None;
        }
    };
    let (name, window) = (name?, window?);
    let counter = counters.declare(reader, &at, counter(tool, &name, window))?;
    let ceiling = conditions.iter().position(|condition| {
        condition.path.counter() == Some(&*counter.name) && ceiling_of(&condition.test).is_some()
    });
    let max = match ceiling {
        Some(index) => {
            let condition = conditions.remove(index);
            Max::Amount(ceiling_of(&condition.test)?)
        }
        None => Max::Unlimited,
    };
    let most = if let Max::Amount(max) = &max {
        format!(" of {}", display_nanos(*max))
    } else {
        String::new()
    };
    let rule = naming.rule(format!(
        "The limit{most} {} for `{name}` is reached.",
        window.phrase()
    ));
    Some(limit(rule, naming.is_authored(), counter, max, cost))
}

/// The most a counter may reach under `lte N` or `lt N`: one unit of 10^-9 less for the latter.
fn ceiling_of(test: &Test) -> Option<i128> {
    let Test::Compare(relation, Operand::Literal(literal)) = test else {
        return None;
    };
    let nanos = literal.root().as_decimal()?.to_nanos()?;
    match relation {
        Relation::AtMost => Some(nanos),
        Relation::Less => nanos.checked_sub(1),
        Relation::Greater | Relation::AtLeast => None,
    }
}
