//! What a listener does around the gate: which routes it judges, how much it holds.

use std::collections::BTreeSet;

use toolgate_engine::json::{Kind, Value};

use super::Route;
use super::host::member;
use super::warning::{self, Warning};
use crate::command::diagnostic::Diagnostic;
use toolgate_document::Document;

/// Envoy's default of `per_connection_buffer_limit_bytes`.
const DEFAULT_BUFFER: u64 = 1 << 20;

/// Looks at parts of a document.
pub(super) struct Look<'l> {
    pub(super) document: &'l Document,
    pub(super) diagnostics: &'l mut Vec<Diagnostic>,
    pub(super) routes: &'l mut Vec<Route>,
    pub(super) elsewhere: &'l mut Vec<String>,
}

/// A filter of the manager that is a gate.
struct Gate {
    name: String,
    disabled: bool,
    /// Where its configuration is, if not here.
    elsewhere: Option<String>,
}

impl Look<'_> {
    fn warn(&mut self, warning: &Warning, value: Value<'_>, message: impl Into<String>) {
        self.diagnostics
            .push(warning.at(self.document, value, message));
    }

    /// A connection manager: where its gate is on, and what else matters to it. `known` are the plugins found in it.
    pub(super) fn manager(&mut self, manager: Value<'_>, known: &[&str]) {
        let Some(filters) = member(manager, "http_filters") else {
            return;
        };
        let gates: Vec<_> = filters
            .items()
            .filter_map(|filter| gate(filter, known))
            .collect();
        let Some(Gate {
            name,
            disabled,
            elsewhere,
        }) = gates.into_iter().next()
        else {
            return;
        };
        self.elsewhere.extend(elsewhere);
        if disabled {
            self.warn(
                &warning::DISABLED,
                filters,
                format!(
                    "the gate `{name}` is off in the listener, and on only where a route says so"
                ),
            );
        }
        let on = |name: &str| member(manager, name).is_some_and(|value| value.raw() == "true");
        let escaped = member(manager, "path_with_escaped_slashes_action")
            .and_then(|value| value.as_str().map(String::from));
        let refuses = escaped
            .is_some_and(|action| action.starts_with("REJECT") || action.starts_with("UNESCAPE"));
        if !on("normalize_path") || !on("merge_slashes") || !refuses {
            self.warn(&warning::PATHS, manager, "`normalize_path: true`, `merge_slashes: true` and `path_with_escaped_slashes_action: REJECT_REQUEST` are not all set");
        }
        let underscores = member(manager, "common_http_protocol_options")
            .and_then(|options| member(options, "headers_with_underscores_action"))
            .is_some_and(|action| !action.raw().contains("ALLOW"));
        if !underscores {
            self.warn(
                &warning::UNDERSCORES,
                manager,
                "header names with underscores are let through",
            );
        }
        if let Some(config) = member(manager, "route_config") {
            self.routes(config, &name, !disabled);
        }
    }

    fn routes(&mut self, config: Value<'_>, gate: &str, on: bool) {
        let on = switched(config, gate).unwrap_or(on);
        let mut seen = Vec::new();
        for host in member(config, "virtual_hosts")
            .into_iter()
            .flat_map(|hosts| hosts.items())
        {
            let on = switched(host, gate).unwrap_or(on);
            let repeats = member(host, "retry_policy").is_some();
            for route in host
                .get("routes")
                .into_iter()
                .flat_map(|routes| routes.items())
            {
                let judged = switched(route, gate).unwrap_or(on);
                seen.push((route, judged));
                let Some(action) = route.get("route").filter(|_| judged) else {
                    continue;
                };
                if repeats || member(action, "retry_policy").is_some() {
                    self.warn(
                        &warning::RETRY,
                        action,
                        "a judged route has a `retry_policy`",
                    );
                }
                if action.get("timeout").is_none() {
                    self.warn(&warning::TIMEOUT, action, "a judged route has no `timeout`");
                }
            }
        }
        let judged = seen.iter().filter(|(_, judged)| *judged);
        let served: BTreeSet<String> = judged.filter_map(|(route, _)| cluster(*route)).collect();
        for (route, judged) in seen {
            let to = cluster(route);
            let (pattern, whole) = pattern(route);
            if !judged && !whole && to.as_ref().is_some_and(|to| served.contains(to)) {
                let to = to.as_deref().unwrap_or_default();
                self.warn(&warning::PATTERN, route, format!("{pattern} goes past the gate to `{to}`, which judged routes lead to as well"));
            }
            self.routes.push(Route {
                position: self.document.position(route),
                judged,
                pattern,
                to: to.map_or_else(
                    || "an answer of the proxy's own".to_owned(),
                    |to| format!("`{to}`"),
                ),
            });
        }
    }

    /// Limits on what is held, anywhere below this value. `need` is what the gate may hold, in bytes; where `all` is told
    /// here, a limit that is absent is its default.
    pub(super) fn buffers(&mut self, value: Value<'_>, need: usize, all: bool) {
        let need = u64::try_from(need).unwrap_or(u64::MAX);
        let key = "per_connection_buffer_limit_bytes";
        if all && member(value, key).is_none() && need > DEFAULT_BUFFER {
            let message = format!(
                "`{key}` is not set, which means {DEFAULT_BUFFER}; the gate may hold {need}"
            );
            self.warn(&warning::BUFFER, value, message);
        }
        self.limits(value, need);
    }

    fn limits(&mut self, value: Value<'_>, need: u64) {
        if value.kind() == Kind::Array {
            value.items().for_each(|item| self.limits(item, need));
        }
        let mut members = value.members();
        while let Some((key, inner)) = members.next_with_key() {
            let key = key.as_str().unwrap_or_default();
            // A listener inside is looked at by itself.
            if member(inner, "filter_chains").is_some() {
                continue;
            }
            let warning = match &*key {
                "initial_stream_window_size" | "initialStreamWindowSize" => &warning::WINDOW,
                "per_connection_buffer_limit_bytes"
                | "perConnectionBufferLimitBytes"
                | "bufferLimit" => &warning::BUFFER,
                _ => {
                    self.limits(inner, need);
                    continue;
                }
            };
            if let Some(bytes) = bytes(inner).filter(|bytes| *bytes < need) {
                self.warn(
                    warning,
                    inner,
                    format!("`{key}` is {bytes}; the gate may hold {need}"),
                );
            }
        }
    }
}

