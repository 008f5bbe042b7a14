//! Arguments held to a JSON Schema: the part of 2020-12 and draft 7 that MCP servers write.
//!
//! [`Schema::compile`] turns a schema into a table of checks, once; [`Schema::judge`] holds a value to it. Enforced are
//! `type`, `enum`, `const`, `required`, `properties`, `patternProperties`, `additionalProperties`, `propertyNames`,
//! `minProperties`, `maxProperties`, `items`, `prefixItems`, `additionalItems`, `minItems`, `maxItems`, `uniqueItems`,
//! `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, `minLength`, `maxLength`, `pattern`,
//! `allOf`, `anyOf`, `oneOf`, `not`, and `$ref` within the schema. Annotations (`title`, `default`, `format`, …) ask for
//! nothing. What else a schema says is a [`Gap`]: it is not enforced here, the server still may, and `toolgate check`
//! names it. Numbers are exact, texts are counted in code points, equality is deep.
//!
//! Work is bounded: by the budget of the call, and by levels of schemas; what is beyond either does not fit.

mod compile;
mod judge;
mod number;

use crate::json::Document;
use crate::names::NameMap;
use crate::policy::Pattern;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    /// The schema itself: checks refer to values in it by their place.
    document: Document<'static>,
    /// The checks of each schema in it; the first is the whole.
    nodes: Vec<Vec<Check>>,
    /// What is not enforced.
    gaps: Vec<Gap>,
    /// How many patterns there are among the checks.
    patterns: usize,
}

/// Something a schema says that is not enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The place of the value in the schema, as [`Value::place`](crate::json::Value::place) counts.
    pub place: usize,
    /// Why.
    pub kind: GapKind,
}

/// Why something is not enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapKind {
    /// A keyword that asks for something this does not check.
    Keyword,
    /// A keyword that is none of JSON Schema's.
    Unknown,
    /// A value its keyword cannot have.
    Malformed,
    /// A pattern that RE2 does not have, or reads differently.
    Pattern,
    /// A `$ref` that leads out of the schema, or nowhere.
    Reference,
}

/// Index of a schema's checks in [`Schema::nodes`].
type NodeId = usize;

/// One thing a value has to satisfy.
#[derive(Debug)]
enum Check {
    /// Nothing does: the schema `false`.
    Never,
    /// One of these types: bits of [`types`].
    Type(u8),
    /// One of the elements of the list at this place.
    Enum(usize),
    /// Equal to the value at this place.
    Const(usize),
    /// A number in a relation to that at this place.
    Bound(Relation, usize),
    /// A multiple of the number at this place.
    Multiple(number::Divisor, usize),
    /// So many of something, at least (`false`) or at most (`true`).
    Count(Counted, bool, u64),
    /// A text in which this is found.
    Pattern(Pattern),
    /// No two equal elements.
    Unique,
    /// An object with the keys in the list at this place.
    Required(usize),
    /// An object with such members.
    Members {
        /// By name.
        named: NameMap<NodeId>,
        /// By pattern.
        matching: Vec<(Pattern, NodeId)>,
        /// Those that neither names.
        others: Option<NodeId>,
    },
    /// An object whose keys satisfy this.
    Names(NodeId),
    /// An array whose first elements satisfy these, and others that.
    Elements(Vec<NodeId>, Option<NodeId>),
    /// This too.
    Also(NodeId),
    /// At least one of these.
    Any(Vec<NodeId>),
    /// Exactly one of these.
    One(Vec<NodeId>),
    /// Not this.
    Not(NodeId),
}

impl Check {
    /// How many patterns it holds.
    fn patterns(&self) -> usize {
        match self {
            Check::Pattern(_) => 1,
            Check::Members { matching, .. } => matching.len(),
            _ => 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    AtLeast,
    AtMost,
    Above,
    Below,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Characters,
    Items,
    Properties,
}

/// Types as bits, with their names in schemas and in messages.
mod types {
    pub(super) const NUMBER: u8 = 1;
    pub(super) const INTEGER: u8 = 2;
    pub(super) const STRING: u8 = 4;
    pub(super) const BOOLEAN: u8 = 8;
    pub(super) const OBJECT: u8 = 16;
    pub(super) const ARRAY: u8 = 32;
    pub(super) const NULL: u8 = 64;

    pub(super) const NAMES: [(&str, u8, &str); 7] = [
        ("number", NUMBER, "a number"),
        ("integer", INTEGER, "an integer"),
        ("string", STRING, "a string"),
        ("boolean", BOOLEAN, "true or false"),
        ("object", OBJECT, "an object"),
        ("array", ARRAY, "an array"),
        ("null", NULL, "null"),
    ];
}

impl Schema {
    /// What of the schema is not enforced. Keywords that are not looked at are among it with the feature `lint` only.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// How many patterns it holds.
    pub fn patterns(&self) -> usize {
        self.patterns
    }
}

#[cfg(test)]
mod tests;
