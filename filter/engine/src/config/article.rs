//! What a rule says in short: `spend` and `arguments`, as the articles on Intercept write them.

use super::conditions::{read_list, read_single_path};
use super::limits::CounterBook;
use super::naming::Naming;
use super::reader::{Field, Reader};
use super::rule_limits::{counter, limit};
use crate::counters::{Window, display_nanos};
use crate::json::{Document, Limits};
use crate::policy::{Condition, Cost, Limit, Max, Operand, Path, Relation, Root, Step, Test};

/// `spend: {per_call, daily, amount}`: the amount must be there, a number, and not negative.
pub(super) fn read_spend(
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
pub(super) fn read_arguments(reader: &mut Reader, field: &Field<'_>) -> Vec<Condition> {
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
