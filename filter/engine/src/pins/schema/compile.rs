//! From a schema to checks. Nothing in a schema is an error: what cannot be enforced is a gap.

use std::collections::HashMap;
use std::convert::Infallible;

use super::number::Divisor;
use super::{Check, Counted, Gap, GapKind, NodeId, Relation, Schema, types};
use crate::json::{Document, JsonError, Keys, Kind, Limits, Value};
use crate::names::NameMap;
use crate::policy::Pattern;

/// Keywords that ask for nothing. `then`, `else`, `minContains` and `maxContains` do not without `if` and `contains`.
#[cfg(any(test, feature = "lint"))]
const ANNOTATIONS: &[&str] = &[
    "$anchor",
    "$comment",
    "$defs",
    "$schema",
    "$vocabulary",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "definitions",
    "deprecated",
    "description",
    "else",
    "example",
    "examples",
    "format",
    "maxContains",
    "minContains",
    "readOnly",
    "then",
    "title",
    "writeOnly",
];

/// Keywords that ask for something that is not checked.
#[cfg(any(test, feature = "lint"))]
const UNCHECKED: &[&str] = &[
    "$dynamicRef",
    "$id",
    "$recursiveRef",
    "contains",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Most bytes that the patterns of one schema may take: a server writes them, and a few characters (`.{0,1000}`) can take 300 KiB.
const MOST_PATTERN_BYTES: usize = 2 << 20;

const BOUNDS: [(&str, Relation); 4] = [
    ("minimum", Relation::AtLeast),
    ("maximum", Relation::AtMost),
    ("exclusiveMinimum", Relation::Above),
    ("exclusiveMaximum", Relation::Below),
];

const COUNTS: [(&str, Counted, bool); 6] = [
    ("minLength", Counted::Characters, false),
    ("maxLength", Counted::Characters, true),
    ("minItems", Counted::Items, false),
    ("maxItems", Counted::Items, true),
    ("minProperties", Counted::Properties, false),
    ("maxProperties", Counted::Properties, true),
];

impl Schema {
    /// Compiles the text of a schema.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn compile(text: String) -> Result<Schema, JsonError> {
        let document = Document::parse_owned(text, &Limits::CONFIG)?;
        let root = document.root();
        let dialect = root.get("$schema").and_then(|dialect| dialect.as_str());
        let mut compiler = Compiler {
            root,
            is_draft: dialect.is_some_and(|dialect| dialect.contains("draft-0")),
            known: Vec::new(),
            numbers: HashMap::new(),
            keys: Keys::default(),
            elements: HashMap::new(),
            nodes: Vec::new(),
            gaps: Vec::new(),
            pattern_bytes: 0,
        };
        compiler.node(root);
        // Compiling a schema finds others.
        let mut next = 0_usize;
        while let Some(schema) = compiler.known.get(next).copied() {
            let checks = compiler.checks(schema);
            compiler.nodes.push(checks);
            next = next.saturating_add(1);
        }
        let (nodes, gaps) = (compiler.nodes, compiler.gaps);
        Ok(Schema {
            document,
            patterns: nodes.iter().flatten().map(Check::patterns).sum(),
            nodes,
            gaps,
        })
    }
}

struct Compiler<'d> {
    root: Value<'d>,
    /// Draft 7 or older: nothing beside a `$ref` counts.
    is_draft: bool,
    /// The schemas that were found, in the order they get their checks.
    known: Vec<Value<'d>>,
    /// Their numbers, by their places.
    numbers: HashMap<usize, NodeId>,
    /// The keys of objects that references lead through.
    keys: Keys,
    /// The places of the elements of arrays that references lead through, by the place of the array.
    elements: HashMap<usize, Vec<usize>>,
    nodes: Vec<Vec<Check>>,
    gaps: Vec<Gap>,
    /// What its patterns take so far.
    pattern_bytes: usize,
}

impl<'d> Compiler<'d> {
    /// The number of a schema.
    fn node(&mut self, schema: Value<'d>) -> NodeId {
        *self.numbers.entry(schema.place()).or_insert_with(|| {
            self.known.push(schema);
            self.known.len().saturating_sub(1)
        })
    }

    fn gap(&mut self, value: Value<'_>, kind: GapKind) {
        let place = value.place();
        self.gaps.push(Gap { place, kind });
    }

    /// A member, if it is of a kind its keyword may have.
    fn member(
        &mut self,
        schema: Value<'d>,
        keyword: &str,
        fits: impl Fn(Value<'d>) -> bool,
    ) -> Option<Value<'d>> {
        let value = schema.get(keyword)?;
        if fits(value) {
            return Some(value);
        }
        self.gap(value, GapKind::Malformed);
        None
    }

    /// A member that is a schema.
    fn schema(&mut self, schema: Value<'d>, keyword: &str) -> Option<NodeId> {
        let value = self.member(schema, keyword, is_schema)?;
        Some(self.node(value))
    }

