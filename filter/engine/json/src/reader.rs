//! The strict reader: bytes to tape, without recursion and in time linear in the input (but for the
//! sorting of keys in large objects).

use std::fmt;

use super::tape::{Kind, Node};
use crate::order;

/// Bounds on one document.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Deepest nesting of arrays and objects.
    pub depth: usize,
    /// Most values and keys in the whole document.
    pub values: usize,
    /// Whether to refuse what only matters where others act on the document: keys that reach for a JavaScript object's
    /// prototype, control characters in keys (a NUL is refused in any case), halves of surrogate pairs in values, exponents
    /// beyond ±999. Replies may hold them, as when a server cuts a text in the middle of a character, or has the headings
    /// of a table as keys, line ends and all.
    pub strict: bool,
    /// Longest number literal in bytes. Python refuses integers over 4,300 digits, others are quadratic.
    pub number_len: usize,
}

impl Limits {
    /// For requests, and whatever else has to be read as strictly.
    pub const WIRE: Limits = Limits {
        strict: true,
        depth: 128,
        values: 1 << 18,
        number_len: 1024,
    };
    /// For replies.
    pub const REPLY: Limits = Limits {
        strict: false,
        depth: 128,
        values: 1 << 20,
        number_len: 1 << 16,
    };
    /// For configurations, which may hold 100,000 grants.
    pub const CONFIG: Limits = Limits {
        strict: true,
        depth: 64,
        values: 1 << 24,
        number_len: 1024,
    };
}

/// Why a document was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// No value at all.
    Empty,
    /// Not UTF-8: overlong forms, surrogates, UTF-16, stray bytes.
    Utf8,
    /// Not RFC 8259.
    Syntax,
    /// Something after the one value.
    TrailingData,
    /// A `\u` escape that is half of a surrogate pair.
    LoneSurrogate,
    /// A raw control character in a string.
    ControlCharacter,
    /// Two keys of one object are equal after unescaping.
    DuplicateKey,
    /// A control character in a key, escaped or not; or a key that reaches for a prototype.
    ControlInKey,
    /// An exponent beyond ±999, or a literal that is too long.
    NumberRange,
    /// Nested too deeply.
    Depth,
    /// Too many values.
    Size,
}

/// A refused document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Byte offset at which it was noticed.
    pub offset: usize,
}

impl JsonErrorKind {
    /// What is wrong, as a clause.
    pub fn message(self) -> &'static str {
        match self {
            JsonErrorKind::Empty => "the document is empty",
            JsonErrorKind::Utf8 => "the text is not valid UTF-8",
            JsonErrorKind::Syntax => "the text is not JSON (RFC 8259)",
            JsonErrorKind::TrailingData => "something follows the JSON value",
            JsonErrorKind::LoneSurrogate => "an escape is half of a surrogate pair",
            JsonErrorKind::ControlCharacter => "a string holds a raw control character",
            JsonErrorKind::DuplicateKey => "an object has the same key twice",
            JsonErrorKind::ControlInKey => "a key holds a control character or is `__proto__`",
            JsonErrorKind::NumberRange => "a number is too long or its exponent is beyond 999",
            JsonErrorKind::Depth => "the value is nested too deeply",
            JsonErrorKind::Size => "the document holds too many values",
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (at byte {})", self.kind.message(), self.offset)
    }
}

impl std::error::Error for JsonError {}

/// Checks that `bytes` are UTF-8 throughout.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes).map_err(|error| JsonError {
        kind: JsonErrorKind::Utf8,
        offset: error.valid_up_to(),
    })
}

/// Reads `text` into a tape.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Vec<Node>, JsonError> {
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        pos: 0,
        nodes: Vec::with_capacity(text.len().checked_div(12).unwrap_or(0).min(4096)),
        open: Vec::new(),
        keys: Vec::new(),
        limits,
    };
    reader.document()?;
    Ok(reader.nodes)
}

