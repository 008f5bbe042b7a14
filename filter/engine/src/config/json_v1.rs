//! The JSON v1 dialect of one entry: `require`, `deny_if`, `limits`.

use std::collections::HashMap;
use std::sync::Arc;

use super::compile::CounterBook;
use super::reader::{Field, Object, Reader, escape};
use super::wording;
use crate::counters::Window;
use crate::json::{Document, Kind};
use crate::policy::{
    Block, Condition, Cost, Entry, Limit, List, Operand, Path, Pattern, Relation, Rule, Scope,
    Test, UrlTest,
};

/// The operators, by what they take as `value`.
#[derive(Clone, Copy)]
enum Op {
    Equals(bool),
    Compare(Relation),
    In(bool),
    Exists,
    Regex,
    Contains,
    Prefix,
    Suffix,
    Url,
}

const OPS: [(&str, Op); 14] = [
    ("eq", Op::Equals(false)),
    ("neq", Op::Equals(true)),
    ("lt", Op::Compare(Relation::Less)),
    ("lte", Op::Compare(Relation::AtMost)),
    ("gt", Op::Compare(Relation::Greater)),
    ("gte", Op::Compare(Relation::AtLeast)),
    ("in", Op::In(false)),
    ("not_in", Op::In(true)),
    ("exists", Op::Exists),
    ("regex", Op::Regex),
    ("contains", Op::Contains),
    ("prefix", Op::Prefix),
    ("suffix", Op::Suffix),
    ("url", Op::Url),
];

/// Reads the rules of one entry. `base` is the pointer of the entry in refusals, such as `/tools/x`.
pub(super) fn entry(
    reader: &mut Reader,
    counters: &mut CounterBook,
    object: &mut Object<'_>,
    base: &str,
    entry: &mut Entry,
) {
    if let Some(field) = object.take("require") {
        let mut names = Names::new(format!("{base}/require"));
        for block in reader.list(&field) {
            let Some((conditions, on_deny)) = read_block(reader, block) else {
                continue;
            };
            let named = names.name_each(&conditions);
            let rule = |(condition, pointer): (Condition, String)| {
                let reason = on_deny
                    .clone()
                    .unwrap_or_else(|| wording::required(&condition, &pointer));
                (
                    condition,
                    Rule {
                        pointer: pointer.into(),
                        reason: reason.into(),
                    },
                )
            };
            entry.require.push(Block {
                conditions: conditions.into_iter().zip(named).map(rule).collect(),
            });
        }
    }
    if let Some(field) = object.take("deny_if") {
        let mut names = Names::new(format!("{base}/deny_if"));
        for block in reader.list(&field) {
            let Some((conditions, on_deny)) = read_block(reader, block) else {
                continue;
            };
            // A block that denies is named by its first condition.
            let Some(pointer) = names
                .name_each(conditions.get(..1).unwrap_or_default())
                .pop()
            else {
                continue;
            };
            let reason = on_deny.unwrap_or_else(|| wording::denied(&conditions, &pointer));
            let rule = Rule {
                pointer: pointer.into(),
                reason: reason.into(),
            };
            entry.deny_if.push(Block {
                conditions: conditions
                    .into_iter()
                    .map(|it| (it, rule.clone()))
                    .collect(),
            });
        }
    }
    if let Some(field) = object.take("limits") {
        for limit in reader.list(&field) {
            entry
                .limits
                .extend(read_limit(reader, counters, limit, base));
        }
    }
}

/// Names blocks by path and operator; what stands in a second block gets `-2`.
struct Names {
    section: String,
    blocks: HashMap<String, usize>,
}

impl Names {
    fn new(section: String) -> Self {
        Names {
            section,
            blocks: HashMap::new(),
        }
    }

    /// The pointers of the conditions of one block.
    fn name_each(&mut self, conditions: &[Condition]) -> Vec<String> {
        let mut words: Vec<String> = conditions
            .iter()
            .map(|condition| {
                format!(
                    "{}-{}",
                    escape(&condition.path.text),
                    op_name(&condition.test)
                )
            })
            .collect();
        let mut distinct = words.clone();
        distinct.sort_unstable();
        distinct.dedup();
        for word in distinct {
            let count = self.blocks.entry(word).or_default();
            *count = count.saturating_add(1);
        }
        for word in &mut words {
            match self.blocks.get(word) {
                Some(count) if *count > 1 => *word = format!("{}/{word}-{count}", self.section),
                _ => *word = format!("{}/{word}", self.section),
            }
        }
        words
    }
}