    /// A member that is a list of schemas.
    fn schemas(&mut self, schema: Value<'d>, keyword: &str) -> Option<Vec<NodeId>> {
        let list = self.member(schema, keyword, |list| {
            list.kind() == Kind::Array && list.items().all(is_schema)
        })?;
        Some(list.items().map(|item| self.node(item)).collect())
    }

    fn pattern(&mut self, at: Value<'_>, source: &str) -> Option<Pattern> {
        let pattern = Pattern::new(source).ok().filter(|pattern| {
            self.pattern_bytes = self.pattern_bytes.saturating_add(pattern.bytes());
            self.pattern_bytes <= MOST_PATTERN_BYTES
        });
        if pattern.is_none() {
            self.gap(at, GapKind::Pattern);
        }
        pattern
    }

    fn checks(&mut self, schema: Value<'d>) -> Vec<Check> {
        let mut checks = Vec::new();
        match schema.kind() {
            Kind::Object => {}
            Kind::False => return vec![Check::Never],
            _ => return checks,
        }
        if let Some(target) = self.reference(schema) {
            checks.push(Check::Also(target));
        }
        if self.is_draft && schema.get("$ref").is_some() {
            return checks;
        }
        // The most telling first: the first that fails is what the agent hears of.
        self.types(schema, &mut checks);
        if let Some(list) = self.member(schema, "enum", is_list) {
            checks.push(Check::Enum(list.place()));
        }
        if let Some(value) = schema.get("const") {
            checks.push(Check::Const(value.place()));
        }
        self.numbers_and_texts(schema, &mut checks);
        self.objects(schema, &mut checks);
        self.arrays(schema, &mut checks);
        for node in self.schemas(schema, "allOf").unwrap_or_default() {
            checks.push(Check::Also(node));
        }
        for (keyword, check) in [
            ("anyOf", Check::Any as fn(Vec<NodeId>) -> Check),
            ("oneOf", Check::One),
        ] {
            let is_empty = |list: Value<'_>| is_list(list) && list.items().next().is_none();
            if let Some(list) = schema.get(keyword).filter(|list| is_empty(*list)) {
                self.gap(list, GapKind::Malformed);
            } else {
                checks.extend(self.schemas(schema, keyword).map(check));
            }
        }
        checks.extend(self.schema(schema, "not").map(Check::Not));
        #[cfg(any(test, feature = "lint"))]
        self.rest(schema);
        checks
    }

    /// What `$ref` points to: a JSON Pointer in this document.
    fn reference(&mut self, schema: Value<'d>) -> Option<NodeId> {
        let value = schema.get("$ref")?;
        let reference = value.as_str().unwrap_or_default();
        let path = reference.strip_prefix('#');
        let found = path.filter(|path| !path.contains('%')).and_then(|path| {
            if path.is_empty() {
                return Some(self.root);
            }
            let steps = path.strip_prefix('/')?.split('/');
            let mut at = self.root;
            for step in steps {
                let step = step.replace("~1", "/").replace("~0", "~");
                at = match at.kind() {
                    Kind::Array => {
                        let index: usize = step.parse().ok()?;
                        let places = self.elements.entry(at.place());
                        let places =
                            places.or_insert_with(|| at.items().map(|item| item.place()).collect());
                        let place = *places.get(index)?;
                        (step == index.to_string()).then(|| at.sibling(place))?
                    }
                    _ => {
                        let Ok((member, _)) =
                            self.keys.member(at, &step, |_| Ok::<(), Infallible>(()));
                        member?
                    }
                };
            }
            Some(at)
        });
        match found.filter(|found| is_schema(*found)) {
            Some(found) => Some(self.node(found)),
            None => {
                self.gap(value, GapKind::Reference);
                None
            }
        }
    }

