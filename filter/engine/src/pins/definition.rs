//! What of a tool is pinned, and its digest.
//!
//! Pinned is what a model reads, and what says how a call is made and answered: [`FIELDS`]. Not pinned is what neither
//! acts on: `icons` (pictures for people, often behind links that change), `_meta` (a server's notes to clients, such as
//! a trace or a template to draw a result with), `execution` (whether a call may run as a task, not what it does), and
//! fields no version of MCP knows. Whoever reads a listed field under another spelling is taken seriously elsewhere: a
//! tool with `Description` beside `description` counts as changed.

use sha2::{Digest, Sha256};

use crate::json::{Value, canonical};
use crate::rpc;

/// What of a definition is pinned, sorted.
pub const FIELDS: [&str; 6] = [
    "annotations",
    "description",
    "inputSchema",
    "name",
    "outputSchema",
    "title",
];

/// The pinned fields of a tool as it is listed, as one object in canonical JSON. A field that is not there is left out;
/// `null` is a value.
pub fn definition(tool: Value<'_>) -> String {
    let mut out = String::from("{");
    for field in FIELDS {
        let Some(value) = tool.get(field) else {
            continue;
        };
        if out.len() > 1 {
            out.push(',');
        }
        out.push('"');
        out.push_str(field);
        out.push_str("\":");
        out.push_str(&canonical(value));
    }
    out.push('}');
    out
}

/// The digest of a tool as it is listed: that of its [`definition`].
pub fn digest(tool: Value<'_>) -> String {
    digest_of(&definition(tool))
}

/// `sha256:` and the digest of a text in hexadecimal digits.
pub fn digest_of(text: &str) -> String {
    let mut out = String::from("sha256:");
    for byte in Sha256::digest(text.as_bytes()) {
        for digit in [byte.wrapping_shr(4), byte & 15] {
            out.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    out
}

/// Whether some reader takes another member of this tool for one that is pinned.
pub(crate) fn is_ambiguous(tool: Value<'_>) -> bool {
    rpc::looks_alike(tool, &FIELDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Document, Limits};

    fn of(json: &str) -> (String, String) {
        let document = Document::parse(json.as_bytes(), &Limits::REPLY).unwrap();
        (definition(document.root()), digest(document.root()))
    }

    #[test]
    fn spelling_does_not_matter_and_everything_else_does() {
        let (text, one) =
            of(r#"{"name":"a","inputSchema":{"maximum":100,"type":"object"},"_meta":{"x":1}}"#);
        assert_eq!(
            text,
            r#"{"inputSchema":{"maximum":1e2,"type":"object"},"name":"a"}"#
        );
        assert_eq!(
            one,
            "sha256:7a7ff9c9dbf884c0a9b35ba50b90f51742869a1e2fd9748099e2653b8c6a4e4a"
        );
        let same = [
            "{\"inputSchema\": {\"type\": \"\\u006fbject\", \"maximum\": 1e2}, \"name\": \"a\"}",
            r#"{"name":"a","inputSchema":{"type":"object","maximum":100.0},"icons":[],"execution":{"taskSupport":"required"}}"#,
        ];
        for same in same {
            assert_eq!(of(same).1, one, "{same}");
        }
        let others = [
            r#"{"name":"b","inputSchema":{"maximum":100,"type":"object"}}"#,
            r#"{"name":"a","inputSchema":{"maximum":101,"type":"object"}}"#,
            r#"{"name":"a","inputSchema":{"maximum":100,"type":"object"},"description":""}"#,
            r#"{"name":"a","inputSchema":{"maximum":100,"type":"object"},"title":null}"#,
            r#"{"name":"a","inputSchema":{"maximum":100,"type":"object"},"annotations":{}}"#,
            r#"{"name":"a","inputSchema":{"maximum":100,"type":"object"},"outputSchema":{}}"#,
            r#"{"name":"a","inputSchema":{"maximum":100,"type":"object","x":1}}"#,
        ];
        for other in others {
            assert_ne!(of(other).1, one, "{other}");
        }
        assert_ne!(
            of(r#"{"name":"a","inputSchema":9007199254740993}"#).1,
            of(r#"{"name":"a","inputSchema":9007199254740992}"#).1
        );
    }
}
