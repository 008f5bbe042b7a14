//! The `rules` of an entry, as Intercept and the articles on it write them.
//!
//! A rule is a requirement: its conditions must hold. Only under `action: require_approval` are they a trigger.
//! Everything compiles to what the JSON v1 dialect compiles to.

use std::sync::Arc;

use super::approval::{self, DEFAULT_HOLD, DEFAULT_TIMEOUT};
use super::conditions::{read_conditions, read_list, read_single_path};
use super::limits::{CounterBook, read_window};
use super::reader::{Field, Object, Reader};
use super::wording;
use crate::counters::{ONE, Window, display_nanos};
use crate::json::{Document, Limits};
use crate::policy::{
    Approval, Block, Condition, Cost, Counter, Entry, Limit, Max, Operand, Path, Relation,
    Requirement, Root, Rule, Scope, Step, Test, state_counter,
};
use crate::text::escape;

/// What a rule does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Evaluate,
    Deny,
    RequireApproval,
}

const ACTIONS: [(&str, Action); 3] = [
    ("evaluate", Action::Evaluate),
    ("deny", Action::Deny),
    ("require_approval", Action::RequireApproval),
];

/// Reads `rules`.
pub(super) fn entry(
    reader: &mut Reader,
    counters: &mut CounterBook,
    field: &Field<'_>,
    tool: &str,
    base: &str,
    entry: &mut Entry,
) {
    let mut names: Vec<String> = Vec::new();
    for (index, rule) in reader.list(field).into_iter().enumerate() {
        let at = rule.at.clone();
        let Some(mut object) = reader.object(rule) else {
            continue;
        };
        let name = object
            .take("name")
            .and_then(|field| read_name(reader, &field, &mut names));
        let pointer = format!(
            "{base}/rules/{}",
            name.as_deref()
                .map_or_else(|| index.to_string().into(), escape)
        );
        read_rule(reader, counters, &mut object, tool, &at, pointer, entry);
        object.finish(reader);
    }
}

/// A name that cannot be mistaken for an index, and stands once.
fn read_name(reader: &mut Reader, field: &Field<'_>, names: &mut Vec<String>) -> Option<String> {
    let name = reader.name(field)?;
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        reader.expected(field, "a name that is not made of digits only");
        return None;
    }
    if names.contains(&name) {
        reader.error(&field.at, format!("two rules are named `{name}`"));
    }
    names.push(name.clone());
    Some(name)
}

fn read_rule(
    reader: &mut Reader,
    counters: &mut CounterBook,
    object: &mut Object<'_>,
    tool: &str,
    at: &str,
    pointer: String,
    entry: &mut Entry,
) {
    let action = match object.take("action") {
        Some(field) => reader.choice(&field, &ACTIONS).unwrap_or(Action::Evaluate),
        None => Action::Evaluate,
    };
    let on_deny = object.take("on_deny").and_then(|field| reader.text(&field));
    let has_conditions = object.has("conditions");
    let mut conditions = object
        .take("conditions")
        .map(|field| read_conditions(reader, &field))
        .unwrap_or_default();
    let timeout = object
        .take("approval_timeout")
        .and_then(|field| approval::read_timeout(reader, &field));
    let approvers = object
        .take("approvers")
        .map(|field| approval::read_approvers(reader, &field));
    let naming = Naming {
        pointer: pointer.into(),
        on_deny,
    };
    let pointer = &naming.pointer;
    let extras = ["rate_limit", "state", "spend", "arguments"]
        .into_iter()
        .filter(|key| object.has(key));
    let extras: Vec<&str> = extras.collect();
    if timeout.is_some() && action != Action::RequireApproval {
        reader.error(
            at,
            "`approval_timeout` goes with `action: require_approval`",
        );
    }
    if approvers.is_some() && action != Action::RequireApproval {
        reader.error(at, "`approvers` goes with `action: require_approval`");
    }
    match action {
        Action::Deny => {
            if has_conditions {
                reader.error(
                    at,
                    "a rule with `action: deny` has no conditions: it always denies",
                );
            }
            let never = format!(
                "Tool \"{}\" is not permitted by policy (rule {pointer}).",
                tool
            );
            entry.require.push(Requirement::Never(naming.rule(never)));
        }
        Action::RequireApproval => {
            let reason = format!("This call needs a person's approval (rule {pointer}).");
            let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
            let asked = Approval {
                rule: naming.rule(reason),
                when: std::mem::take(&mut conditions),
                timeout,
                hold: DEFAULT_HOLD,
                approvers: approvers.unwrap_or_default(),
            };
            entry.approvals.push(asked);
        }
        Action::Evaluate if !has_conditions && extras.is_empty() => {
            reader.error(
                at,
                "a rule needs `conditions`, `rate_limit`, `spend`, `arguments` or another `action`",
            );
        }
        Action::Evaluate => {}
    }
    if action != Action::Evaluate
        && let Some(extra) = extras.first()
    {
        reader.error(
            at,
            format!("`{extra}` cannot be combined with this `action`; use a rule of its own"),
        );
    }
    let mut limits = Vec::new();
    if let Some(field) = object.take("rate_limit") {
        if has_conditions || object.has("state") {
            let advice =
                "`rate_limit` cannot be combined with `conditions` or `state`; use separate rules";
            reader.error(at, advice);
        }
        limits.push(read_rate_limit(reader, counters, &field, tool, &naming));
    }
    if let Some(field) = object.take("state") {
        if !has_conditions {
            reader.error(at, "a rule with `state` needs `conditions`");
        }
        limits.push(read_state(
            reader,
            counters,
            field,
            tool,
            &mut conditions,
            &naming,
        ));
    }
    if let Some(field) = object.take("spend") {
        let (caps, daily) = read_spend(reader, counters, field, tool, &naming);
        conditions.extend(caps);
        limits.push(daily);
    }
    if let Some(field) = object.take("arguments") {
        conditions.extend(read_arguments(reader, &field));
    }
    for limit in limits.into_iter().flatten() {
        if entry
            .limits
            .iter()
            .any(|other| other.counter.name == limit.counter.name)
        {
            let shown = limit.counter.name.rsplit('.').next().unwrap_or_default();
            reader.error(
                at,
                format!("counter `{shown}` is used by two rules of this tool"),
            );
        }
        entry.limits.push(limit);
    }
    if !conditions.is_empty() {
        let named = |condition: Condition| {
            let rule = naming.rule(wording::required(&condition, pointer));
            (condition, rule)
        };
        entry.require.push(Requirement::Block(Block {
            conditions: conditions.into_iter().map(named).collect(),
        }));
    }
}

