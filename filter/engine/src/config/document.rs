//! The document as a whole: its top-level keys, in the order they depend on each other.

use sha2::{Digest, Sha256};

use super::error::{ConfigError, ConfigErrors};
use super::reader::{Field, Object, Reader};
use super::results::Shared;
use super::{
    MODES, approvals, audit, catalog, console, counters, http, identity, metrics, pins, results,
};
use crate::console::Console;
use crate::gate::{Gate, Mode};
use crate::identity::{Attributes, Identity, Servers, Source};
use crate::json::{Document, Limits, canonical};
use crate::order;
use crate::policy::Policy;
use crate::protobuf::struct_to_json;
use crate::text::hex;

/// What a document configures.
#[derive(Debug)]
pub enum Configured {
    /// A gate: it has a policy.
    Gate(Box<Gate>),
    /// A console: it has `console` and no policy.
    Console(Console),
}

impl Configured {
    /// Reads a plugin configuration as a host hands it over: JSON text, or a serialized
    /// `google.protobuf.Struct`. Envoy delivers a `Struct` as protobuf, not as JSON (measured on 1.40).
    ///
    /// # Errors
    /// Every error in the document.
    pub fn from_bytes(bytes: &[u8]) -> Result<Configured, ConfigErrors> {
        match struct_to_json(bytes) {
            Some(json) => Configured::from_json(json.as_bytes(), true),
            None => Configured::from_json(bytes, false),
        }
    }

    /// Reads a configuration from JSON text. `doubles` tells that its numbers have been through doubles, so
    /// that integers beyond 2^53 cannot be trusted.
    ///
    /// # Errors
    /// Every error in the document.
    pub fn from_json(text: &[u8], doubles: bool) -> Result<Configured, ConfigErrors> {
        configured(text, doubles)
    }

    pub(super) fn gate(self) -> Result<Gate, ConfigErrors> {
        match self {
            Configured::Gate(gate) => Ok(*gate),
            Configured::Console(_) => Err(ConfigErrors(vec![ConfigError {
                pointer: "/console".to_owned(),
                message: "this document configures a console; a gate needs a policy".to_owned(),
                suggestion: None,
            }])),
        }
    }
}

/// Reads a whole configuration: of a console, where it has no policy.
fn configured(text: &[u8], doubles: bool) -> Result<Configured, ConfigErrors> {
    let mut reader = Reader::new(doubles);
    let document = match Document::parse(text, &Limits::CONFIG) {
        Ok(document) => document,
        Err(error) => {
            reader.error("", format!("the configuration is not JSON: {error}"));
            return reader.finish(None);
        }
    };
    let root = Field {
        value: document.root(),
        at: String::new(),
    };
    let read = reader.object(root).map(|object| {
        let has_policy = object.has("policies") || INLINE.into_iter().any(|key| object.has(key));
        if object.has("console") && !has_policy {
            Configured::Console(read_console(&mut reader, object, &document))
        } else {
            Configured::Gate(Box::new(read_gate(&mut reader, object, &document)))
        }
    });
    reader.finish(read)
}

/// Reads a document without a policy.
fn read_console(reader: &mut Reader, mut object: Object<'_>, document: &Document<'_>) -> Console {
    read_head(reader, &mut object);
    let approvers = object
        .take("console")
        .map(|field| console::read(reader, field))
        .unwrap_or_default();
    let audit = object
        .take("audit")
        .map(|field| audit::read(reader, field))
        .unwrap_or_default();
    object.finish(reader);
    Console {
        digest: digest(document),
        approvers,
        audit,
    }
}

/// SHA-256 over the canonical document, in hex.
fn digest(document: &Document<'_>) -> String {
    hex(&Sha256::digest(canonical(document.root()).as_bytes()))
}

