//! Holding a value to a schema. The first thing that does not fit is told in words an agent can act on; values are not.

use super::{Check, Counted, NodeId, Relation, Schema, number, types};
use crate::json::is_unprintable;
use crate::json::{Kind, Text, Value, canonical};
use crate::names::NameMap;
use crate::order;
use crate::policy::{Budget, Pattern};

/// Deepest nesting of schemas that are applied to each other and to values in values.
const DEPTH: usize = 128;

/// What a check takes, in looks at a byte.
const CHECK: usize = 4;

/// What putting a failure into words takes, besides the names of its place.
const FAILURE: usize = 12;

/// What a value takes for each byte to be put into its canonical form.
const CANONICAL: usize = 6;

/// Longest text in a message, in characters.
const LONG: usize = 200;

impl Schema {
    /// What does not fit, as a clause that names its place; `None` if everything does. All work is paid from the budget; beyond it
    /// nothing fits.
    pub fn judge(&self, value: Value<'_>, budget: &Budget) -> Option<String> {
        let mut judge = Judge {
            schema: self,
            budget,
            path: Vec::new(),
            depth: 0,
        };
        judge.apply(0, value).err().map(Failure::text)
    }
}

/// A step from a value into it.
#[derive(Clone, Copy)]
enum Step<'v> {
    Key(Text<'v>),
    Index(usize),
}

/// Something that does not fit.
struct Failure {
    /// JSON Pointer of the value.
    at: String,
    /// How deep it stands.
    depth: usize,
    /// What it must be, after "must".
    must: String,
    /// Nothing more can be told: no alternative is tried.
    is_final: bool,
}

impl Failure {
    fn text(self) -> String {
        let mut text = String::new();
        if self.at.is_empty() {
            text.push_str("the arguments");
        } else {
            push_quoted(&mut text, &self.at);
        }
        text.push_str(" must ");
        text.push_str(&self.must);
        text
    }
}

struct Judge<'s, 'v> {
    schema: &'s Schema,
    /// What may still be spent.
    budget: &'s Budget,
    /// Where the value at hand stands.
    path: Vec<Step<'v>>,
    /// How many schemas are being applied.
    depth: usize,
}

type Outcome = Result<(), Failure>;

