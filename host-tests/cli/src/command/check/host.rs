//! A host's file: every configuration of the gate in it, and what the host does with it.
//!
//! An Envoy bootstrap or a file of its dynamic configuration, resources of Istio and Envoy Gateway, a ConfigMap that holds
//! one of those as text. A configuration is found by its shape (a Wasm plugin) and its name, module or content.

use toolgate_engine::json::{Kind, Value};

use super::carried::Carried;
use super::listener;
use super::warning::{self, Warning};
use super::{Checked, Configuration, check_text, judge};
use crate::command::diagnostic::Diagnostic;
use toolgate_document::{Document, Format, Position, Problem};

/// Keys that only a host's file begins with. `resources` is a list there; in a policy it is an object.
const MARKS: [&str; 8] = [
    "static_resources",
    "staticResources",
    "dynamic_resources",
    "admin",
    "node",
    "http_filters",
    "typed_config",
    "@type",
];

/// Whether these documents are a host's, and not a policy.
pub(super) fn is_hosts(documents: &[Document]) -> bool {
    documents.iter().any(|document| {
        let root = document.root();
        let listed = root
            .get("resources")
            .is_some_and(|list| list.kind() == Kind::Array);
        is_resource(root) || listed || MARKS.iter().any(|mark| root.get(mark).is_some())
    })
}

/// Whether a text that cannot be read was meant as a host's file.
pub(super) fn looks_hosted(text: &str) -> bool {
    let begins = |line: &str| {
        let key = line
            .split(':')
            .next()
            .unwrap_or_default()
            .trim_matches(['"', ' ']);
        MARKS.contains(&key) || key == "apiVersion"
    };
    text.lines().any(begins)
        || (text.lines().any(|line| line.starts_with("resources:")) && text.contains("@type"))
}

fn is_resource(root: Value<'_>) -> bool {
    root.get("apiVersion").is_some() && root.get("kind").is_some()
}

/// Checks the documents of a host's file.
pub(super) fn check(documents: &[Document], checked: &mut Checked) {
    let kubernetes = documents
        .iter()
        .any(|document| is_resource(document.root()));
    for (number, document) in documents.iter().enumerate() {
        let root = document.root();
        let problem = match (kubernetes, is_resource(root)) {
            (true, false) => {
                Some("this document is no resource: it has no `apiVersion` and `kind`")
            }
            (false, _) if number > 0 => Some("a second document; Envoy reads only the first"),
            _ => None,
        };
        if let Some(message) = problem {
            let position = document.position(root);
            checked.diagnostics.push(Diagnostic::error(
                document.source(),
                Problem::new(message),
                position,
            ));
            continue;
        }
        let mut walk = Walk {
            document,
            checked,
            kubernetes,
        };
        let place = Place {
            resource: resource_name(root),
            ..Place::default()
        };
        walk.value(root, &place);
    }
    if checked.configurations.is_empty()
        && checked.elsewhere.is_empty()
        && checked.diagnostics.is_empty()
    {
        let source = documents.first().map(Document::source);
        if let Some(source) = source {
            let problem = Problem::new(
                "no configuration of the gate is in this file: expected a Wasm plugin whose name, file or image has `toolgate` in it",
            );
            checked
                .diagnostics
                .push(Diagnostic::error(source, problem, Position::START));
        }
    }
}

fn resource_name(root: Value<'_>) -> Option<String> {
    let kind = root.text_at("kind")?;
    let name = root
        .get("metadata")
        .and_then(|metadata| metadata.text_at("name"));
    is_resource(root).then(|| format!("{kind} `{}`", name.unwrap_or_default()))
}

/// Where a value stands, in words.
#[derive(Clone, Default)]
struct Place {
    resource: Option<String>,
    listener: Option<String>,
}

impl Place {
    fn of(&self, name: &str) -> String {
        let listener = self
            .listener
            .as_ref()
            .map(|name| format!("listener `{name}`"));
        let around = listener.or_else(|| self.resource.clone());
        around.map_or_else(
            || format!("`{name}`"),
            |around| format!("`{name}` in {around}"),
        )
    }
}

