//! The parsed document and cursors into it.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::decimal::Decimal;
use super::fold::is_case_variant;
use super::reader::{self, JsonError, Limits};
use super::tape::{Kind, Node};
use super::text::Text;
use crate::order;

/// A document that passed the strict reader.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) nodes: Vec<Node>,
}

impl<'a> Document<'a> {
    /// Reads `bytes` as exactly one JSON value.
    ///
    /// # Errors
    /// Everything the module documentation lists, with the byte offset where it was noticed.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, JsonError> {
        let text = reader::utf8(bytes)?;
        let nodes = reader::read(text, limits)?;
        Ok(Document {
            text: Cow::Borrowed(text),
            nodes,
        })
    }

    /// As [`Document::parse`], keeping the text, for values that outlive their source.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_owned(text: String, limits: &Limits) -> Result<Document<'static>, JsonError> {
        let nodes = reader::read(&text, limits)?;
        Ok(Document {
            text: Cow::Owned(text),
            nodes,
        })
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The top value.
    pub fn root(&self) -> Value<'_> {
        self.at(0)
    }

    /// The value at a [`Value::place`]; null where there is none.
    pub fn at(&self, place: usize) -> Value<'_> {
        Value {
            nodes: &self.nodes,
            text: &self.text,
            index: place,
        }
    }
}

/// A cursor on one value of a [`Document`].
#[derive(Clone, Copy, Debug)]
pub struct Value<'d> {
    nodes: &'d [Node],
    text: &'d str,
    index: usize,
}

impl<'d> Value<'d> {
    fn node(&self) -> Node {
        const NOTHING: Node = Node {
            kind: Kind::Null,
            start: 0,
            end: 0,
            next: u32::MAX,
        };
        self.nodes.get(self.index).copied().unwrap_or(NOTHING)
    }