/// An array or object that has not been closed yet.
struct Frame {
    node: usize,
    /// Where this object's keys begin in `Reader::keys`.
    keys: usize,
    object: bool,
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pos: usize,
    nodes: Vec<Node>,
    open: Vec<Frame>,
    /// Tape indexes of the keys of all open objects, innermost last.
    keys: Vec<usize>,
    limits: &'a Limits,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<(), JsonError> {
        self.whitespace();
        if self.peek().is_none() {
            return Err(self.error(JsonErrorKind::Empty));
        }
        self.value()?;
        while let Some(frame) = self.open.last() {
            // The innermost container has at least its opening bracket; what may come next depends on
            // whether an element was just read.
            let object = frame.object;
            self.whitespace();
            match self.peek() {
                Some(b',') => {
                    self.bump(1);
                    self.whitespace();
                    self.element(object)?;
                }
                Some(b'}') if object => self.close()?,
                Some(b']') if !object => self.close()?,
                _ => return Err(self.error(JsonErrorKind::Syntax)),
            }
        }
        self.whitespace();
        if self.peek().is_some() {
            return Err(self.error(JsonErrorKind::TrailingData));
        }
        Ok(())
    }

    /// Reads a scalar, or opens a container and goes on to its first element, for as long as containers
    /// open. Empty containers are closed at once.
    fn value(&mut self) -> Result<(), JsonError> {
        loop {
            let object = match self.peek() {
                Some(b'{') => true,
                Some(b'[') => false,
                _ => return self.scalar(),
            };
            self.begin(object)?;
            self.whitespace();
            match (self.peek(), object) {
                (Some(b'}'), true) | (Some(b']'), false) => return self.close(),
                (_, true) => self.key()?,
                (_, false) => {}
            }
        }
    }

    fn element(&mut self, object: bool) -> Result<(), JsonError> {
        if object {
            self.key()?;
        }
        self.value()
    }

    fn begin(&mut self, object: bool) -> Result<(), JsonError> {
        if self.open.len() >= self.limits.depth {
            return Err(self.error(JsonErrorKind::Depth));
        }
        self.open.push(Frame {
            node: self.nodes.len(),
            keys: self.keys.len(),
            object,
        });
        let kind = if object { Kind::Object } else { Kind::Array };
        self.push(kind, self.pos, self.pos)?;
        self.bump(1);
        Ok(())
    }

    fn close(&mut self) -> Result<(), JsonError> {
        self.bump(1);
        let Some(frame) = self.open.pop() else {
            return Err(self.error(JsonErrorKind::Syntax));
        };
        if frame.object {
            self.check_keys(frame.keys)?;
            self.keys.truncate(frame.keys);
        }
        let (end, next) = (self.pos, self.nodes.len());
        if let Some(node) = self.nodes.get_mut(frame.node) {
            node.end = u32::try_from(end).unwrap_or(u32::MAX);
            node.next = u32::try_from(next).unwrap_or(u32::MAX);
        }
        Ok(())
    }

    fn key(&mut self) -> Result<(), JsonError> {
        self.keys.push(self.nodes.len());
        self.string(true)?;
        let key = self.nodes.last().and_then(|node| {
            let raw = self.text.get(node.start as usize..node.end as usize)?;
            Some(super::text::Text::new(
                raw,
                node.kind == Kind::EscapedString,
            ))
        });
        if self.limits.strict && key.is_some_and(|key| key.is("__proto__")) {
            return Err(self.error(JsonErrorKind::ControlInKey));
        }
        self.whitespace();
        if self.peek() != Some(b':') {
            return Err(self.error(JsonErrorKind::Syntax));
        }
        self.bump(1);
        self.whitespace();
        Ok(())
    }

    fn scalar(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.string(false),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Kind::True),
            Some(b'f') => self.word("false", Kind::False),
            Some(b'n') => self.word("null", Kind::Null),
            _ => Err(self.error(JsonErrorKind::Syntax)),
        }
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<(), JsonError> {
        let start = self.pos;
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.error(JsonErrorKind::Syntax));
        }
        self.bump(word.len());
        self.push(kind, start, self.pos)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.pos;
        if self.peek() == Some(b'-') {
            self.bump(1);
        }
        match self.digits()? {
            0 => return Err(self.error(JsonErrorKind::Syntax)),
            // A leading zero stands alone.
            1 => {}
            count if self.bytes.get(self.pos.saturating_sub(count)) == Some(&b'0') => {
                return Err(self.error(JsonErrorKind::Syntax));
            }
            _ => {}
        }
        if self.peek() == Some(b'.') {
            self.bump(1);
            if self.digits()? == 0 {
                return Err(self.error(JsonErrorKind::Syntax));
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.bump(1);
            if let Some(b'+' | b'-') = self.peek() {
                self.bump(1);
            }
            let count = self.digits()?;
            let digits = self
                .bytes
                .get(self.pos.saturating_sub(count)..self.pos)
                .unwrap_or_default();
            let significant = digits.iter().skip_while(|&&digit| digit == b'0').count();
            match (count, significant) {
                (0, _) => return Err(self.error(JsonErrorKind::Syntax)),
                (_, 0..=3) => {}
                _ if !self.limits.strict => {}
                _ => return Err(self.error(JsonErrorKind::NumberRange)),
            }
        }
        if self.pos.saturating_sub(start) > self.limits.number_len {
            return Err(self.error(JsonErrorKind::NumberRange));
        }
        self.push(Kind::Number, start, self.pos)
    }

    fn digits(&mut self) -> Result<usize, JsonError> {
        let count = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.bump(count);
        Ok(count)
    }

    fn string(&mut self, key: bool) -> Result<(), JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.error(JsonErrorKind::Syntax));
        }
        self.bump(1);
        let start = self.pos;
        let mut kind = Kind::PlainString;
        loop {
            self.bump(plain_len(self.rest()));
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    kind = Kind::EscapedString;
                    self.escape(key)?;
                }
                Some(_) => return Err(self.error(JsonErrorKind::ControlCharacter)),
                None => return Err(self.error(JsonErrorKind::Syntax)),
            }
        }
        let end = self.pos;
        self.bump(1);
        if key
            && self.limits.strict
            && self
                .text
                .get(start..end)
                .unwrap_or_default()
                .contains(is_non_ascii_control)
        {
            return Err(self.error(JsonErrorKind::ControlInKey));
        }
        self.push(kind, start, end)
    }

    fn escape(&mut self, key: bool) -> Result<(), JsonError> {
        self.bump(1);
        match self.peek() {
            Some(b'"' | b'\\' | b'/') => self.bump(1),
            Some(b'b' | b'f' | b'n' | b'r' | b't') if key && self.limits.strict => {
                return Err(self.error(JsonErrorKind::ControlInKey));
            }
            Some(b'b' | b'f' | b'n' | b'r' | b't') => self.bump(1),
            Some(b'u') => {
                self.bump(1);
                let unit = self.hex4()?;
                match unit {
                    0xD800..0xDC00 => {
                        let pair = self
                            .rest()
                            .strip_prefix(b"\\u")
                            .is_some_and(is_low_surrogate);
                        if pair {
                            self.bump(6);
                        } else if self.limits.strict || key {
                            return Err(self.error(JsonErrorKind::LoneSurrogate));
                        }
                    }
                    0xDC00..0xE000 if self.limits.strict || key => {
                        return Err(self.error(JsonErrorKind::LoneSurrogate));
                    }
                    0 if key => return Err(self.error(JsonErrorKind::ControlInKey)),
                    1..0x20 | 0x7F..0xA0 if key && self.limits.strict => {
                        return Err(self.error(JsonErrorKind::ControlInKey));
                    }
                    _ => {}
                }
            }
            _ => return Err(self.error(JsonErrorKind::Syntax)),
        }
        Ok(())
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let digits = self.rest().get(..4).unwrap_or_default();
        let mut unit = 0_u32;
        for &digit in digits {
            let Some(value) = char::from(digit).to_digit(16) else {
                return Err(self.error(JsonErrorKind::Syntax));
            };
            unit = unit.wrapping_shl(4) | value;
        }
        if digits.len() < 4 {
            return Err(self.error(JsonErrorKind::Syntax));
        }
        self.bump(4);
        Ok(unit)
    }

    /// No two keys of the object that is being closed may mean the same text.
    fn check_keys(&self, from: usize) -> Result<(), JsonError> {
        /// Up to here comparing all pairs is quicker than sorting.
        const FEW: usize = 8;
        let keys = self.keys.get(from..).unwrap_or_default();
        let plain = |index: &usize| match self.nodes.get(*index) {
            Some(node) if node.kind == Kind::PlainString => {
                self.text.get(node.start as usize..node.end as usize)
            }
            _ => None,
        };
        if keys.len() <= FEW && keys.iter().all(|key| plain(key).is_some()) {
            let mut rest = keys;
            while let Some((first, others)) = rest.split_first() {
                if others.iter().any(|other| plain(other) == plain(first)) {
                    return Err(self.error(JsonErrorKind::DuplicateKey));
                }
                rest = others;
            }
            return Ok(());
        }
        let texts: Vec<_> = keys
            .iter()
            .filter_map(|&index| self.nodes.get(index))
            .map(|node| {
                let raw = self
                    .text
                    .get(node.start as usize..node.end as usize)
                    .unwrap_or_default();
                super::text::Text::new(raw, node.kind == Kind::EscapedString).decode()
            })
            .collect();
        if order::has_twins(texts.iter().map(|text| &**text)) {
            Err(self.error(JsonErrorKind::DuplicateKey))
        } else {
            Ok(())
        }
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) -> Result<(), JsonError> {
        let next = self.nodes.len().saturating_add(1);
        if next > self.limits.values {
            return Err(self.error(JsonErrorKind::Size));
        }
        match (
            u32::try_from(start),
            u32::try_from(end),
            u32::try_from(next),
        ) {
            (Ok(start), Ok(end), Ok(next)) => self.nodes.push(Node {
                kind,
                start,
                end,
                next,
            }),
            _ => return Err(self.error(JsonErrorKind::Size)),
        }
        Ok(())
    }

    fn whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.bump(1);
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.pos..).unwrap_or_default()
    }

    fn bump(&mut self, count: usize) {
        self.pos = self.pos.saturating_add(count);
    }

    fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError {
            kind,
            offset: self.pos,
        }
    }
}