impl<'v> Judge<'_, 'v> {
    fn failure(&self, must: impl Into<String>) -> Failure {
        // What fails may be tried again in as many forms as the schema has. A budget that is over shows with the next check.
        let names = self.path.iter().map(|step| match step {
            Step::Key(key) => key.raw().len(),
            Step::Index(_) => 8,
        });
        let _over = self
            .budget
            .spend_bytes(names.fold(FAILURE, usize::saturating_add));
        let mut at = String::new();
        for step in &self.path {
            at.push('/');
            match step {
                Step::Key(key) => at.push_str(&crate::text::escape(&key.decode())),
                Step::Index(index) => at.push_str(&index.to_string()),
            }
        }
        Failure {
            at,
            depth: self.path.len(),
            must: must.into(),
            is_final: false,
        }
    }

    fn spend(&self, steps: usize) -> Outcome {
        let spent = self.budget.spend_bytes(steps);
        spent.map_err(|_| self.too("large"))
    }

    fn finds(&self, pattern: &Pattern, text: &str) -> Result<bool, Failure> {
        let found = pattern.is_match(text, self.budget);
        found.map_err(|_| self.too("large"))
    }

    fn too(&self, what: &str) -> Failure {
        let mut must = String::from("not be so ");
        must.push_str(what);
        must.push_str(" that it cannot be checked");
        Failure {
            is_final: true,
            ..self.failure(must)
        }
    }

    /// Applies one schema to one value. Recursion is bounded by [`DEPTH`].
    fn apply(&mut self, node: NodeId, value: Value<'v>) -> Outcome {
        if self.depth >= DEPTH {
            return Err(self.too("deep"));
        }
        self.depth = self.depth.saturating_add(1);
        let schema = self.schema;
        let checks = schema.nodes.get(node).map_or(&[][..], Vec::as_slice);
        let outcome = checks.iter().try_for_each(|check| self.check(check, value));
        self.depth = self.depth.saturating_sub(1);
        outcome
    }

    /// Applies a schema to a value within the one at hand.
    fn enter(&mut self, step: Step<'v>, node: NodeId, value: Value<'v>) -> Outcome {
        self.path.push(step);
        let outcome = self.apply(node, value);
        self.path.pop();
        outcome
    }

    fn demand(&self, holds: bool, must: impl FnOnce() -> String) -> Outcome {
        if holds {
            Ok(())
        } else {
            Err(self.failure(must()))
        }
    }

    fn check(&mut self, check: &Check, value: Value<'v>) -> Outcome {
        self.spend(CHECK)?;
        let schema = self.schema;
        let literal = |place: usize| schema.document.at(place);
        match check {
            Check::Never => Err(self.failure("not be there")),
            Check::Type(mask) => self.demand(has_type(value, *mask), || {
                let names = types::NAMES.iter().filter(|(_, bit, _)| mask & bit != 0);
                let mut must = String::from("be ");
                for (index, (_, _, name)) in names.enumerate() {
                    if index > 0 {
                        must.push_str(" or ");
                    }
                    must.push_str(name);
                }
                must
            }),
            Check::Enum(place) => {
                let mut fits = false;
                for item in literal(*place).items() {
                    fits |= self.equal(item, value)?;
                }
                self.demand(fits, || {
                    let mut must = String::from("be one of ");
                    push_excerpt(&mut must, literal(*place).raw());
                    must
                })
            }
            Check::Const(place) => {
                let fits = self.equal(literal(*place), value)?;
                self.demand(fits, || {
                    let mut must = String::from("be ");
                    push_excerpt(&mut must, literal(*place).raw());
                    must
                })
            }
            Check::Bound(relation, place) => {
                let limit = literal(*place);
                let (Some(number), Some(bound)) = (value.as_decimal(), limit.as_decimal()) else {
                    return Ok(());
                };
                let order = number.compare(&bound);
                let (holds, word) = match relation {
                    Relation::AtLeast => (order.is_ge(), "be at least "),
                    Relation::AtMost => (order.is_le(), "be at most "),
                    Relation::Above => (order.is_gt(), "be more than "),
                    Relation::Below => (order.is_lt(), "be less than "),
                };
                self.demand(holds, || [word, limit.raw()].concat())
            }
            Check::Multiple(divisor, place) => {
                let Some(number) = value.as_decimal() else {
                    return Ok(());
                };
                self.spend(value.raw().len())?;
                self.demand(divisor.divides(&number), || {
                    ["be a multiple of ", literal(*place).raw()].concat()
                })
            }
            Check::Count(counted, most, limit) => self.count(*counted, *most, *limit, value),
            Check::Pattern(pattern) => {
                let Some(text) = value.as_str() else {
                    return Ok(());
                };
                let found = self.finds(pattern, &text)?;
                self.demand(found, || {
                    let mut must = String::from("match the pattern ");
                    push_excerpt(&mut must, pattern.source());
                    must
                })
            }
            Check::Unique => self.unique(value),
            Check::Required(place) => {
                if value.kind() != Kind::Object {
                    return Ok(());
                }
                for name in literal(*place).items().filter_map(|name| name.as_str()) {
                    self.spend(value.members().count())?;
                    self.demand(value.get(&name).is_some(), || {
                        let mut must = String::from("have ");
                        push_quoted(&mut must, &name);
                        must
                    })?;
                }
                Ok(())
            }
            Check::Members {
                named,
                matching,
                others,
            } => {
                for (key, member) in value.members() {
                    let name = key.decode();
                    self.spend(16)?;
                    let step = Step::Key(key);
                    let mut is_other = true;
                    if let Some(node) = named.get(&name) {
                        is_other = false;
                        self.enter(step, *node, member)?;
                    }
                    for (pattern, node) in matching {
                        if self.finds(pattern, &name)? {
                            is_other = false;
                            self.enter(step, *node, member)?;
                        }
                    }
                    if let Some(node) = others.filter(|_| is_other) {
                        self.enter(step, node, member)
                            .map_err(|failure| with_names(failure, named))?;
                    }
                }
                Ok(())
            }
            Check::Names(node) => {
                let mut members = value.members();
                while let Some((key, _)) = members.next_with_key() {
                    if let Some(text) = key.as_text() {
                        self.enter(Step::Key(text), *node, key)?;
                    }
                }
                Ok(())
            }
            Check::Elements(first, others) => {
                for (index, item) in value.items().enumerate() {
                    let Some(node) = first.get(index).or(others.as_ref()) else {
                        break;
                    };
                    self.enter(Step::Index(index), *node, item)?;
                }
                Ok(())
            }
            Check::Also(node) => self.apply(*node, value),
            Check::Any(nodes) => match self.fitting(nodes, value)? {
                (0, Some(failure)) => Err(failure),
                _ => Ok(()),
            },
            Check::One(nodes) => match self.fitting(nodes, value)? {
                (1, _) => Ok(()),
                (0, Some(failure)) => Err(failure),
                _ => Err(self.failure("fit exactly one of the forms its schema names")),
            },
            Check::Not(node) => match self.apply(*node, value) {
                Err(failure) if failure.is_final => Err(failure),
                Err(_) => Ok(()),
                Ok(()) => Err(self.failure("not have the form its schema excludes")),
            },
        }
    }

    /// How many of these schemas fit, and what is told if none does: the alternatives where each rules the value itself
    /// out, else what is wrong with the one that went deepest into it.
    fn fitting(
        &mut self,
        nodes: &[NodeId],
        value: Value<'v>,
    ) -> Result<(usize, Option<Failure>), Failure> {
        let mut fitting = 0_usize;
        let mut told: Option<Failure> = None;
        for node in nodes {
            let failure = match self.apply(*node, value) {
                Ok(()) => {
                    fitting = fitting.saturating_add(1);
                    continue;
                }
                Err(failure) if failure.is_final => return Err(failure),
                Err(failure) => failure,
            };
            told = Some(match told {
                Some(mut told) if told.depth == failure.depth && told.at == failure.at => {
                    if told.must.len() < LONG && told.must != failure.must {
                        told.must.push_str(", or ");
                        told.must.push_str(&failure.must);
                    }
                    told
                }
                Some(told) if told.depth > failure.depth => told,
                _ => failure,
            });
        }
        Ok((fitting, told))
    }

    fn equal(&mut self, literal: Value<'_>, value: Value<'v>) -> Result<bool, Failure> {
        let bytes = value.raw().len();
        let size = match value.kind() {
            kind if kind != literal.kind() => 0,
            // Members are put into the order of their keys.
            Kind::Object | Kind::Array => bytes.saturating_mul(CANONICAL),
            _ => bytes.checked_div(8).unwrap_or(0),
        };
        self.spend(size.saturating_add(CHECK))?;
        Ok(literal.equals(&value))
    }

    fn count(&mut self, counted: Counted, most: bool, limit: u64, value: Value<'v>) -> Outcome {
        self.spend(value.raw().len().checked_div(16).unwrap_or(0))?;
        let (count, one, several) = match (counted, value.kind()) {
            (Counted::Characters, Kind::PlainString | Kind::EscapedString) => {
                let text = value.as_str().unwrap_or_default();
                (text.chars().count(), " character", " characters")
            }
            (Counted::Items, Kind::Array) => (value.items().count(), " item", " items"),
            (Counted::Properties, Kind::Object) => (value.members().count(), " member", " members"),
            _ => return Ok(()),
        };
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let (holds, word) = match most {
            true => (count <= limit, "have at most "),
            false => (count >= limit, "have at least "),
        };
        self.demand(holds, || {
            let unit = if limit == 1 { one } else { several };
            [word, &limit.to_string(), unit].concat()
        })
    }

    fn unique(&mut self, value: Value<'v>) -> Outcome {
        if value.kind() != Kind::Array {
            return Ok(());
        }
        self.spend(value.raw().len().saturating_mul(CANONICAL))?;
        let items: Vec<String> = value.items().map(canonical).collect();
        let has_twins = order::has_twins(items.iter().map(String::as_str));
        self.demand(!has_twins, || "have no two equal items".to_owned())
    }
}

