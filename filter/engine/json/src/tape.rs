//! The tape a document is read into: what the reader writes and cursors read.

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`
    True,
    /// `false`
    False,
    /// A number, kept as its literal.
    Number,
    /// A string without escapes: its text is a slice of the document.
    PlainString,
    /// A string with at least one escape.
    EscapedString,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The JSON word for this kind, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::True | Kind::False => "boolean",
            Kind::Number => "number",
            Kind::PlainString | Kind::EscapedString => "string",
            Kind::Array => "array",
            Kind::Object => "object",
        }
    }
}

/// One entry of the tape. An object is followed by key, value, key, value…; `next` is the index after
/// the whole subtree. Strings span their content without the quotes, everything else its literal text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) next: u32,
}
