//! The document as a whole: top-level keys, catalogs and counters.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::error::ConfigErrors;
use super::reader::{Field, Object, Reader, escape};
use super::{Audit, AuditArgs, Counters, Gate, Http, Methods, Mode, Results, canonical, json_v1};
use crate::counters::{Table, Window};
use crate::json::{Document, Limits};
use crate::mcp::Method;
use crate::policy::{Catalog, Counter, Entry, Policy, Posture, Rule, Scope};

const POSTURES: [(&str, Posture); 2] = [("allow", Posture::Allow), ("deny", Posture::Deny)];
const MODES: [(&str, Mode); 2] = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];

/// Reads a whole configuration.
pub(super) fn gate(text: &[u8], doubles: bool) -> Result<Gate, ConfigErrors> {
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
    let gate = reader
        .object(root)
        .map(|object| read_gate(&mut reader, object, &document));
    reader.finish(gate)
}

fn read_gate(reader: &mut Reader, mut object: Object<'_>, document: &Document<'_>) -> Gate {
    read_version(reader, &mut object);
    if let Some(field) = object.take("description") {
        reader.text(&field);
    }
    let policy = read_policy(reader, &mut object);
    let mode = object
        .take("mode")
        .and_then(|field| reader.choice(&field, &MODES))
        .unwrap_or_default();
    let stopped = object
        .take("stopped")
        .and_then(|field| reader.boolean(&field))
        .unwrap_or_default();
    let methods = object
        .take("methods")
        .map(|field| read_methods(reader, field))
        .unwrap_or_default();
    let http = object
        .take("http")
        .map(|field| read_http(reader, field))
        .unwrap_or_default();
    let counters = object
        .take("counters")
        .map(|field| read_counters(reader, field))
        .unwrap_or_default();
    let results = object
        .take("results")
        .map(|field| read_results(reader, field))
        .unwrap_or_default();
    let audit = object
        .take("audit")
        .map(|field| read_audit(reader, field))
        .unwrap_or_default();
    object.finish(reader);
    let digest = Sha256::digest(canonical(document.root()).as_bytes());
    let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Gate {
        digest,
        policy,
        mode,
        stopped,
        methods,
        http,
        counters,
        results,
        audit,
    }
}