    fn types(&mut self, schema: Value<'d>, checks: &mut Vec<Check>) {
        let Some(value) = schema.get("type") else {
            return;
        };
        let bit = |name: Value<'_>| {
            let text = name.as_text()?;
            let mut names = types::NAMES.iter();
            names
                .find(|(name, ..)| text.is(name))
                .map(|(_, bit, _)| *bit)
        };
        let mask = match value.kind() {
            Kind::Array => value
                .items()
                .try_fold(0, |mask, name| Some(mask | bit(name)?)),
            _ => bit(value),
        };
        match mask {
            Some(mask) if mask != 0 => checks.push(Check::Type(mask)),
            _ => self.gap(value, GapKind::Malformed),
        }
    }

    fn numbers_and_texts(&mut self, schema: Value<'d>, checks: &mut Vec<Check>) {
        let is_number = |value: Value<'_>| value.kind() == Kind::Number;
        for (keyword, relation) in BOUNDS {
            if let Some(value) = self.member(schema, keyword, is_number) {
                checks.push(Check::Bound(relation, value.place()));
            }
        }
        if let Some(value) = schema.get("multipleOf") {
            match value.as_decimal().as_ref().and_then(Divisor::new) {
                Some(divisor) => checks.push(Check::Multiple(divisor, value.place())),
                None => self.gap(value, GapKind::Malformed),
            }
        }
        for (keyword, counted, most) in COUNTS {
            let Some(value) = schema.get(keyword) else {
                continue;
            };
            match count(value) {
                Some(count) => checks.push(Check::Count(counted, most, count)),
                None => self.gap(value, GapKind::Malformed),
            }
        }
        if let Some(value) = self.member(schema, "pattern", is_text) {
            let source = value.as_str().unwrap_or_default();
            checks.extend(self.pattern(value, &source).map(Check::Pattern));
        }
    }

    fn objects(&mut self, schema: Value<'d>, checks: &mut Vec<Check>) {
        let is_object = |value: Value<'_>| value.kind() == Kind::Object;
        let all_text = |list: Value<'_>| is_list(list) && list.items().all(is_text);
        if let Some(list) = self.member(schema, "required", all_text) {
            checks.push(Check::Required(list.place()));
        }
        let mut named = NameMap::default();
        let mut matching = Vec::new();
        if let Some(properties) = self.member(schema, "properties", is_object) {
            for (key, value) in properties.members() {
                if !is_schema(value) {
                    self.gap(value, GapKind::Malformed);
                    continue;
                }
                named.insert(&key.decode(), self.node(value));
            }
        }
        if let Some(patterns) = self.member(schema, "patternProperties", is_object) {
            for (key, value) in patterns.members() {
                if let Some(pattern) = self.pattern(value, &key.decode())
                    && is_schema(value)
                {
                    matching.push((pattern, self.node(value)));
                }
            }
        }
        let patterns = schema.get("patternProperties");
        let patterns = patterns.map_or(0, |patterns| patterns.members().count());
        let others = if matching.len() == patterns {
            self.schema(schema, "additionalProperties")
        } else {
            // Which members are others cannot be told without all of the patterns.
            if let Some(value) = schema.get("additionalProperties") {
                self.gap(value, GapKind::Pattern);
            }
            None
        };
        if !named.is_empty() || !matching.is_empty() || others.is_some() {
            checks.push(Check::Members {
                named,
                matching,
                others,
            });
        }
        checks.extend(self.schema(schema, "propertyNames").map(Check::Names));
    }

    fn arrays(&mut self, schema: Value<'d>, checks: &mut Vec<Check>) {
        // Older drafts write the first elements as a list of `items`.
        let is_tuple = schema.get("items").is_some_and(is_list);
        let (first, others) = if is_tuple {
            ("items", "additionalItems")
        } else {
            ("prefixItems", "items")
        };
        let first = self.schemas(schema, first).unwrap_or_default();
        let others = self.schema(schema, others);
        if !first.is_empty() || others.is_some() {
            checks.push(Check::Elements(first, others));
        }
        let is_flag = |value: Value<'_>| value.as_bool().is_some();
        let unique = self.member(schema, "uniqueItems", is_flag);
        if unique.and_then(|value| value.as_bool()) == Some(true) {
            checks.push(Check::Unique);
        }
    }

    /// Everything nobody has looked at: for people only, so that the filter does without the words.
    #[cfg(any(test, feature = "lint"))]
    fn rest(&mut self, schema: Value<'d>) {
        for (key, value) in schema.members() {
            let key = key.decode();
            let is_one = |words: &[&str]| words.contains(&&*key);
            // The identifier of the whole is a name; elsewhere references mean another document from there on.
            let names_the_whole = key == "$id" && schema.place() == self.root.place();
            if is_one(ANNOTATIONS) || is_one(CHECKED) || key.starts_with("x-") || names_the_whole {
                continue;
            }
            let kind = match is_one(UNCHECKED) {
                true => GapKind::Keyword,
                false => GapKind::Unknown,
            };
            self.gap(value, kind);
        }
    }
}

/// Keywords that are looked at above.
#[cfg(any(test, feature = "lint"))]
const CHECKED: &[&str] = &[
    "$ref",
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "required",
    "type",
    "uniqueItems",
];

fn is_schema(value: Value<'_>) -> bool {
    matches!(value.kind(), Kind::Object | Kind::True | Kind::False)
}

fn is_list(value: Value<'_>) -> bool {
    value.kind() == Kind::Array
}

fn is_text(value: Value<'_>) -> bool {
    value.as_text().is_some()
}

/// A whole number that is not negative, however it is written.
fn count(value: Value<'_>) -> Option<u64> {
    let nanos = value.as_decimal()?.to_nanos()?;
    if nanos.checked_rem(1_000_000_000) != Some(0) {
        return None;
    }
    u64::try_from(nanos.checked_div(1_000_000_000)?).ok()
}