/// Whether four hexadecimal digits at the front are the second half of a surrogate pair.
fn is_low_surrogate(digits: &[u8]) -> bool {
    match digits {
        [b'd' | b'D', b'c'..=b'f' | b'C'..=b'F', third, fourth, ..] => {
            third.is_ascii_hexdigit() && fourth.is_ascii_hexdigit()
        }
        _ => false,
    }
}

/// DEL and the C1 controls; the C0 ones never get this far.
fn is_non_ascii_control(char: char) -> bool {
    matches!(char, '\u{7f}'..='\u{9f}')
}

/// How many bytes at the front of `bytes` are neither a quote, a backslash nor a control character.
///
/// Looks at eight bytes at a time: long texts are what large bodies are made of.
fn plain_len(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);
    const SPACES: u64 = u64::from_ne_bytes([0x20; 8]);
    // The classic test for a zero byte; false positives only lie above a true one, so the lowest is right.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;

    let mut len = 0_usize;
    let (words, _) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        let below_space = word.wrapping_sub(SPACES) & !word & HIGHS;
        let stops = zero(word ^ QUOTES) | zero(word ^ BACKSLASHES) | below_space;
        if stops != 0 {
            let bytes = stops.trailing_zeros().wrapping_shr(3) as usize;
            return len.saturating_add(bytes);
        }
        len = len.saturating_add(8);
    }
    let tail = bytes.get(len..).unwrap_or_default();
    let stop = tail
        .iter()
        .position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\');
    len.saturating_add(stop.unwrap_or(tail.len()))
}