    fn at(&self, index: usize) -> Value<'d> {
        Value { index, ..*self }
    }

    /// Where it stands among all values and keys of its document, to find it again with [`Document::at`].
    pub fn place(&self) -> usize {
        self.index
    }

    /// The value at a [`place`](Self::place) in the same document; null where there is none.
    pub fn sibling(&self, place: usize) -> Value<'d> {
        self.at(place)
    }

    /// What this value is.
    pub fn kind(&self) -> Kind {
        self.node().kind
    }

    /// The byte range of this value in the document, quotes and brackets included.
    pub fn span(&self) -> std::ops::Range<usize> {
        let node = self.node();
        let (start, end) = (node.start as usize, node.end as usize);
        match node.kind {
            Kind::PlainString | Kind::EscapedString => {
                start.saturating_sub(1)..end.saturating_add(1)
            }
            _ => start..end,
        }
    }

    /// The literal text of this value, byte for byte as written.
    pub fn raw(&self) -> &'d str {
        self.text.get(self.span()).unwrap_or_default()
    }

    /// True for `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_text(&self) -> Option<Text<'d>> {
        let node = self.node();
        let escaped = match node.kind {
            Kind::PlainString => false,
            Kind::EscapedString => true,
            _ => return None,
        };
        let raw = self
            .text
            .get(node.start as usize..node.end as usize)
            .unwrap_or_default();
        Some(Text::new(raw, escaped))
    }

    /// The decoded string, if it is one.
    pub fn as_str(&self) -> Option<Cow<'d, str>> {
        self.as_text().map(Text::decode)
    }

    /// The number, if it is one.
    pub fn as_decimal(&self) -> Option<Decimal<'d>> {
        (self.kind() == Kind::Number)
            .then(|| Decimal::parse(self.raw()))
            .flatten()
    }

    /// The members of an object, in document order; none for anything else.
    pub fn members(&self) -> Members<'d> {
        let node = self.node();
        let end = if node.kind == Kind::Object {
            node.next as usize
        } else {
            self.index
        };
        Members {
            at: *self,
            index: self.index.saturating_add(1),
            end,
        }
    }

    /// The elements of an array, in order; none for anything else.
    pub fn items(&self) -> impl Iterator<Item = Value<'d>> + use<'d> {
        let this = *self;
        let node = self.node();
        let end = if node.kind == Kind::Array {
            node.next as usize
        } else {
            0
        };
        let mut index = self.index.saturating_add(1);
        std::iter::from_fn(move || {
            (index < end).then(|| {
                let item = this.at(index);
                index = (item.node().next as usize).max(index.saturating_add(1));
                item
            })
        })
    }

    /// The member of this object whose decoded key is `key`.
    pub fn get(&self, key: &str) -> Option<Value<'d>> {
        let mut members = self.members();
        while let Some((name, value)) = members.next_with_key() {
            let node = name.node();
            let same = match node.kind {
                Kind::PlainString => {
                    let content = node.start as usize..node.end as usize;
                    self.text.as_bytes().get(content) == Some(key.as_bytes())
                }
                _ => name.as_text().is_some_and(|name| name.is(key)),
            };
            if same {
                return Some(value);
            }
        }
        None
    }

    /// The member under `key`, and whether another key differs from it only in case. Rules look up every path of a call
    /// this way, so a key that cannot be meant is passed over by its first byte.
    pub fn member(&self, key: &str) -> (Option<Value<'d>>, bool) {
        /// All bits of an ASCII letter but the one that tells its case.
        const CASELESS: u8 = 0xdf;
        let is_plain = |byte: u8| byte.is_ascii() && byte != b'\\';
        let wanted = key
            .as_bytes()
            .first()
            .copied()
            .filter(|byte| is_plain(*byte));
        let text = self.text.as_bytes();
        let (mut found, mut has_variant) = (None, false);
        let mut members = self.members();
        while members.index < members.end {
            let name = members.index;
            let value = name.saturating_add(1);
            let node = self.at(name).node();
            members.index = (self.at(value).node().next as usize).max(value.saturating_add(1));
            if let (Some(wanted), Some(&first)) = (wanted, text.get(node.start as usize))
                && (first ^ wanted) & CASELESS != 0
                && is_plain(first)
            {
                continue;
            }
            let name = self.at(name).as_str().unwrap_or_default();
            if *name == *key {
                found = Some(self.at(value));
            } else if is_case_variant(&name, key) {
                has_variant = true;
            }
        }
        (found, has_variant)
    }

    /// The text under `key`, if it is one.
    pub fn text_at(&self, key: &str) -> Option<String> {
        self.get(key)?.as_str().map(Cow::into_owned)
    }

    /// The whole number under `key`, if it is one that fits.
    pub fn integer_at(&self, key: &str) -> Option<i64> {
        self.get(key)?.raw().parse().ok()
    }

    /// Whether `true` stands under `key`.
    pub fn flag_at(&self, key: &str) -> bool {
        self.get(key)
            .is_some_and(|value| value.kind() == Kind::True)
    }

    /// Deep equality: key order free, numbers by value, text after unescaping, no coercion between types.
    pub fn equals(&self, other: &Value<'_>) -> bool {
        let mut pending = vec![(*self, *other)];
        while let Some((left, right)) = pending.pop() {
            match (left.kind(), right.kind()) {
                (Kind::Object, Kind::Object) => {
                    let (left, right) = (left.sorted_members(), right.sorted_members());
                    if left.len() != right.len() {
                        return false;
                    }
                    for ((left_key, left), (right_key, right)) in left.into_iter().zip(right) {
                        if left_key != right_key {
                            return false;
                        }
                        pending.push((left, right));
                    }
                }
                (Kind::Array, Kind::Array) => {
                    let (mut left, mut right) = (left.items(), right.items());
                    loop {
                        match (left.next(), right.next()) {
                            (Some(left), Some(right)) => pending.push((left, right)),
                            (None, None) => break,
                            _ => return false,
                        }
                    }
                }
                _ if !left.scalar_equals(&right) => return false,
                _ => {}
            }
        }
        true
    }

    fn scalar_equals(&self, other: &Value<'_>) -> bool {
        if let (Some(left), Some(right)) = (self.as_text(), other.as_text()) {
            return left.equals(right);
        }
        if let (Some(left), Some(right)) = (self.as_decimal(), other.as_decimal()) {
            return left.compare(&right) == Ordering::Equal;
        }
        match (self.kind(), other.kind()) {
            (
                Kind::Number | Kind::PlainString | Kind::EscapedString | Kind::Array | Kind::Object,
                _,
            ) => false,
            (left, right) => left == right,
        }
    }

    /// The members in the order of their decoded keys.
    pub fn sorted_members(&self) -> Vec<(Cow<'d, str>, Value<'d>)> {
        let members: Vec<_> = self
            .members()
            .map(|(key, value)| (key.decode(), value))
            .collect();
        let order = order::by_text(members.iter().map(|(key, _)| &**key));
        order::arrange(members, &order)
    }
}

/// Iterator over the members of an object.
#[derive(Clone, Debug)]
pub struct Members<'d> {
    at: Value<'d>,
    index: usize,
    end: usize,
}

impl<'d> Members<'d> {
    /// The next member with its key as a value, so that the key's place in the text is known.
    pub fn next_with_key(&mut self) -> Option<(Value<'d>, Value<'d>)> {
        if self.index >= self.end {
            return None;
        }
        let key = self.at.at(self.index);
        let value = self.at.at(self.index.saturating_add(1));
        self.index = (value.node().next as usize).max(self.index.saturating_add(2));
        Some((key, value))
    }
}

impl<'d> Iterator for Members<'d> {
    type Item = (Text<'d>, Value<'d>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.next_with_key()?;
        key.as_text().map(|key| (key, value))
    }
}
