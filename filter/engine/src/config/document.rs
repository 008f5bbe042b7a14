//! The document as a whole: top-level keys, catalogs and counters.

use sha2::{Digest, Sha256};

use super::error::{ConfigError, ConfigErrors};
use super::limits::{CounterBook, check_meeting};
use super::reader::{Field, Object, Reader};
use super::results::Shared;
use super::{approval, approvals, console, identity, json_v1, pins, results, rules};
use crate::audit::{Audit, AuditArgs};
use crate::console::Console;
use crate::counters::{Counters, Table};
use crate::gate::{Gate, Http, Methods, Mode};
use crate::identity::{Attributes, Identity, Servers, Source};
use crate::json::{Document, Limits, canonical};
use crate::mcp::Method;
use crate::order;
use crate::policy::{Catalog, Entry, Policy, Posture, Rule};
use crate::protobuf::struct_to_json;
use crate::text::{escape, hex};

const POSTURES: [(&str, Posture); 2] = [("allow", Posture::Allow), ("deny", Posture::Deny)];
const MODES: [(&str, Mode); 2] = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];

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
        .map(|field| read_audit(reader, field))
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
    let attributes = needed_attributes(&identity, &servers);
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
    let mut approvals = object
        .take("approvals")
        .map(|field| approvals::read(reader, field, http.hold_request_headers))
        .unwrap_or_default();
    approvals.used = policies.iter().any(Policy::asks);
    let audit = object
        .take("audit")
        .map(|field| read_audit(reader, field))
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

/// The kinds of targets, and how their rules are spelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tools,
    Prompts,
    Resources,
}

/// What reading the entries of one catalog needs.
struct CatalogReader<'r> {
    reader: &'r mut Reader,
    counters: &'r mut CounterBook,
    kind: Kind,
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
        return (vec![read_policy(reader, object, "", shared, mode)], false);
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
        policies.push(read_policy(reader, &mut object, &name, shared, mode));
        object.finish(reader);
    }
    (policies, true)
}

/// What the host has to be asked for.
fn needed_attributes(identity: &Identity, servers: &Servers) -> Vec<&'static str> {
    let mut needed = Vec::new();
    for source in &identity.sources {
        match source {
            Source::Jwt { .. } => needed.push(Attributes::METADATA),
            Source::Mtls { attribute, .. } => needed.extend([*attribute, Attributes::CERTIFICATE]),
            Source::Grant | Source::Header { .. } => {}
        }
    }
    // However they are told apart, their requests must not take another route once headers are off.
    if let Servers::Several(_) = servers {
        needed.push(Attributes::ROUTE);
    }
    order::distinct(needed.into_iter())
}

fn read_policy(
    reader: &mut Reader,
    object: &mut Object<'_>,
    name: &str,
    shared: &Shared,
    mode: Mode,
) -> Policy {
    let mut counters = CounterBook::default();
    let shared = shared.of_policy(reader, &mut counters);
    let default = object
        .take("default")
        .and_then(|field| reader.choice(&field, &POSTURES))
        .unwrap_or_default();
    let empty = || Catalog {
        default,
        ..Catalog::default()
    };
    let mut tools = empty();
    if let Some(field) = object.take("hide") {
        read_hide(reader, &field, Kind::Tools, &mut tools);
    }
    let mut catalog = CatalogReader {
        reader,
        counters: &mut counters,
        kind: Kind::Tools,
    };
    if let Some(field) = object.take("tools") {
        catalog.entries(&field, "/tools", &mut tools);
    }
    if let Some(field) = object.take("all_tools") {
        if tools.wildcard.is_some() {
            let message = "`all_tools` is another spelling of `tools[\"*\"]`; use one of them";
            catalog.reader.error(&field.at, message);
        }
        tools.wildcard = catalog.entry(field, "/all_tools", "*");
    }
    let prompts = catalog.section(object.take("prompts"), Kind::Prompts, empty());
    let resources = catalog.section(object.take("resources"), Kind::Resources, empty());
    let mut policy = Policy {
        name: name.into(),
        tools,
        prompts,
        resources,
        ..Policy::default()
    };
    for catalog in [&policy.tools, &policy.prompts, &policy.resources] {
        check_meeting(reader, catalog);
    }
    let catalogs = [
        &mut policy.tools,
        &mut policy.prompts,
        &mut policy.resources,
    ];
    counters.resolve(reader, catalogs.into_iter().flat_map(Catalog::entries_mut));
    policy.counts_sessions = counters.counts_sessions();
    results::resolve(&mut policy, &shared, mode);
    policy
}