/// Whether a filter comes by discovery and is called like the gate: what it does is written elsewhere.
pub(super) fn discovers(listener: Value<'_>) -> bool {
    let mut found = false;
    visit(listener, &mut |value| found |= is_discovered(value));
    found
}

fn visit(value: Value<'_>, each: &mut dyn FnMut(Value<'_>)) {
    each(value);
    value.items().for_each(|item| visit(item, each));
    let mut members = value.members();
    while let Some((_, inner)) = members.next_with_key() {
        visit(inner, each);
    }
}

fn is_discovered(filter: Value<'_>) -> bool {
    let discovery = member(filter, "config_discovery");
    let name = filter.text_at("name").unwrap_or_default();
    discovery
        .is_some_and(|discovery| name.contains("toolgate") || discovery.raw().contains("toolgate"))
}

fn gate(filter: Value<'_>, known: &[&str]) -> Option<Gate> {
    let name = filter.text_at("name")?;
    let plugin = member(filter, "typed_config").and_then(|typed| typed.get("config"));
    let plugin = plugin.and_then(|config| config.text_at("name"));
    let ours = plugin.is_some_and(|plugin| known.contains(&plugin.as_str()))
        || known.contains(&name.as_str());
    let discovered = is_discovered(filter);
    let source = member(filter, "config_discovery")
        .and_then(|discovery| member(discovery, "config_source"))
        .and_then(|source| member(source, "path_config_source"));
    let path = source.and_then(|source| source.text_at("path"));
    let elsewhere = match path {
        Some(path) => format!("the configuration of `{name}` is in `{path}`: check it as well"),
        None => format!("the configuration of `{name}` comes from a management server"),
    };
    (ours || discovered).then(|| Gate {
        disabled: filter
            .get("disabled")
            .is_some_and(|value| value.raw() == "true"),
        elsewhere: discovered.then_some(elsewhere),
        name,
    })
}

/// What a route, its virtual host or its table says of the gate.
fn switched(value: Value<'_>, gate: &str) -> Option<bool> {
    let own = member(value, "typed_per_filter_config")?.get(gate)?;
    let disabled = own
        .get("disabled")
        .is_some_and(|value| value.raw() == "true");
    Some(!disabled)
}

fn cluster(route: Value<'_>) -> Option<String> {
    let action = route.get("route")?;
    let named = [
        "cluster",
        "cluster_header",
        "weighted_clusters",
        "cluster_specifier_plugin",
    ];
    let found = named.iter().find_map(|name| member(action, name));
    found.map(|value| {
        value
            .as_str()
            .map_or_else(|| value.raw().to_owned(), String::from)
    })
}

/// What a route matches, in words, and whether it is one whole path.
fn pattern(route: Value<'_>) -> (String, bool) {
    let Some(matches) = route.get("match") else {
        return ("a route without `match`".to_owned(), false);
    };
    for (name, whole) in [
        ("path", true),
        ("prefix", false),
        ("path_separated_prefix", false),
    ] {
        if let Some(text) = member(matches, name).and_then(|value| value.as_str().map(String::from))
        {
            return (format!("{} `{text}`", name.replace('_', " ")), whole);
        }
    }
    let regex = member(matches, "safe_regex").and_then(|regex| regex.text_at("regex"));
    match regex {
        Some(regex) => {
            let whole = is_literal(&regex);
            (format!("regex `{regex}`"), whole)
        }
        None => ("another match".to_owned(), false),
    }
}

/// Whether a pattern matches only what is written out in it: alternatives and optional parts, nothing open.
fn is_literal(regex: &str) -> bool {
    let mut chars = regex.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' if !chars.next().is_some_and(|next| next.is_ascii_punctuation()) => return false,
            '.' | '*' | '+' | '[' | '{' => return false,
            _ => {}
        }
    }
    true
}

/// A number of bytes, also as Kubernetes writes it.
fn bytes(value: Value<'_>) -> Option<u64> {
    let text = value
        .as_str()
        .map_or_else(|| value.raw().to_owned(), String::from);
    let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "" => 1,
        "k" => 1000,
        "M" => 1_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}