fn counter(tool: &str, name: &str, window: Window) -> Counter {
    Counter {
        name: state_counter(tool, name).into(),
        window,
        scope: Scope::Grant,
        per_currency: false,
    }
}

/// How a rule is named in refusals.
struct Naming {
    pointer: Arc<str>,
    on_deny: Option<String>,
}

impl Naming {
    /// The rule, with the author's words or else these.
    fn rule(&self, default: String) -> Rule {
        let reason = self.on_deny.clone().unwrap_or(default).into();
        Rule {
            pointer: Arc::clone(&self.pointer),
            reason,
        }
    }

    /// Whether the words are the author's.
    fn is_authored(&self) -> bool {
        self.on_deny.is_some()
    }
}

fn limit(rule: Rule, authored: bool, counter: Arc<Counter>, max: Max, cost: Cost) -> Limit {
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
fn read_rate_limit(
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
fn read_state(
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

/// `spend: {per_call, daily, amount}`: the amount must be there, a number, and not negative.
fn read_spend(
    reader: &mut Reader,
    counters: &mut CounterBook,
    field: Field<'_>,
    tool: &str,
    naming: &Naming,
) -> (Vec<Condition>, Option<Limit>) {
    let at = field.at.clone();
    let Some(mut object) = reader.object(field) else {
        return (Vec::new(), None);
    };
    let path = match object.take("amount") {
        Some(field) => read_single_path(reader, &field),
        None => Path::parse("args.amount").ok(),
    };
    let per_call = object.take("per_call");
    let daily = object.take("daily");
    if per_call.is_none() && daily.is_none() {
        reader.error(&at, "`spend` needs `per_call`, `daily` or both");
    }
    let per_call = per_call.and_then(|field| reader.amount(&field).and(reader.decimal(&field)));
    let daily = daily.and_then(|field| reader.amount(&field));
    object.finish(reader);
    let Some(path) = path else {
        return (Vec::new(), None);
    };

    let mut caps = Vec::new();
    let zero = Document::parse_owned("0".to_owned(), &Limits::WIRE).ok();
    let bound = |relation, literal| Condition {
        path: path.clone(),
        test: Test::Compare(relation, Operand::Literal(literal)),
    };
    caps.extend(zero.map(|zero| bound(Relation::AtLeast, zero)));
    caps.extend(per_call.map(|cap| bound(Relation::AtMost, cap)));
    let limit = daily.and_then(|max| {
        let counter = counters.declare(reader, &at, counter(tool, "_spend_daily", Window::Day))?;
        let rule = naming.rule(format!(
            "The daily budget of {} is used up.",
            display_nanos(max)
        ));
        Some(limit(
            rule,
            naming.is_authored(),
            counter,
            Max::Amount(max),
            Cost::From(path.clone()),
        ))
    });
    (caps, limit)
}

/// `arguments: {x: {enum: [...]}}`: each key is the name of one argument, dots and all.
fn read_arguments(reader: &mut Reader, field: &Field<'_>) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for (argument, field) in reader.map(field) {
        let at = field.at.clone();
        let Some(mut object) = reader.object(field) else {
            continue;
        };
        match object.take("enum") {
            Some(field) => {
                let Some(list) = read_list(reader, &field) else {
                    continue;
                };
                let text = format!("args.{argument}");
                let path = Path {
                    root: Root::Args,
                    steps: vec![Step::Key(argument.into())],
                    text: text.into(),
                };
                conditions.push(Condition {
                    path,
                    test: Test::In(list, false),
                });
            }
            None => reader.error(
                &at,
                "an argument needs `enum`; for other checks write `conditions`",
            ),
        }
        object.finish(reader);
    }
    conditions
}