impl CatalogReader<'_> {
    /// `prompts` or `resources`: `{default, hide, items}`.
    fn section(&mut self, field: Option<Field<'_>>, kind: Kind, mut catalog: Catalog) -> Catalog {
        self.kind = kind;
        let Some(field) = field else { return catalog };
        // The policy a rule stands in is a field of its own in the audit record, not part of its pointer.
        let base = if kind == Kind::Prompts {
            "/prompts/items"
        } else {
            "/resources/items"
        };
        let Some(mut object) = self.reader.object(field) else {
            return catalog;
        };
        if let Some(field) = object.take("default") {
            catalog.default = self.reader.choice(&field, &POSTURES).unwrap_or_default();
        }
        if let Some(field) = object.take("hide") {
            read_hide(self.reader, &field, kind, &mut catalog);
        }
        if let Some(field) = object.take("items") {
            self.entries(&field, base, &mut catalog);
        }
        object.finish(self.reader);
        catalog
    }

    /// Entries by name. `base` is the pointer of the map in refusals.
    fn entries(&mut self, field: &Field<'_>, base: &str, catalog: &mut Catalog) {
        for (name, field) in self.reader.map(field) {
            let base = format!("{base}/{}", escape(&name));
            let at = field.at.clone();
            let entry = self.entry(field, &base, &name);
            let prefix = name
                .strip_suffix('*')
                .filter(|_| self.kind == Kind::Resources);
            match prefix {
                _ if name == "*" => catalog.wildcard = entry,
                Some(prefix) => catalog
                    .prefixes
                    .extend(entry.map(|entry| (prefix.into(), entry))),
                None if name.trim().is_empty() => self.reader.error(&at, "an entry needs a name"),
                None if name.contains('*') && self.kind != Kind::Resources => {
                    self.reader.error(
                        &at,
                        format!("`{name}` is no exact name: there are no patterns, only `*` alone"),
                    );
                }
                None => {
                    if let Some(entry) = entry {
                        catalog.entries.insert(&name, entry);
                    }
                }
            }
        }
        let shortness = |prefix: &str| u64::MAX.saturating_sub(prefix.len() as u64);
        let longest =
            order::by_number(catalog.prefixes.iter().map(|(prefix, _)| shortness(prefix)));
        catalog.prefixes = order::arrange(std::mem::take(&mut catalog.prefixes), &longest);
    }

    fn entry(&mut self, field: Field<'_>, base: &str, name: &str) -> Option<Entry> {
        let mut entry = Entry::default();
        let at = field.at.clone();
        if field.value.is_null() {
            let message = format!(
                "nothing is written under `{name}`; write `{{}}` to allow it without rules, or remove the key"
            );
            self.reader.error(&at, message);
            return None;
        }
        let mut object = self.reader.object(field)?;
        if let Some(true) = object
            .take("deny")
            .and_then(|field| self.reader.boolean(&field))
        {
            let pointer = format!("{base}/deny");
            let reason = format!("\"{name}\" is not permitted by policy (rule {pointer}).");
            entry.deny = Some(Rule {
                pointer: pointer.into(),
                reason: reason.into(),
            });
        }
        let mode = object
            .take("mode")
            .and_then(|field| self.reader.choice(&field, &MODES));
        entry.shadow = mode == Some(Mode::Shadow);
        if let Some(field) = object.take("result") {
            let own = results::read_own(self.reader, self.counters, field, base);
            entry.own_result = own.map(Box::new);
        }
        if let Some(field) = object.take("approval") {
            entry
                .approvals
                .extend(approval::read(self.reader, field, base));
        }
        if let Some(field) = object.take("approvers") {
            entry.approvers = approval::read_approvers(self.reader, &field);
        }
        if let Some(field) = object.take("rules") {
            let mixed = ["require", "deny_if", "limits"]
                .into_iter()
                .find(|key| object.has(key));
            if let Some(key) = mixed {
                self.reader.error(
                    &at,
                    format!("`rules` and `{key}` are two dialects; use one of them for this entry"),
                );
            }
            // What is not a tool has counters of its own, under a name no tool can have.
            let owner = match self.kind {
                Kind::Tools => name.to_owned(),
                Kind::Prompts => format!("prompt:{name}"),
                Kind::Resources => format!("resource:{name}"),
            };
            rules::entry(self.reader, self.counters, &field, &owner, base, &mut entry);
        }
        json_v1::entry(self.reader, self.counters, &mut object, base, &mut entry);
        object.finish(self.reader);
        Some(entry)
    }
}