fn op_name(test: &Test) -> &'static str {
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

fn read_block(reader: &mut Reader, field: Field<'_>) -> Option<(Vec<Condition>, Option<String>)> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let on_deny = object.take("on_deny").and_then(|field| reader.text(&field));
    let conditions = match object.take("conditions") {
        Some(field) => Some(read_conditions(reader, &field)),
        None => {
            reader.error(&at, "a block needs `conditions`");
            None
        }
    };
    object.finish(reader);
    conditions
        .filter(|conditions| !conditions.is_empty())
        .map(|conditions| (conditions, on_deny))
}

/// Reads a list of conditions that must not be empty.
pub(super) fn read_conditions(reader: &mut Reader, field: &Field<'_>) -> Vec<Condition> {
    let items = reader.list(field);
    if field.value.kind() == Kind::Array && items.is_empty() {
        reader.error(
            &field.at,
            "`conditions` is empty; an empty list would always hold",
        );
    }
    items
        .into_iter()
        .filter_map(|item| read_condition(reader, item))
        .collect()
}

fn read_condition(reader: &mut Reader, field: Field<'_>) -> Option<Condition> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let path = match object.take("path") {
        Some(field) => read_path(reader, &field),
        None => {
            reader.error(&at, "a condition needs `path`, such as `args.amount`");
            None
        }
    };
    let op = match object.take("op") {
        Some(field) => reader.choice(&field, &OPS),
        None => {
            reader.error(&at, "a condition needs `op`, such as `eq` or `lte`");
            None
        }
    };
    let value = object.take("value");
    let value_from = object.take("value_from");
    object.finish(reader);
    let test = read_test(reader, &at, op?, value, value_from)?;
    Some(Condition { path: path?, test })
}

/// Reads a path of the policy language.
pub(super) fn read_path(reader: &mut Reader, field: &Field<'_>) -> Option<Path> {
    let text = reader.text(field)?;
    match Path::parse(&text) {
        Ok(path) => Some(path),
        Err(error) => {
            reader.error(&field.at, format!("`{text}` is no path: {error}"));
            None
        }
    }
}

/// A path that leads to at most one value.
fn read_single_path(reader: &mut Reader, field: &Field<'_>) -> Option<Path> {
    let path = read_path(reader, field)?;
    if path.has_each() {
        reader.error(
            &field.at,
            format!(
                "`{}` leads to several values; `[*]` is not possible here",
                path.text
            ),
        );
        return None;
    }
    Some(path)
}

fn read_test(
    reader: &mut Reader,
    at: &str,
    op: Op,
    value: Option<Field<'_>>,
    value_from: Option<Field<'_>>,
) -> Option<Test> {
    if let (Some(_), Some(from)) = (&value, &value_from) {
        reader.error(&from.at, "a condition has either `value` or `value_from`");
        return None;
    }
    if let Some(from) = value_from {
        let operand = Operand::Path(read_single_path(reader, &from)?);
        return match op {
            Op::Equals(negated) => Some(Test::Equals(operand, negated)),
            Op::Compare(relation) => Some(Test::Compare(relation, operand)),
            Op::Contains => Some(Test::Contains(operand)),
            Op::Prefix => Some(Test::Prefix(operand)),
            Op::Suffix => Some(Test::Suffix(operand)),
            Op::In(_) | Op::Exists | Op::Regex | Op::Url => {
                let message = "`value_from` works with eq, neq, lt, lte, gt, gte, contains, prefix and suffix; write a `value`";
                reader.error(&from.at, message);
                None
            }
        };
    }
    let Some(value) = value else {
        reader.error(at, "a condition needs `value` or `value_from`");
        return None;
    };
    match op {
        Op::Equals(negated) => Some(Test::Equals(
            Operand::Literal(reader.literal(&value)?),
            negated,
        )),
        Op::Compare(relation) => Some(Test::Compare(
            relation,
            Operand::Literal(reader.decimal(&value)?),
        )),
        Op::In(negated) => read_list(reader, &value).map(|list| Test::In(list, negated)),
        Op::Exists => reader.boolean(&value).map(Test::Exists),
        Op::Regex => {
            let pattern = reader.text(&value)?;
            match Pattern::new(&pattern) {
                Ok(pattern) => Some(Test::Regex(pattern)),
                Err(error) => {
                    reader.error(&value.at, format!("invalid regex `{pattern}`: {error}"));
                    None
                }
            }
        }
        Op::Contains => Some(Test::Contains(Operand::Literal(reader.literal(&value)?))),
        Op::Prefix => Some(Test::Prefix(Operand::Literal(read_text_literal(
            reader, &value,
        )?))),
        Op::Suffix => Some(Test::Suffix(Operand::Literal(read_text_literal(
            reader, &value,
        )?))),
        Op::Url => read_url(reader, value).map(Test::Url),
    }
}

