//! `pins`: which definition each tool must have.

use super::approval;
use super::error::nearest;
use super::reader::{Field, Reader};
use crate::identity::Servers;
use crate::json::Kind;
use crate::pins::schema::Schema;
use crate::pins::{OnDrift, Pin, Pins, Tools};

const ON_DRIFT: [(&str, OnDrift); 3] = [
    ("hide", OnDrift::Hide),
    ("deny", OnDrift::Deny),
    ("observe", OnDrift::Observe),
];

/// Reads `pins`.
pub(super) fn read(reader: &mut Reader, field: Field<'_>, servers: &Servers) -> Option<Pins> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let validate = object
        .take("validate_arguments")
        .and_then(|field| reader.boolean(&field))
        .unwrap_or_default();
    let on_drift = object
        .take("on_drift")
        .and_then(|field| reader.choice(&field, &ON_DRIFT));
    let unknown = object
        .take("unknown")
        .and_then(|field| reader.choice(&field, &[("hide", false), ("allow", true)]));
    let mut pins = Pins {
        on_drift: on_drift.unwrap_or_default(),
        allow_unknown: unknown.unwrap_or_default(),
        ..Pins::default()
    };
    if !object.has("tools") && !object.has("servers") {
        reader.error(
            &at,
            "nothing is pinned here; `toolgate pin URL --config` prints what to write for the tools of a server",
        );
    }
    if let Some(field) = object.take("settle") {
        pins.settle = approval::read_duration(reader, &field).unwrap_or(pins.settle);
    }
    if let Some(field) = object.take("tools") {
        pins.shared = read_tools(reader, &field, validate);
    }
    if let Some(field) = object.take("servers") {
        for (name, field) in reader.map(&field) {
            check_server(reader, &field, &name, servers);
            let Some(mut object) = reader.object(field) else {
                continue;
            };
            let tools = object.take("tools");
            let tools = tools.map(|field| read_tools(reader, &field, validate));
            object.finish(reader);
            pins.servers.push((name.into(), tools.unwrap_or_default()));
        }
    }
    object.finish(reader);
    Some(pins)
}

fn check_server(reader: &mut Reader, field: &Field<'_>, name: &str, servers: &Servers) {
    if servers.knows(name) {
        return;
    }
    let names: Vec<&str> = match servers {
        Servers::Any => Vec::new(),
        Servers::One(one) => vec![one],
        Servers::Several(servers) => servers.iter().map(|server| &*server.name).collect(),
    };
    let message = if names.is_empty() {
        format!(
            "there is no server `{name}`: name it in `server` or `servers`, or pin under `pins.tools`"
        )
    } else {
        format!("there is no server `{name}` in this document")
    };
    let suggestion = nearest(name, names).map(str::to_owned);
    reader.error_with(&field.at, message, suggestion);
}

fn read_tools(reader: &mut Reader, field: &Field<'_>, validate: bool) -> Tools {
    let mut tools = Tools::default();
    for (name, field) in reader.map(field) {
        if name.trim().is_empty() {
            reader.error(&field.at, "a pin needs the name of a tool");
        }
        if let Some(pin) = read_pin(reader, field, name, validate) {
            tools.add(pin);
        }
    }
    tools
}

/// `sha256:…`, or `{digest, input_schema}`.
fn read_pin(reader: &mut Reader, field: Field<'_>, name: String, validate: bool) -> Option<Pin> {
    let at = field.at.clone();
    let mut schema = None;
    let digest = if field.value.kind() == Kind::Object {
        let mut object = reader.object(field)?;
        let digest = object.take("digest");
        if digest.is_none() {
            reader.error(&at, "a pin needs a `digest`");
        }
        schema = object.take("input_schema");
        object.finish(reader);
        digest?
    } else {
        field
    };
    if !digest.value.as_str().is_some_and(|text| is_digest(&text)) {
        reader.expected(
            &digest,
            "`sha256:` and 64 lower-case hexadecimal digits, as `toolgate pin URL --config` prints them",
        );
    }
    if let Some(schema) = &schema {
        reader.check_doubles(schema);
        if schema.value.kind() != Kind::Object {
            reader.expected(schema, "a JSON Schema, an object");
        }
    } else if validate {
        reader.error(
            &at,
            "`validate_arguments` needs the `input_schema` of every pinned tool; `toolgate pin URL --config --schemas` prints them",
        );
    }
    let schema = schema.filter(|_| validate);
    Some(Pin {
        name: name.into(),
        digest: digest.value.as_str()?.into(),
        schema: schema.and_then(|schema| Schema::compile(schema.value.raw().to_owned()).ok()),
    })
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    hex.len() == 64 && hex.bytes().all(is_hex)
}