fn read_version(reader: &mut Reader, object: &mut Object<'_>) {
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

/// The counters a policy declares: one window and one scope per name.
#[derive(Default)]
pub(super) struct CounterBook {
    counters: HashMap<String, (Arc<Counter>, String)>,
}

impl CounterBook {
    /// The counter of this name; an error if it was declared with another window or scope.
    pub(super) fn declare(
        &mut self,
        reader: &mut Reader,
        at: &str,
        name: &str,
        window: Window,
        scope: Scope,
    ) -> Option<Arc<Counter>> {
        let declared = Counter {
            name: name.into(),
            window,
            scope,
        };
        let (counter, first_at) = self
            .counters
            .entry(name.to_owned())
            .or_insert_with(|| (Arc::new(declared), at.to_owned()));
        if counter.window == window && counter.scope == scope {
            return Some(Arc::clone(counter));
        }
        let (first_window, first_scope) = (counter.window.name(), counter.scope.name());
        let message = format!(
            "counter `{name}` counts per {first_window} with scope {first_scope} at {first_at}; a counter has one window and one scope in a policy"
        );
        reader.error(at, message);
        None
    }
}

fn read_policy(reader: &mut Reader, object: &mut Object<'_>) -> Policy {
    let mut counters = CounterBook::default();
    let default = object
        .take("default")
        .and_then(|field| reader.choice(&field, &POSTURES))
        .unwrap_or_default();
    let mut tools = Catalog {
        default,
        ..Catalog::default()
    };
    if let Some(field) = object.take("hide") {
        read_hide(reader, &field, &mut tools);
    }
    if let Some(field) = object.take("tools") {
        for (name, field) in reader.map(&field) {
            let base = format!("/tools/{}", escape(&name));
            let entry = read_entry(reader, &mut counters, field, &base, &name);
            if name == "*" {
                tools.wildcard = entry;
            } else {
                tools
                    .entries
                    .extend(entry.map(|entry| (name.into(), entry)));
            }
        }
    }
    if let Some(field) = object.take("all_tools") {
        if tools.wildcard.is_some() {
            reader.error(
                &field.at,
                "`all_tools` is another spelling of `tools[\"*\"]`; use one of them",
            );
        }
        tools.wildcard = read_entry(reader, &mut counters, field, "/all_tools", "*");
    }
    check_shared_counters(reader, &tools);
    // Prompts and resources have no rules of their own yet: the policy's own default decides.
    let inherited = || Catalog {
        default,
        ..Catalog::default()
    };
    Policy {
        name: "".into(),
        tools,
        prompts: inherited(),
        resources: inherited(),
    }
}

fn read_hide(reader: &mut Reader, field: &Field<'_>, catalog: &mut Catalog) {
    for item in reader.list(field) {
        let Some(name) = reader.text(&item) else {
            continue;
        };
        if name.trim().is_empty() {
            reader.expected(&item, "a tool name");
        } else if name == "*" {
            catalog.hide_all = true;
        } else if !catalog.hidden.insert(name.as_str().into()) {
            reader.error(&item.at, format!("`{name}` is hidden twice"));
        }
    }
}

fn read_entry(
    reader: &mut Reader,
    counters: &mut CounterBook,
    field: Field<'_>,
    base: &str,
    name: &str,
) -> Option<Entry> {
    let mut object = reader.object(field)?;
    let mut entry = Entry::default();
    if let Some(true) = object.take("deny").and_then(|field| reader.boolean(&field)) {
        let pointer = format!("{base}/deny");
        let reason = format!("Tool \"{name}\" is not permitted by policy (rule {pointer}).");
        entry.deny = Some(Rule {
            pointer: pointer.into(),
            reason: reason.into(),
        });
    }
    let mode = object
        .take("mode")
        .and_then(|field| reader.choice(&field, &MODES));
    entry.shadow = mode == Some(Mode::Shadow);
    json_v1::entry(reader, counters, &mut object, base, &mut entry);
    object.finish(reader);
    Some(entry)
}

/// Two limits on one counter must not meet in one call: which of them counts would depend on their order.
fn check_shared_counters(reader: &mut Reader, catalog: &Catalog) {
    let wildcard = catalog
        .wildcard
        .as_ref()
        .map(|entry| entry.limits.as_slice())
        .unwrap_or_default();
    let mut entries: Vec<(&str, &Entry)> = catalog
        .entries
        .iter()
        .map(|(name, entry)| (&**name, entry))
        .collect();
    entries.sort_unstable_by_key(|(name, _)| *name);
    let empty = Entry::default();
    if entries.is_empty() {
        entries.push(("*", &empty));
    }
    for (name, entry) in entries {
        let mut met: Vec<&str> = Vec::new();
        for limit in entry.limits.iter().chain(wildcard) {
            if met.contains(&&*limit.counter.name) {
                let message = format!(
                    "two limits on counter `{}` meet in one call of `{name}`",
                    limit.counter.name
                );
                reader.error(&limit.rule.pointer, message);
            }
            met.push(&limit.counter.name);
        }
    }
}

fn read_methods(reader: &mut Reader, field: Field<'_>) -> Methods {
    let mut methods = Methods::default();
    let Some(mut object) = reader.object(field) else {
        return methods;
    };
    if let Some(field) = object.take("allow") {
        for item in reader.list(&field) {
            methods.allow.extend(reader.text(&item).map(Into::into));
        }
    }
    if let Some(field) = object.take("deny") {
        for item in reader.list(&field) {
            let Some(name) = reader.text(&item) else {
                continue;
            };
            if Method::find(&name).is_none() {
                reader.expected(&item, "one of MCP's methods (others are refused anyway)");
            }
            methods.deny.insert(name.into());
        }
    }
    object.finish(reader);
    methods
}

fn read_http(reader: &mut Reader, field: Field<'_>) -> Http {
    let mut http = Http::default();
    let Some(mut object) = reader.object(field) else {
        return http;
    };
    if let Some(field) = object.take("hold_request_headers") {
        http.hold_request_headers = reader.boolean(&field).unwrap_or(true);
    }
    if let Some(field) = object.take("max_body_bytes") {
        http.max_body_bytes = reader
            .integer(&field, 1, 256 << 20)
            .unwrap_or(http.max_body_bytes);
    }
    if let Some(field) = object.take("denial_prefix") {
        http.denial_prefix = reader.text(&field).unwrap_or_default();
    }
    object.finish(reader);
    http
}

fn read_counters(reader: &mut Reader, field: Field<'_>) -> Counters {
    let mut counters = Counters::default();
    let Some(mut object) = reader.object(field) else {
        return counters;
    };
    if let Some(field) = object.take("store") {
        reader.choice(&field, &[("shared_data", ())]);
    }
    if let Some(field) = object.take("max_entries") {
        if let Some(entries) = reader.integer(&field, 64, 16 << 20) {
            counters.table = Table::new(entries);
        }
    }
    if let Some(field) = object.take("on_store_error") {
        let choices = [("deny", false), ("allow", true)];
        counters.allow_on_store_error = reader.choice(&field, &choices).unwrap_or(false);
    }
    object.finish(reader);
    counters
}

fn read_results(reader: &mut Reader, field: Field<'_>) -> Results {
    let mut results = Results::default();
    let Some(mut object) = reader.object(field) else {
        return results;
    };
    if let Some(field) = object.take("max_json_bytes") {
        results.max_json_bytes = reader
            .integer(&field, 1024, 256 << 20)
            .unwrap_or(results.max_json_bytes);
    }
    object.finish(reader);
    results
}

fn read_audit(reader: &mut Reader, field: Field<'_>) -> Audit {
    let mut audit = Audit::default();
    let Some(mut object) = reader.object(field) else {
        return audit;
    };
    if let Some(field) = object.take("log") {
        audit.log = reader.boolean(&field).unwrap_or(true);
    }
    if let Some(field) = object.take("args") {
        let choices = [
            ("none", AuditArgs::None),
            ("keys", AuditArgs::Keys),
            ("full", AuditArgs::Full),
        ];
        audit.args = reader.choice(&field, &choices).unwrap_or_default();
    }
    if let Some(field) = object.take("max_bytes") {
        audit.max_bytes = reader
            .integer(&field, 1024, 1 << 20)
            .unwrap_or(audit.max_bytes);
    }
    object.finish(reader);
    audit
}
