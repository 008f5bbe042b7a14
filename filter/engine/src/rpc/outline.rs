//! What a body says of itself at its top level, read without keeping it: for bodies that are too large to hold, and for
//! those that break a rule somewhere below. Nothing is decided by it but under which id the refusal goes out.
//!
//! Refuses to name an id where two readers could see two: a second `id` or `method`, a key that looks like one of them,
//! a `result` or `error` beside them.

use super::{ENVELOPE_KEYS, read_id};
use crate::json::{Document, Limits, impersonated};

/// Longest key that may be one of the envelope's: each of their characters as an escape.
const LONGEST_KEY: usize = 64;

/// Longest value that is kept, in bytes: an id or a method.
const LONGEST_VALUE: usize = 1024;

/// Who is to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A request with this id, as it was written.
    Request(String),
    /// A notification: nobody waits.
    Notification,
    /// Not exactly one request or notification.
    Unclear,
}

/// Reads a body piece by piece, in constant memory.
#[derive(Debug, Default)]
pub struct Outline {
    /// How many arrays and objects are open.
    depth: usize,
    place: Place,
    in_string: bool,
    escaped: bool,
    key: Vec<u8>,
    value: Vec<u8>,
    /// The values of [`ENVELOPE_KEYS`], where they stood.
    found: [Option<Vec<u8>>; ENVELOPE_KEYS.len()],
    /// It is no object, or one that could be read in two ways.
    spoiled: bool,
}

/// Where the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Before,
    Key,
    Value,
    After,
}

impl Outline {
    /// The outline of a whole body.
    pub fn of(body: &[u8]) -> Self {
        let mut outline = Outline::default();
        outline.push(body);
        outline
    }

