//! One policy: what it says of tools, prompts and resources, by name.

use super::limits::{CounterBook, check_meeting};
use super::reader::{Field, Object, Reader};
use super::results::Shared;
use super::{MODES, approval, json_v1, results, rules};
use crate::gate::Mode;
use crate::order;
use crate::policy::{Catalog, Entry, Policy, Posture, Rule};
use crate::text::escape;

const POSTURES: [(&str, Posture); 2] = [("allow", Posture::Allow), ("deny", Posture::Deny)];

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

/// A policy; `name` is empty where it stands at the top of the document.
pub(super) fn read_policy(
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