fn read_hide(reader: &mut Reader, field: &Field<'_>, kind: Kind, catalog: &mut Catalog) {
    for item in reader.list(field) {
        let Some(name) = reader.name(&item) else {
            continue;
        };
        let prefix = name
            .strip_suffix('*')
            .filter(|_| kind == Kind::Resources && name != "*");
        if name == "*" {
            catalog.hide_all = true;
        } else if let Some(prefix) = prefix {
            catalog.hidden_prefixes.push(prefix.into());
        } else if kind != Kind::Resources && name.contains('*') {
            reader.expected(
                &item,
                "an exact name, or `*` alone for all: there are no patterns",
            );
        } else if catalog.hidden.insert(&name, ()).is_some() {
            reader.error(&item.at, format!("`{name}` is hidden twice"));
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
            if let Some(name) = reader.text(&item) {
                methods.allow.insert(&name, ());
            }
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
            methods.deny.insert(&name, ());
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
    if let Some(field) = object.take("body_timeout") {
        let seconds = approval::read_duration(reader, &field);
        if seconds == Some(0) {
            reader.expected(&field, "a duration of at least 1s");
        }
        http.body_timeout = seconds.unwrap_or(http.body_timeout);
    }
    if let Some(field) = object.take("max_body_bytes") {
        http.max_body_bytes = reader
            .integer(&field, 1, 256 << 20)
            .unwrap_or(http.max_body_bytes);
    }
    if let Some(field) = object.take("denial_prefix") {
        http.denial_prefix = reader.text(&field).unwrap_or_default();
    }
    if let Some(field) = object.take("trust_envoy_headers") {
        http.trust_envoy_headers = reader.boolean(&field).unwrap_or(false);
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
    if let Some(field) = object.take("max_entries")
        && let Some(entries) = reader.integer(&field, 64, 16 << 20)
    {
        counters.table = Table::new(entries);
    }
    if let Some(field) = object.take("on_store_error") {
        let choices = [("deny", false), ("allow", true)];
        counters.allow_on_store_error = reader.choice(&field, &choices).unwrap_or(false);
    }
    object.finish(reader);
    counters
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
    if let Some(field) = object.take("results") {
        let choices = [("none", false), ("digest", true)];
        audit.result_digest = reader.choice(&field, &choices).unwrap_or_default();
    }
    if let Some(field) = object.take("claims") {
        for item in reader.list(&field) {
            audit.claims.extend(reader.name(&item).map(Into::into));
        }
    }
    if let Some(field) = object.take("recent") {
        audit.recent = reader.integer(&field, 0, 64).unwrap_or(audit.recent);
    }
    if let Some(field) = object.take("max_bytes") {
        audit.max_bytes = reader
            .integer(&field, 1024, 1 << 20)
            .unwrap_or(audit.max_bytes);
    }
    object.finish(reader);
    audit
}
