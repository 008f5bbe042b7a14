//! Lints on `pins`: schemas that ask for more than is enforced, and tools that nobody has pinned.

use super::kinds::{Found, NO_PIN, UNENFORCED, UNUSED_SCHEMA};
use super::view::{Policy, Targets};
use crate::config::reader::excerpt;
use crate::gate::Gate;
use crate::json::Value;
use crate::pins::schema::{GapKind, Schema};
use crate::pins::{Pins, Tools};
use crate::policy::Pattern;
use crate::text::escape;

/// `pins` itself.
pub(super) fn pins(document: Value<'_>, gate: &Gate, found: &mut Found) {
    let (Some(written), Some(pins)) = (document.get("pins"), &gate.pins) else {
        return;
    };
    let mut look = |tools: Option<Value<'_>>, compiled: &Tools, at: &str| {
        for (name, pin) in tools.iter().flat_map(Value::members) {
            let name = name.decode();
            let at = format!("{at}/tools/{}/input_schema", escape(&name));
            let Some(schema) = pin.get("input_schema") else {
                continue;
            };
            match compiled.get(&name).and_then(|pin| pin.schema.as_ref()) {
                Some(compiled) => gaps(schema, compiled, &at, found),
                None => found.add(&UNUSED_SCHEMA, &at, "`validate_arguments` is not true"),
            }
        }
    };
    look(written.get("tools"), &pins.shared, "/pins");
    let servers = written.get("servers");
    for (name, server) in servers.iter().flat_map(Value::members) {
        let name = name.decode();
        let compiled = pins.servers.iter().find(|(other, _)| **other == *name);
        if let Some((_, compiled)) = compiled {
            let at = format!("/pins/servers/{}", escape(&name));
            look(server.get("tools"), compiled, &at);
        }
    }
}

/// What of a schema is not enforced.
fn gaps(schema: Value<'_>, compiled: &Schema, at: &str, found: &mut Found) {
    for gap in compiled.gaps() {
        // The compiled schema is a document of its own.
        let (pointer, value) = find(schema, schema.place().saturating_add(gap.place), at);
        let keyword = pointer.rsplit('/').next().unwrap_or_default();
        let text = value.as_str().unwrap_or_default();
        let message = match gap.kind {
            GapKind::Keyword => format!("`{keyword}` is not enforced: what breaks it passes"),
            GapKind::Unknown => {
                format!("`{keyword}` is no keyword of JSON Schema, and asks for nothing")
            }
            GapKind::Malformed => {
                format!(
                    "`{keyword}` cannot be {}, and asks for nothing",
                    excerpt(value)
                )
            }
            GapKind::Pattern => match Pattern::new(&text).err() {
                Some(error) => format!("the pattern is not enforced: {error}"),
                None => format!(
                    "`{keyword}` is not enforced: a pattern of `patternProperties` is not supported"
                ),
            },
            GapKind::Reference => {
                format!(
                    "{} leads out of this schema: anything passes there",
                    excerpt(value)
                )
            }
        };
        found.add(&UNENFORCED, &pointer, &message);
    }
}

/// The value at a place of a document, and its pointer.
fn find<'d>(from: Value<'d>, place: usize, at: &str) -> (String, Value<'d>) {
    let (mut pointer, mut value) = (at.to_owned(), from);
    while value.place() != place {
        let members = value
            .members()
            .map(|(key, member)| (escape(&key.decode()).into_owned(), member));
        let items = value
            .items()
            .enumerate()
            .map(|(index, item)| (index.to_string(), item));
        let child = members
            .chain(items)
            .take_while(|(_, child)| child.place() <= place)
            .last();
        let Some((step, child)) = child else { break };
        pointer.push('/');
        pointer.push_str(&step);
        value = child;
    }
    (pointer, value)
}

/// Entries for tools that no server has a pin for.
pub(super) fn policy(policy: &Policy<'_>, gate: &Gate, found: &mut Found) {
    let Some(pins) = gate.pins.as_ref().filter(|pins| !pins.allow_unknown) else {
        return;
    };
    let catalogs = policy.catalogs.iter();
    for catalog in catalogs.filter(|catalog| catalog.targets == Targets::Tools) {
        for entry in &catalog.entries {
            let is_hidden = catalog.hidden.contains(&entry.name);
            let is_denied = entry.object.get("deny").is_some();
            if entry.name == "*" || is_hidden || is_denied || has_pin(pins, &entry.name) {
                continue;
            }
            let message = "nobody can call this: `unknown` is `hide`, and no pin names it";
            found.add(&NO_PIN, &entry.at, message);
        }
    }
}

fn has_pin(pins: &Pins, name: &str) -> bool {
    let mut servers = pins.servers.iter();
    pins.shared.get(name).is_some() || servers.any(|(_, tools)| tools.get(name).is_some())
}
