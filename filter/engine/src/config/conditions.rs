//! Conditions: `{path, op, value | value_from}`.

use super::reader::{Field, Reader};
use crate::json::{Document, Kind};
use crate::policy::{Condition, List, Operand, Path, Pattern, Relation, Test, UrlTest};

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
        Ok(path) => {
            if let Some(counter) = path.counter() {
                reader.reads_counter(&field.at, counter);
            }
            Some(path)
        }
        Err(error) => {
            reader.error(&field.at, format!("`{text}` is no path: {error}"));
            None
        }
    }
}

/// A path that leads to at most one value.
pub(super) fn read_single_path(reader: &mut Reader, field: &Field<'_>) -> Option<Path> {
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
    if let Op::Equals(_) | Op::In(_) = op {
        reader.check_booleans(&value);
        reader.check_mixed(&value);
    }
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

/// Reads the elements of a list.
pub(super) fn read_list(reader: &mut Reader, field: &Field<'_>) -> Option<List> {
    let items = reader.list(field);
    if field.value.kind() != Kind::Array {
        return None;
    }
    let mut list = List::default();
    for item in items {
        reader.check_doubles(&item);
        list.insert(item.value);
    }
    Some(list)
}

/// What a host has to be.
pub(super) const HOSTS: &str =
    "a host such as `acme.com`, or `.acme.com` with its subdomains; no scheme, port or `*`";

/// Reads the words of a `url` test; one that could never match would be a rule that does nothing.
pub(super) fn read_words(
    reader: &mut Reader,
    field: &Field<'_>,
    expected: &str,
    read: fn(&str) -> Option<Box<str>>,
) -> Vec<Box<str>> {
    let items = reader.list(field);
    if field.value.kind() == Kind::Array && items.is_empty() {
        reader.expected(field, "at least one element");
    }
    let mut words = Vec::new();
    for item in items {
        match item.value.as_str().and_then(|text| read(&text)) {
            Some(word) => words.push(word),
            None => reader.expected(&item, expected),
        }
    }
    words
}

fn read_url(reader: &mut Reader, field: Field<'_>) -> Option<UrlTest> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let hosts = object
        .take("host_in")
        .map(|field| read_words(reader, &field, HOSTS, UrlTest::host));
    let schemes = object
        .take("scheme_in")
        .map(|field| read_words(reader, &field, "a scheme such as `https`", UrlTest::scheme));
    let test = UrlTest { hosts, schemes };
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