fn read_gate(reader: &mut Reader, mut object: Object<'_>, document: &Document<'_>) -> Gate {
    read_head(reader, &mut object);
    let shared = object
        .take("results")
        .map(|field| results::read(reader, field))
        .unwrap_or_default();
    let mode = object
        .take("mode")
        .and_then(|field| reader.choice(&field, &MODES))
        .unwrap_or_default();
    let (policies, named_policies) = read_policies(reader, &mut object, &shared, mode);
    let servers = identity::read_servers(reader, &mut object);
    shared.check(reader, &policies, !matches!(servers, Servers::Any));
    let names = identity::PolicyNames {
        policies: &policies,
        named: named_policies,
    };
    let identity = identity::read(reader, &mut object, &names, &servers);
    let pins = object
        .take("pins")
        .and_then(|field| pins::read(reader, field, &servers));
    let stopped = object
        .take("stopped")
        .and_then(|field| reader.boolean(&field))
        .unwrap_or_default();
    let methods = object
        .take("methods")
        .map(|field| http::read_methods(reader, field))
        .unwrap_or_default();
    let http = object
        .take("http")
        .map(|field| http::read(reader, field))
        .unwrap_or_default();
    let counters = object
        .take("counters")
        .map(|field| counters::read(reader, field))
        .unwrap_or_default();
    let mut approvals = object
        .take("approvals")
        .map(|field| approvals::read(reader, field, http.hold_request_headers))
        .unwrap_or_default();
    approvals.used = policies.iter().any(Policy::asks);
    let shares = approvals.used || policies.iter().any(|policy| policy.counts_sessions);
    let attributes = needed_attributes(&identity, &servers, shares);
    let audit = object
        .take("audit")
        .map(|field| audit::read(reader, field))
        .unwrap_or_default();
    let metrics = object
        .take("metrics")
        .map(|field| metrics::read(reader, field))
        .unwrap_or_default();
    if let Some(field) = object.take("console") {
        // Of another listener's; it is checked, and not served here.
        console::read(reader, field);
    }
    object.finish(reader);
    Gate {
        digest: digest(document),
        policies,
        named_policies,
        identity,
        servers,
        attributes,
        mode,
        stopped,
        methods,
        http,
        counters,
        approvals,
        results: shared.of_gate(mode),
        pins,
        audit,
        metrics,
    }
}

/// What every document begins with.
fn read_head(reader: &mut Reader, object: &mut Object<'_>) {
    if let Some(field) = object.take("description") {
        reader.text(&field);
    }
    match object.take("version") {
        Some(field) => {
            let known =
                field.value.raw() == "1" || field.value.as_text().is_some_and(|text| text.is("1"));
            if !known {
                reader.expected(&field, "version `\"1\"`");
            }
        }
        None => reader.error("", "the document needs `version: \"1\"`"),
    }
}

/// Keys of an inline policy, which cannot stand beside `policies`.
const INLINE: [&str; 6] = [
    "default",
    "hide",
    "tools",
    "all_tools",
    "prompts",
    "resources",
];

/// The policies, and whether they have names.
fn read_policies(
    reader: &mut Reader,
    object: &mut Object<'_>,
    shared: &Shared,
    mode: Mode,
) -> (Vec<Policy>, bool) {
    let Some(field) = object.take("policies") else {
        return (
            vec![catalog::read_policy(reader, object, "", shared, mode)],
            false,
        );
    };
    if let Some(key) = INLINE.into_iter().find(|key| object.has(key)) {
        reader.error(
            &field.at,
            format!("`policies` stands beside an inline policy (`{key}`); use one of them"),
        );
    }
    for key in INLINE {
        object.take(key);
    }
    let mut policies = Vec::new();
    for (name, field) in reader.map(&field) {
        let at = field.at.clone();
        let Some(mut object) = reader.object(field) else {
            continue;
        };
        if name.trim().is_empty() {
            reader.error(&at, "a policy needs a name");
        }
        if let Some(field) = object.take("description") {
            reader.text(&field);
        }
        policies.push(catalog::read_policy(
            reader,
            &mut object,
            &name,
            shared,
            mode,
        ));
        object.finish(reader);
    }
    (policies, true)
}

/// What the host has to be asked for. `shares` tells that callers share a table.
fn needed_attributes(identity: &Identity, servers: &Servers, shares: bool) -> Vec<&'static str> {
    let mut needed = Vec::new();
    for source in &identity.sources {
        match source {
            Source::Jwt { .. } => needed.push(Attributes::METADATA),
            Source::Mtls { attribute, .. } => needed.extend([
                *attribute,
                Attributes::CERTIFICATE,
                Attributes::CERTIFICATE_END,
            ]),
            Source::Grant | Source::Header { .. } => {}
        }
    }
    // However they are told apart, their requests must not take another route once headers are off.
    if let Servers::Several(_) = servers {
        needed.push(Attributes::ROUTE);
    }
    if shares && (identity.sources.is_empty() || !identity.required) {
        needed.push(Attributes::SOURCE);
    }
    order::distinct(needed.into_iter())
}