/// A member under its name in YAML, or in the JSON that protobuf also takes.
pub(super) fn member<'d>(value: Value<'d>, name: &str) -> Option<Value<'d>> {
    value.get(name).or_else(|| {
        let mut parts = name.split('_');
        let mut camel = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (first, rest) = part.split_at_checked(1)?;
            camel.push_str(&first.to_ascii_uppercase());
            camel.push_str(rest);
        }
        value.get(&camel)
    })
}

/// A Wasm plugin, as a host spells it.
struct Plugin<'d> {
    name: String,
    config: Option<Value<'d>>,
    /// Where Envoy's own options stand.
    options: Option<Value<'d>>,
    carries: Carries,
}

/// How a plugin's configuration comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Carries {
    /// As an `Any` of Envoy's.
    Any,
    /// As values of a Kubernetes resource.
    Values,
}

struct Walk<'w> {
    document: &'w Document,
    checked: &'w mut Checked,
    kubernetes: bool,
}

impl Walk<'_> {
    /// Depth is bounded by what the reader takes.
    fn value(&mut self, value: Value<'_>, place: &Place) {
        match value.kind() {
            Kind::Array => value.items().for_each(|item| self.value(item, place)),
            Kind::Object => self.object(value, place),
            Kind::PlainString | Kind::EscapedString if self.kubernetes => self.text(value),
            _ => {}
        }
    }

    fn object(&mut self, value: Value<'_>, place: &Place) {
        let before = self.checked.configurations.len();
        let mut place = place.clone();
        let is_listener = member(value, "filter_chains").is_some()
            || member(value, "default_filter_chain").is_some();
        if is_listener {
            place.listener = value.text_at("name");
        }
        if let Some(plugin) = self.plugin(value) {
            self.configuration(value, &plugin, &place);
        }
        let mut members = value.members();
        while let Some((_, inner)) = members.next_with_key() {
            self.value(inner, &place);
        }
        let found = self
            .checked
            .configurations
            .get(before..)
            .unwrap_or_default();
        let mut need = found.iter().map(|found| found.holds).max();
        let mut listening = listener::Look {
            document: self.document,
            diagnostics: &mut self.checked.diagnostics,
            routes: &mut self.checked.routes,
            elsewhere: &mut self.checked.elsewhere,
        };
        if member(value, "http_filters").is_some() {
            let names: Vec<&str> = found
                .iter()
                .filter(|found| found.gate)
                .map(|found| found.name.as_str())
                .collect();
            listening.manager(value, &names);
        }
        if is_listener {
            // What comes by discovery is not here: its defaults hold.
            if need.is_none() && listener::discovers(value) {
                need = Some(toolgate_engine::config::Http::default().max_body_bytes);
            }
            if let Some(need) = need.filter(|need| *need > 0) {
                listening.buffers(value, need, true);
            }
        } else if let (Some(_), Some(need)) = (value.get("apiVersion"), need) {
            listening.buffers(value, need, false);
        }
    }

    fn plugin<'d>(&self, value: Value<'d>) -> Option<Plugin<'d>> {
        let text = |value: Value<'d>, name: &str| {
            member(value, name).and_then(|value| value.as_str().map(String::from))
        };
        let mut plugin = Plugin {
            name: text(value, "name").unwrap_or_default(),
            config: None,
            options: None,
            carries: Carries::Values,
        };
        let mut names = vec![plugin.name.clone()];
        if let Some(vm) = member(value, "vm_config") {
            plugin.config = value.get("configuration");
            plugin.options = Some(value);
            plugin.carries = Carries::Any;
            names.extend(text(value, "root_id"));
            names.extend(text(vm, "vm_id"));
            names.extend(member(vm, "code").map(|code| code.raw().to_owned()));
        } else if let (true, Some(path)) = (self.kubernetes, value.text_at("path")) {
            // Envoy Gateway: a patch that sets it in a plugin.
            plugin.config = value
                .get("value")
                .filter(|_| path.ends_with("configuration"));
            plugin.config?;
            plugin.name = "toolgate".to_owned();
            plugin.carries = Carries::Any;
        } else if let (true, Some(url)) = (self.kubernetes, value.get("url")) {
            // Istio: WasmPlugin, and `wasm` of a TrafficExtension.
            plugin.config = value.get("pluginConfig");
            plugin.config?;
            names.push(url.raw().to_owned());
        } else if let (true, Some(code)) = (self.kubernetes, value.get("code")) {
            // Envoy Gateway: an entry of `wasm`.
            code.get("type")?;
            plugin.config = value.get("config");
            names.push(code.raw().to_owned());
        } else {
            return None;
        }
        let named = names
            .iter()
            .any(|name| name.to_ascii_lowercase().contains("toolgate"));
        let ours = named || plugin.config.is_some_and(is_policy_inside);
        if plugin.name.is_empty() {
            plugin.name = "toolgate".to_owned();
        }
        ours.then_some(plugin)
    }

    fn error(&mut self, value: Value<'_>, message: impl Into<String>) {
        let position = self.document.position(value);
        let found = Diagnostic::error(self.document.source(), Problem::new(message), position);
        self.checked.diagnostics.push(found);
    }

    fn warn(&mut self, warning: &Warning, value: Value<'_>, message: impl Into<String>) {
        let found = warning.at(self.document, value, message);
        self.checked.diagnostics.push(found);
    }

    fn configuration(&mut self, whole: Value<'_>, plugin: &Plugin<'_>, place: &Place) {
        let Some(config) = plugin.config else {
            let message = format!(
                "{} has no configuration: it would not load",
                place.of(&plugin.name)
            );
            self.error(whole, message);
            return;
        };
        let kind = config.text_at("@type").unwrap_or_default();
        let inner = config.get("value");
        let judged = match (plugin.carries, kind.rsplit('.').next(), inner) {
            (Carries::Values, _, _) => self.carried_as_values(config, "Kubernetes'"),
            (Carries::Any, Some("StringValue"), Some(text)) => self.carried_as_text(text),
            (Carries::Any, Some("Struct"), Some(values)) => {
                self.warn(&warning::STRUCT, values, "the policy is a `Struct`");
                self.carried_as_values(values, "Envoy's")
            }
            (Carries::Any, _, _) => {
                self.error(config, "expected `\"@type\": type.googleapis.com/google.protobuf.StringValue` and the configuration as JSON text in `value`");
                return;
            }
        };
        let Some((configured, diagnostics)) = judged else {
            return;
        };
        self.checked.diagnostics.extend(diagnostics);
        let summary = configured.unwrap_or_default();
        if let (Some(options), true) = (plugin.options, summary.gate) {
            self.options(options, summary.holds_headers);
        }
        self.checked.configurations.push(Configuration {
            name: plugin.name.clone(),
            label: place.of(&plugin.name),
            position: self.document.position(config),
            digest: summary.digest,
            gate: summary.gate,
            holds: summary.holds,
        });
    }

    /// JSON text: what the gate reads is what stands here.
    fn carried_as_text(
        &mut self,
        value: Value<'_>,
    ) -> Option<(Option<super::Summary>, Vec<Diagnostic>)> {
        let source = self.document.source().clone();
        let Some(text) = value.as_str() else {
            self.error(value, "expected the configuration as text");
            return None;
        };
        let carried = Carried::new(&source, self.document.position(value), &text);
        if !text.trim_start().starts_with('{') {
            self.error(value, "this is no JSON text, and a `StringValue` carries nothing else; `toolgate render` turns YAML into it");
            return None;
        }
        let in_place = carried.in_place(&text);
        let place = |inner| match &in_place {
            Some(_) => inner,
            None => carried.place(&text, inner),
        };
        let parsed = in_place.as_deref().unwrap_or(&text);
        match Document::parse(source.name(), parsed, Format::Json) {
            Ok(document) => Some(judge(&document, false, &source, &place)),
            Err((_, problem)) => {
                let position = place(problem.position.unwrap_or(Position::START));
                Some((None, vec![Diagnostic::error(&source, problem, position)]))
            }
        }
    }

    /// Values, which another YAML reader has read first.
    fn carried_as_values(
        &mut self,
        value: Value<'_>,
        whose: &str,
    ) -> Option<(Option<super::Summary>, Vec<Diagnostic>)> {
        let source = self.document.source().clone();
        let part = self.document.part(value)?;
        let (configured, mut diagnostics) = judge(&part, true, &source, &|position| position);
        for (odd, position) in part.odd() {
            let message = format!(
                "`{}` is {} to {whose} YAML reader, and that is what the gate gets; put quotes around text, and write a policy with such \
                 numbers as JSON text",
                odd.written, odd.read
            );
            diagnostics.push(Diagnostic::error(&source, Problem::new(message), position));
        }
        Some((configured, diagnostics))
    }

    fn options(&mut self, options: Value<'_>, holds_headers: bool) {
        let allows = member(options, "allow_on_headers_stop_iteration")
            .is_some_and(|value| value.raw() == "true");
        if holds_headers && !allows {
            self.warn(
                &warning::STOP_ITERATION,
                options,
                "`allow_on_headers_stop_iteration: true` is missing",
            );
        }
        let policy =
            member(options, "failure_policy").and_then(|value| value.as_str().map(String::from));
        let open = member(options, "fail_open").is_some_and(|value| value.raw() == "true");
        match policy.as_deref() {
            Some("FAIL_RELOAD") if !open => {}
            Some(other) => self.warn(
                &warning::FAILURE,
                options,
                format!("`failure_policy` is `{other}`"),
            ),
            None if open => self.warn(&warning::FAILURE, options, "`fail_open` is set"),
            None => self.warn(
                &warning::FAILURE,
                options,
                "`failure_policy` is not set, which means `FAIL_CLOSED`",
            ),
        }
    }

    /// A file inside a resource, as a ConfigMap holds it.
    fn text(&mut self, value: Value<'_>) {
        let Some(text) = value
            .as_str()
            .filter(|text| text.contains('\n') && text.contains("toolgate"))
        else {
            return;
        };
        let format = if text.trim_start().starts_with('{') {
            Format::Json
        } else {
            Format::Yaml
        };
        let source = self.document.source().clone();
        let documents = Document::parse_host(source.name(), text.as_ref(), format);
        if !documents.map_or(looks_hosted(&text), |documents| is_hosts(&documents)) {
            return;
        }
        let carried = Carried::new(&source, self.document.position(value), &text);
        let inner = check_text(source.name(), text.as_ref(), format);
        let moved = |position| carried.place(&text, position);
        for mut found in inner.diagnostics {
            found.position = moved(found.position);
            found.excerpt = source.excerpt(found.position);
            self.checked.diagnostics.push(found);
        }
        for mut found in inner.configurations {
            found.position = moved(found.position);
            self.checked.configurations.push(found);
        }
        for mut route in inner.routes {
            route.position = moved(route.position);
            self.checked.routes.push(route);
        }
    }
}

/// Whether a plugin's configuration is a policy of ours, whatever the plugin is called.
fn is_policy_inside(config: Value<'_>) -> bool {
    let inner = config.get("value").unwrap_or(config);
    match inner.as_str() {
        Some(text) => Document::parse("", text.as_ref(), Format::Json)
            .is_ok_and(|inner| is_policy(inner.root())),
        None => is_policy(inner),
    }
}

/// Whether a document looks like a policy: by its version and one more key, or by two.
pub(super) fn is_policy(root: Value<'_>) -> bool {
    const KEYS: [&str; 12] = [
        "version", "default", "tools", "policies", "grants", "hide", "servers", "identity",
        "results", "console", "limits", "prompts",
    ];
    let known = KEYS.iter().filter(|key| root.get(key).is_some()).count();
    // Tests of policies have a version and grants of their own, and pin files a version and tools.
    let other = ["cases", "server_version"];
    known >= 2 && !other.iter().any(|key| root.get(key).is_some())
}
