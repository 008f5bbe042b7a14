//! How parsers read that are not to be had here: written after what they do, and more lenient than any of them.
//!
//! * Go's `encoding/json`: keys fold case to find a field, the last one wins, what is not UTF-8 becomes U+FFFD, a decoder
//!   stops after the first value.
//! * Jackson: exact keys, the last one wins, overlong UTF-8 is decoded, what follows the first value is not read.
//! * RapidJSON and others like it: the first of two equal keys is found.

/// What a reader is lenient about.
#[derive(Clone, Copy)]
pub struct Leniency {
    pub folds_keys: bool,
    pub first_wins: bool,
    pub overlong: bool,
}

pub const GO: Leniency = Leniency {
    folds_keys: true,
    first_wins: false,
    overlong: false,
};
pub const JACKSON: Leniency = Leniency {
    folds_keys: false,
    first_wins: false,
    overlong: true,
};
pub const FIRST: Leniency = Leniency {
    folds_keys: false,
    first_wins: true,
    overlong: true,
};

pub enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// The first value in `bytes`.
pub fn read(bytes: &[u8], leniency: Leniency) -> Option<Value> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    Reader {
        bytes,
        at: 0,
        leniency,
    }
    .value(0)
}

impl Value {
    /// The field of a struct, or member of an object.
    pub fn field(&self, name: &str, leniency: Leniency) -> Option<&Value> {
        let Value::Object(members) = self else {
            return None;
        };
        let matches = |(key, _): &&(String, Value)| {
            key == name || (leniency.folds_keys && key.chars().map(fold).eq(name.chars().map(fold)))
        };
        let found = if leniency.first_wins {
            members.iter().find(matches)
        } else {
            members.iter().rev().find(matches)
        };
        found.map(|(_, value)| value)
    }
}

/// Unicode's simple folding, as far as it reaches ASCII.
fn fold(char: char) -> char {
    match char {
        'ſ' => 's',
        '\u{212a}' => 'k',
        _ => char.to_ascii_lowercase(),
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    leniency: Leniency,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > 1000 {
            return None;
        }
        match self.peek()? {
            b'{' => {
                let mut members = Vec::new();
                self.items(b'}', |reader| {
                    let key = reader.text()?;
                    reader.skip(b':')?;
                    members.push((key, reader.value(depth + 1)?));
                    Some(())
                })?;
                Some(Value::Object(members))
            }
            b'[' => {
                let mut items = Vec::new();
                self.items(b']', |reader| {
                    items.push(reader.value(depth + 1)?);
                    Some(())
                })?;
                Some(Value::Array(items))
            }
            b'"' => self.text().map(Value::Text),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn items(&mut self, close: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        loop {
            // A comma before the end is let pass.
            if self.peek()? == close {
                self.at += 1;
                return Some(());
            }
            item(self)?;
            if self.peek()? == b',' {
                self.at += 1;
            } else if self.peek()? != close {
                return None;
            }
        }
    }

    fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.bytes[self.at..].starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
            value
        })
    }

    fn number(&mut self) -> Option<Value> {
        let rest = &self.bytes[self.at..];
        let len = rest
            .iter()
            .take_while(|byte| b"+-.eE0123456789".contains(byte))
            .count();
        self.at += len;
        std::str::from_utf8(&rest[..len])
            .ok()?
            .parse()
            .ok()
            .map(Value::Number)
    }

    fn text(&mut self) -> Option<String> {
        self.skip(b'"')?;
        let mut units = String::new();
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return Some(units),
                b'\\' => {
                    let escape = *self.bytes.get(self.at)?;
                    self.at += 1;
                    units.push(match escape {
                        b'u' => self.unicode()?,
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'n' => '\n',
                        b'r' => '\r',
                        b't' => '\t',
                        other => char::from(other),
                    });
                }
                _ => units.push(self.character(byte)),
            }
        }
    }

    fn hex(&mut self) -> Option<u32> {
        let text = std::str::from_utf8(self.bytes.get(self.at..self.at + 4)?).ok()?;
        self.at += 4;
        u32::from_str_radix(text, 16).ok()
    }

    fn unicode(&mut self) -> Option<char> {
        let high = self.hex()?;
        if (0xD800..0xDC00).contains(&high) && self.bytes[self.at..].starts_with(b"\\u") {
            let back = self.at;
            self.at += 2;
            let low = self.hex()?;
            if (0xDC00..0xE000).contains(&low) {
                return char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00));
            }
            self.at = back;
        }
        Some(char::from_u32(high).unwrap_or('\u{fffd}'))
    }

    /// A character that begins with `first`; the overlong forms too, where they are read.
    fn character(&mut self, first: u8) -> char {
        let (more, bits, least) = match first {
            0..0x80 => return char::from(first),
            0xC0..0xE0 => (1, u32::from(first & 0x1F), 0x80),
            0xE0..0xF0 => (2, u32::from(first & 0x0F), 0x800),
            0xF0..0xF8 => (3, u32::from(first & 0x07), 0x1_0000),
            _ => return '\u{fffd}',
        };
        let following = self.bytes.get(self.at..self.at + more).unwrap_or_default();
        if following.is_empty() || following.iter().any(|byte| byte & 0xC0 != 0x80) {
            return '\u{fffd}';
        }
        let code = following
            .iter()
            .fold(bits, |code, byte| (code << 6) | u32::from(byte & 0x3F));
        if code < least && !self.leniency.overlong {
            return '\u{fffd}';
        }
        self.at += more;
        char::from_u32(code).unwrap_or('\u{fffd}')
    }
}
