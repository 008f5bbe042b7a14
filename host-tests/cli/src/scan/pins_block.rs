//! The `pins` of a policy, for the tools of a server as they are now.

use toolgate_engine::json::{Document, Kind, Limits, Value};

use super::{Pins, Scan, ToolDefinition};
use crate::render::layout;
use crate::text::{is_plain, one_line};

/// The block, to be put at the end of a policy in YAML; `schemas` holds calls to the input schemas as well.
pub fn pins_block(scan: &Scan, schemas: bool) -> String {
    let head = format!(
        "# The tools of {} at {}. `toolgate pin` shows what has changed since, and `--config` prints this anew.\n",
        one_line(&scan.server, 80),
        one_line(&scan.url, 200),
    );
    head + &block(scan.tools.iter().collect(), schemas)
}

/// The same from a pin file, with schemas, for the tools that are wanted.
pub fn pins_block_of(pins: &Pins, wanted: &dyn Fn(&str) -> bool) -> String {
    let tools = pins.tools.iter().map(|pinned| &pinned.definition);
    block(tools.filter(|tool| wanted(&tool.name)).collect(), true)
}

fn block(mut tools: Vec<&ToolDefinition>, schemas: bool) -> String {
    tools.sort_by(|left, right| left.name.cmp(&right.name));
    let mut text = "pins:\n  tools:\n".to_owned();
    for tool in tools {
        let schema = tool.field("inputSchema").filter(|_| schemas).map(flow);
        if !is_plain(&tool.name) || schema.as_deref().is_some_and(is_unspeakable) {
            text.push_str(&format!(
                "    # left out, for it has hidden characters: {}\n",
                one_line(&tool.name, 80)
            ));
            continue;
        }
        let name = quoted(&tool.name);
        let digest = tool.digest();
        match schema {
            None => text.push_str(&format!("    {name}: \"{digest}\"\n")),
            Some(schema) => {
                let schema = layout(&schema, 8);
                text.push_str(&format!(
                    "    {name}:\n      digest: \"{digest}\"\n      input_schema: {schema}\n"
                ));
            }
        }
    }
    let unknown = "hide    # tools without a pin; or: allow";
    text.push_str(&format!(
        "  on_drift: hide   # a tool that has changed; or: deny, observe\n  unknown: {unknown}\n"
    ));
    if schemas {
        text.push_str("  validate_arguments: true\n");
    }
    text
}

/// JSON whose strings YAML reads alike: it knows no pairs of surrogates.
fn flow(json: &str) -> String {
    let mut out = String::new();
    match Document::parse(json.as_bytes(), &Limits::CONFIG) {
        Ok(document) => write(document.root(), &mut out),
        Err(_) => out.push_str(json),
    }
    out
}

fn write(value: Value<'_>, out: &mut String) {
    match value.kind() {
        Kind::Object => {
            out.push('{');
            for (index, (key, value)) in value.members().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                out.push_str(&quoted(&key.decode()));
                out.push_str(": ");
                write(value, out);
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for (index, item) in value.items().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write(item, out);
            }
            out.push(']');
        }
        Kind::PlainString | Kind::EscapedString => {
            out.push_str(&quoted(&value.as_str().unwrap_or_default()));
        }
        _ => out.push_str(value.raw()),
    }
}

/// A text in double quotes.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// Whether it has a hidden mark for which JSON's escape is none of YAML's.
fn is_unspeakable(json: &str) -> bool {
    let mut far = json.chars().filter(|char| *char > '\u{ffff}');
    far.any(|char| !is_plain(&char.to_string()))
}
