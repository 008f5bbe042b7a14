//! JSON for people, with every number and string as it was written.

use toolgate_engine::json::{Document, JsonError, Kind, Limits, Value};

use crate::text::spell_out;

/// Widest line that stays one.
const WIDTH: usize = 100;

/// Lays JSON text out over lines; what fits on one stays on one.
///
/// # Errors
/// When it is not JSON.
pub fn pretty(json: &str) -> Result<String, JsonError> {
    let document = Document::parse(json.as_bytes(), &Limits::CONFIG)?;
    let mut out = String::new();
    write(document.root(), 0, &mut out);
    Ok(out)
}

/// As [`pretty`], as a value behind a key at this indentation. What is not JSON stays as it is.
pub fn layout(json: &str, indent: usize) -> String {
    let mut out = String::new();
    match Document::parse(json.as_bytes(), &Limits::CONFIG) {
        Ok(document) => write(document.root(), indent, &mut out),
        Err(_) => out.push_str(json),
    }
    out
}

fn write(value: Value<'_>, indent: usize, out: &mut String) {
    let short = compact(value);
    // The document itself is always laid out.
    if indent > 0 && short.chars().count() + indent <= WIDTH {
        out.push_str(&short);
        return;
    }
    let inner = " ".repeat(indent + 2);
    let end = " ".repeat(indent);
    match value.kind() {
        Kind::Object => {
            let mut members = value.members();
            let mut first = true;
            while let Some((key, value)) = members.next_with_key() {
                out.push_str(if first { "{\n" } else { ",\n" });
                first = false;
                out.push_str(&format!("{inner}{}: ", spell_out(key.raw())));
                write(value, indent + 2, out);
            }
            out.push_str(&if first {
                "{}".to_owned()
            } else {
                format!("\n{end}}}")
            });
        }
        Kind::Array => {
            let mut first = true;
            for item in value.items() {
                out.push_str(if first { "[\n" } else { ",\n" });
                first = false;
                out.push_str(&inner);
                write(item, indent + 2, out);
            }
            out.push_str(&if first {
                "[]".to_owned()
            } else {
                format!("\n{end}]")
            });
        }
        _ => out.push_str(&short),
    }
}

fn compact(value: Value<'_>) -> String {
    match value.kind() {
        Kind::Object => {
            let mut members = value.members();
            let mut parts = Vec::new();
            while let Some((key, value)) = members.next_with_key() {
                parts.push(format!("{}: {}", spell_out(key.raw()), compact(value)));
            }
            match parts.is_empty() {
                true => "{}".to_owned(),
                false => format!("{{ {} }}", parts.join(", ")),
            }
        }
        Kind::Array => {
            let items: Vec<_> = value.items().map(compact).collect();
            format!("[{}]", items.join(", "))
        }
        _ => spell_out(value.raw()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_strings_stay_as_they_were() {
        let json = r#"{"a":[9007199254740993,1.10,"\u00e9\n"],"b":{},"c":[{"long":"0123456789012345678901234567890123456789"},{"long":"0123456789012345678901234567890123456789"}]}"#;
        let text = pretty(json).unwrap();
        assert!(
            text.starts_with(
                "{\n  \"a\": [9007199254740993, 1.10, \"\\u00e9\\n\"],\n  \"b\": {},\n"
            ),
            "{text}"
        );
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(squeezed(&text), squeezed(json));
    }
}