    /// The next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.spoiled {
                return;
            }
            if self.in_string {
                self.string(byte);
            } else {
                self.token(byte);
            }
        }
    }

    /// Whose body it was.
    pub fn asker(&self) -> Asker {
        let text = |name: &str| {
            let mut pairs = ENVELOPE_KEYS.iter().zip(&self.found);
            let found = pairs.find(|(key, _)| **key == name);
            found.and_then(|(_, value)| {
                std::str::from_utf8(value.as_deref()?)
                    .ok()
                    .map(str::trim_ascii)
            })
        };
        let is_string = |name| text(name).is_some_and(|value| value.starts_with('"'));
        let answers = ["result", "error"]
            .into_iter()
            .any(|name| text(name).is_some());
        let is_call = text("jsonrpc") == Some("\"2.0\"") && is_string("method") && !answers;
        if self.spoiled || self.place != Place::After || !is_call {
            return Asker::Unclear;
        }
        let Some(id) = text("id") else {
            return Asker::Notification;
        };
        let document = Document::parse(id.as_bytes(), &Limits::WIRE);
        let id = document
            .as_ref()
            .ok()
            .and_then(|document| read_id(document.root()));
        id.map_or(Asker::Unclear, |id| Asker::Request(id.token().to_owned()))
    }

    /// The method, as it was written between its quotes.
    pub fn method(&self) -> Option<String> {
        let value = self
            .found
            .get(ENVELOPE_KEYS.iter().position(|key| *key == "method")?)?;
        let document = Document::parse(value.as_deref()?, &Limits::WIRE).ok()?;
        document.root().as_str().map(|method| method.into_owned())
    }

    fn string(&mut self, byte: u8) {
        self.keep(byte);
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
    }

    fn token(&mut self, byte: u8) {
        match (byte, self.depth) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => {
                // Between the parts of what is no token it shows that it is none.
                if !self.value.is_empty() {
                    self.keep(byte);
                }
            }
            (b'{', 0) if self.place == Place::Before => {
                self.depth = 1;
                self.place = Place::Key;
            }
            (_, 0) => self.spoiled = true,
            (b'}', 1) => {
                self.member_ends();
                self.depth = 0;
                self.place = Place::After;
            }
            (b',', 1) => {
                self.member_ends();
                self.place = Place::Key;
            }
            (b':', 1) if self.place == Place::Key => self.place = Place::Value,
            (b'"', _) => {
                self.in_string = true;
                self.keep(byte);
            }
            (b'{' | b'[', _) => {
                self.depth = self.depth.saturating_add(1);
                self.keep(byte);
            }
            (b'}' | b']', _) => self.depth = self.depth.saturating_sub(1),
            _ => self.keep(byte),
        }
    }

    /// Keeps a byte of a key or a value of the top level, as far as it may matter.
    fn keep(&mut self, byte: u8) {
        let (kept, most) = match (self.place, self.depth) {
            (Place::Key, 1) => (&mut self.key, LONGEST_KEY),
            (Place::Value, 1) => (&mut self.value, LONGEST_VALUE),
            _ => return,
        };
        // One more than may be: it shows that there was more.
        if kept.len() <= most {
            kept.push(byte);
        }
    }

    fn member_ends(&mut self) {
        let (key, value) = (
            std::mem::take(&mut self.key),
            std::mem::take(&mut self.value),
        );
        if key.is_empty() || key.len() > LONGEST_KEY {
            return;
        }
        let document = Document::parse(&key, &Limits::WIRE);
        let key = document
            .as_ref()
            .ok()
            .and_then(|document| document.root().as_str());
        let Some(key) = key else {
            self.spoiled = true;
            return;
        };
        let mut pairs = ENVELOPE_KEYS.iter().zip(&mut self.found);
        self.spoiled |= match pairs.find(|(name, _)| ***name == *key) {
            Some((_, found)) => found.replace(value).is_some(),
            None => impersonated(&key, ENVELOPE_KEYS).is_some(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_clear_request_is_answered_under_its_id() {
        let request = |id: &str| Asker::Request(id.to_owned());
        let deep = format!(
            r#"{{"params":{}1{},"method":"ping","jsonrpc":"2.0","id":7}}"#,
            "[".repeat(999),
            "]".repeat(999)
        );
        let long = format!(
            r#"{{"{}":1,"id":"{}","method":"m","jsonrpc":"2.0"}}"#,
            "k".repeat(99),
            "x".repeat(1100)
        );
        let cases = [
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, request("1")),
            (
                r#" { "method" : "a}\"{" , "params":{"id":2,"x":"}"}, "jsonrpc":"2.0","id" : "\u0061" } "#,
                request(r#""\u0061""#),
            ),
            (&deep, request("7")),
            (
                r#"{"jsonrpc":"2.0","\u0069d":3,"method":"m"}"#,
                request("3"),
            ),
            (
                r#"{"jsonrpc":"2.0","method":"m","params":{"id":1}}"#,
                Asker::Notification,
            ),
            (&long, Asker::Unclear),
            (
                r#"{"jsonrpc":"2.0","id":1,"id":1,"method":"m"}"#,
                Asker::Unclear,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"\u0069d":1,"method":"m"}"#,
                Asker::Unclear,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"Id":2,"method":"m"}"#,
                Asker::Unclear,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"m","method":"n"}"#,
                Asker::Unclear,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"m","result":{}}"#,
                Asker::Unclear,
            ),
            (r#"{"jsonrpc":"2.0","id":1,"error":{}}"#, Asker::Unclear),
            (r#"{"jsonrpc":"2.0","id":1.0,"method":"m"}"#, Asker::Unclear),
            (
                r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#,
                Asker::Unclear,
            ),
            (r#"{"jsonrpc":"2.0","id":[1],"method":"m"}"#, Asker::Unclear),
            (r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#, Asker::Unclear),
            (r#"{"id":1,"method":"m"}"#, Asker::Unclear),
            (r#"{"jsonrpc":"2.0","id":1 2,"method":"m"}"#, Asker::Unclear),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, Asker::Unclear),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#, Asker::Unclear),
            (r#"{"jsonrpc":"2.0","id":1,"method":"m"} x"#, Asker::Unclear),
            (r#"{"jsonrpc":"2.0","id":1,"method":"m""#, Asker::Unclear),
            ("", Asker::Unclear),
        ];
        for (body, expected) in cases {
            assert_eq!(Outline::of(body.as_bytes()).asker(), expected, "{body}");
            let mut pieces = Outline::default();
            body.bytes().for_each(|byte| pieces.push(&[byte]));
            assert_eq!(pieces.asker(), expected, "byte by byte: {body}");
        }
    }
}