fn read_text_literal(reader: &mut Reader, field: &Field<'_>) -> Option<Document<'static>> {
    reader.text(field)?;
    reader.literal(field)
}

fn read_list(reader: &mut Reader, field: &Field<'_>) -> Option<List> {
    let items = reader.list(field);
    if field.value.kind() != Kind::Array {
        return None;
    }
    let mut list = List {
        texts: Default::default(),
        others: Vec::new(),
    };
    for item in items {
        match item.value.as_str() {
            Some(text) => {
                list.texts.insert(text.into());
            }
            None => list.others.extend(reader.literal(&item)),
        }
    }
    Some(list)
}

fn read_url(reader: &mut Reader, field: Field<'_>) -> Option<UrlTest> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let mut words = |object: &mut Object<'_>, key: &'static str| {
        let field = object.take(key)?;
        let items = reader.list(&field);
        Some(
            items
                .iter()
                .filter_map(|item| reader.text(item))
                .map(|text| text.to_ascii_lowercase().into())
                .collect(),
        )
    };
    let test = UrlTest {
        hosts: words(&mut object, "host_in"),
        schemes: words(&mut object, "scheme_in"),
    };
    object.finish(reader);
    if test == UrlTest::default() {
        reader.error(
            &at,
            "`url` takes `{host_in: [...], scheme_in: [...]}`, at least one of them",
        );
        return None;
    }
    Some(test)
}

fn read_limit(
    reader: &mut Reader,
    counters: &mut CounterBook,
    field: Field<'_>,
    base: &str,
) -> Option<Limit> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let name = object.take("counter").and_then(|field| {
        let name = reader.text(&field)?;
        if name.is_empty() {
            reader.expected(&field, "a name");
            return None;
        }
        Some(name)
    });
    let max = object.take("max").and_then(|field| reader.amount(&field));
    let window = object
        .take("window")
        .and_then(|field| reader.choice(&field, &Window::NAMES));
    let scope = object
        .take("scope")
        .map_or(Some(Scope::default()), |field| {
            reader.choice(&field, &Scope::NAMES)
        });
    let cost = match object.take("increment_from") {
        Some(field) => read_single_path(reader, &field).map(Cost::From),
        None => Some(Cost::Fixed(1_000_000_000)),
    };
    let on_deny = object.take("on_deny").and_then(|field| reader.text(&field));
    let mut flag = |key| {
        object
            .take(key)
            .and_then(|field| reader.boolean(&field))
            .unwrap_or(false)
    };
    let (refund_on_tool_error, refund_on_unknown) =
        (flag("refund_on_tool_error"), flag("refund_on_unknown"));
    for key in ["counter", "max", "window"] {
        if !object.has(key) {
            reader.error(&at, format!("a limit needs `{key}`"));
        }
    }
    object.finish(reader);

    let (name, max, window, scope, cost) = (name?, max?, window?, scope?, cost?);
    let pointer: Arc<str> = format!("{base}/limits/{}", escape(&name)).into();
    let authored = on_deny.is_some();
    let reason = on_deny.unwrap_or_else(|| {
        let max = display_nanos(max);
        format!(
            "The limit of {max} per {} for `{name}` is reached (rule {pointer}).",
            window.name()
        )
    });
    let counter = counters.declare(reader, &at, &name, window, scope)?;
    let rule = Rule {
        pointer,
        reason: reason.into(),
    };
    Some(Limit {
        rule,
        authored,
        counter,
        max,
        cost,
        refund_on_tool_error,
        refund_on_unknown,
    })
}

/// A fixed-point amount as a plain decimal.
pub(crate) fn display_nanos(nanos: i128) -> String {
    let whole = nanos.div_euclid(1_000_000_000);
    let fraction = format!("{:09}", nanos.rem_euclid(1_000_000_000));
    match fraction.trim_end_matches('0') {
        "" => whole.to_string(),
        digits => format!("{whole}.{digits}"),
    }
}