#[cfg(test)]
mod tests {
    use super::super::Document;
    use super::*;

    #[test]
    fn control_characters_in_keys() {
        let parses = |key: &str, limits| {
            let text = format!(r#"{{"a{key}b":1}}"#);
            Document::parse(text.as_bytes(), &limits).is_ok()
        };
        for key in [r"\n", r"\t", r"\u000a", r"\u007f", "\u{85}"] {
            assert!(
                !parses(key, Limits::WIRE) && parses(key, Limits::REPLY),
                "{key:?}"
            );
        }
        for key in ["\n", r"\u0000", r"\ud800"] {
            assert!(
                !parses(key, Limits::WIRE) && !parses(key, Limits::REPLY),
                "{key:?}"
            );
        }
    }

    #[test]
    fn plain_len_agrees_with_the_obvious_loop() {
        let obvious = |bytes: &[u8]| {
            bytes
                .iter()
                .position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\')
                .unwrap_or(bytes.len())
        };
        for stop in 0..=255_u8 {
            for at in 0..20 {
                for filler in [b'a', 0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xff] {
                    let mut bytes = vec![filler; 24];
                    bytes[at] = stop;
                    assert_eq!(
                        plain_len(&bytes),
                        obvious(&bytes),
                        "{stop:#x} at {at} among {filler:#x}"
                    );
                }
            }
        }
    }
}