fn has_type(value: Value<'_>, mask: u8) -> bool {
    let bit = match value.kind() {
        Kind::Null => types::NULL,
        Kind::True | Kind::False => types::BOOLEAN,
        Kind::PlainString | Kind::EscapedString => types::STRING,
        Kind::Array => types::ARRAY,
        Kind::Object => types::OBJECT,
        Kind::Number => types::NUMBER,
    };
    let is_whole = || {
        let plain = |byte: u8| byte == b'-' || byte.is_ascii_digit();
        value.raw().bytes().all(plain) || value.as_decimal().as_ref().is_some_and(number::is_whole)
    };
    mask & bit != 0 || bit == types::NUMBER && mask & types::INTEGER != 0 && is_whole()
}

/// A member nothing names: which names there are.
fn with_names(mut failure: Failure, named: &NameMap<NodeId>) -> Failure {
    if failure.must != "not be there" || named.is_empty() {
        return failure;
    }
    failure.must.push_str("; there is only");
    for (index, name) in named.names().enumerate() {
        if failure.must.len() > LONG {
            failure.must.push_str(" …");
            break;
        }
        failure.must.push_str(if index > 0 { ", " } else { " " });
        push_quoted(&mut failure.must, name);
    }
    failure
}

/// A text of the schema, as far as it is short and printable.
fn push_excerpt(out: &mut String, text: &str) {
    for (index, char) in text.chars().enumerate() {
        if index >= LONG {
            out.push('…');
            break;
        }
        out.push(if is_unprintable(char) {
            '\u{fffd}'
        } else {
            char
        });
    }
}

fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    push_excerpt(out, text);
    out.push('"');
}
