//! One spelling for every value: keys sorted, numbers by value, no white space. Digests are taken over it.

use super::tape::Kind;
use super::value::Value;

/// The canonical text of a value.
pub fn canonical(value: Value<'_>) -> String {
    let mut out = String::with_capacity(value.raw().len());
    write(value, false, &mut out);
    out
}

/// A value for people to judge: keys sorted and no text hidden behind escapes, as in [`canonical`], but numbers as they
/// were written: `120.50`, not `1205e-1`.
pub fn legible(value: Value<'_>) -> String {
    let mut out = String::with_capacity(value.raw().len());
    write(value, true, &mut out);
    out
}

/// Recursion is bounded by the reader's limit on nesting.
fn write(value: Value<'_>, as_written: bool, out: &mut String) {
    match value.kind() {
        Kind::Object => {
            out.push('{');
            for (index, (key, value)) in value.sorted_members().into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(&key, out);
                out.push(':');
                write(value, as_written, out);
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for (index, item) in value.items().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, as_written, out);
            }
            out.push(']');
        }
        Kind::Number => match value.as_decimal() {
            _ if as_written => out.push_str(value.raw()),
            Some(decimal) => out.push_str(&decimal.to_string()),
            None => out.push_str(value.raw()),
        },
        Kind::PlainString | Kind::EscapedString => {
            write_text(&value.as_str().unwrap_or_default(), out)
        }
        Kind::Null | Kind::True | Kind::False => out.push_str(value.raw()),
    }
}

/// The text of a value without white space between its tokens, everything else as written.
pub fn compact(value: Value<'_>) -> String {
    let raw = value.raw();
    let mut out = String::with_capacity(raw.len());
    let (mut in_string, mut escaped) = (false, false);
    for char in raw.chars() {
        if in_string {
            in_string = escaped || char != '"';
            escaped = char == '\\' && !escaped;
        } else if char.is_ascii_whitespace() {
            continue;
        } else {
            in_string = char == '"';
        }
        out.push(char);
    }
    out
}

fn write_text(text: &str, out: &mut String) {
    // Writing a str to a String as JSON cannot fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}
