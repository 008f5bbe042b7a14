//! `results`, the `result` of an entry, and what of both applies to which results.

use std::sync::Arc;

use super::conditions::{HOSTS, read_words};
use super::error::nearest;
use super::limits::{CounterBook, read_counter};
use super::reader::{Field, Object, Reader, alternatives, excerpt};
use super::{Mode, Results};
use crate::json::Kind as JsonKind;
use crate::policy::{Budget, Catalog, Counter, Entry, Path, Pattern, Policy, Rule, Step, UrlTest};
use crate::redact::detect::{Kind, Rule as DetectorRule};
use crate::redact::{Count, DenyIf, Forbidden, PathRule, ResultRules, ResultSpec};

/// `results` of a document: for every policy in it.
#[derive(Default)]
pub(super) struct Shared {
    spec: ResultSpec,
    /// Each policy has a counter of its own of this kind.
    count: Option<(Counter, String)>,
    max_json_bytes: Option<usize>,
}

/// Reads `results`.
pub(super) fn read(reader: &mut Reader, field: Field<'_>) -> Shared {
    let mut shared = Shared::default();
    let Some(mut object) = reader.object(field) else {
        return shared;
    };
    if let Some(field) = object.take("max_json_bytes") {
        shared.max_json_bytes = reader.integer(&field, 1024, 256 << 20);
    }
    shared.spec = read_spec(reader, &mut object, "/results");
    shared.count = object
        .take("count")
        .and_then(|field| read_count(reader, field));
    object.finish(reader);
    shared
}

/// Reads the `result` of an entry. `base` is its pointer in refusals.
pub(super) fn read_own(
    reader: &mut Reader,
    counters: &mut CounterBook,
    field: Field<'_>,
    base: &str,
) -> Option<ResultSpec> {
    let mut object = reader.object(field)?;
    let base = format!("{base}/result");
    let mut spec = read_spec(reader, &mut object, &base);
    if let Some((counter, at)) = object
        .take("count")
        .and_then(|field| read_count(reader, field))
    {
        spec.count = declare(reader, counters, counter, &at, &base);
    }
    object.finish(reader);
    Some(spec)
}

impl Shared {
    /// What of it a policy has, with a counter of the policy's own.
    pub(super) fn of_policy(&self, reader: &mut Reader, counters: &mut CounterBook) -> ResultSpec {
        let count = self.count.as_ref();
        let count = count
            .and_then(|(counter, at)| declare(reader, counters, counter.clone(), at, "/results"));
        ResultSpec {
            count,
            ..self.spec.clone()
        }
    }

    /// What holds for the whole gate.
    pub(super) fn of_gate(&self, mode: Mode) -> Results {
        let rules = ResultRules::of(&[(&self.spec, mode == Mode::Shadow)]);
        let defaults = Results::default();
        Results {
            max_json_bytes: self.max_json_bytes.unwrap_or(defaults.max_json_bytes),
            rules: Arc::new(rules),
        }
    }
}

/// Works out what applies to the results of every target of a policy: its own rules, those of `"*"`, and the `shared` ones.
/// A target in shadow has all of them in shadow.
pub(super) fn resolve(policy: &mut Policy, shared: &ResultSpec, mode: Mode) {
    let all_shadow = mode == Mode::Shadow;
    let mut all: Vec<(ResultSpec, bool)> = vec![(shared.clone(), all_shadow)];
    for catalog in [
        &mut policy.tools,
        &mut policy.prompts,
        &mut policy.resources,
    ] {
        let wildcard = catalog.wildcard.as_ref();
        let wild_shadow = all_shadow || wildcard.is_some_and(|entry| entry.shadow);
        let wild = wildcard.and_then(|entry| entry.own_result.as_deref().cloned());
        let common = |own: Option<&ResultSpec>, shadow: bool| {
            let mut specs: Vec<(&ResultSpec, bool)> = Vec::new();
            specs.extend(own.map(|own| (own, shadow)));
            specs.extend(wild.as_ref().map(|wild| (wild, shadow || wild_shadow)));
            specs.push((shared, shadow));
            Arc::new(ResultRules::of(&specs))
        };
        let (plain, in_shadow) = (common(None, all_shadow), common(None, true));
        let Catalog {
            entries, prefixes, ..
        } = catalog;
        let prefixes = prefixes.iter_mut().map(|(_, entry)| entry);
        for entry in entries.values_mut().chain(prefixes) {
            let shadow = all_shadow || entry.shadow;
            entry.results = match (entry.own_result.as_deref(), shadow) {
                (Some(own), _) => common(Some(own), shadow),
                (None, true) => Arc::clone(&in_shadow),
                (None, false) => Arc::clone(&plain),
            };
            all.extend(own_of(entry).map(|own| (own, shadow)));
        }
        all.extend(wild.map(|wild| (wild, wild_shadow)));
        catalog.results = plain;
    }
    let all: Vec<(&ResultSpec, bool)> = all.iter().map(|(spec, shadow)| (spec, *shadow)).collect();
    policy.all_results = Arc::new(ResultRules::of(&all));
}

fn own_of(entry: &Entry) -> Option<ResultSpec> {
    entry.own_result.as_deref().cloned()
}

/// `redact`, `deny_if` and `max_bytes`. `base` is their pointer in refusals.
fn read_spec(reader: &mut Reader, object: &mut Object<'_>, base: &str) -> ResultSpec {
    let mut spec = ResultSpec::default();
    if let Some(field) = object.take_list("redact") {
        for item in reader.list(&field) {
            read_redaction(reader, item, &mut spec);
        }
    }
    if let Some(field) = object.take_list("deny_if") {
        for (index, item) in reader.list(&field).into_iter().enumerate() {
            let pointer = format!("{base}/deny_if/{index}");
            spec.deny_if
                .extend(read_deny_if(reader, item, pointer).map(Arc::new));
        }
    }
    if let Some(field) = object.take("max_bytes") {
        let rule = || {
            let pointer = format!("{base}/max_bytes");
            let reason = format!(
                "The result was withheld: it is over {} bytes (rule {pointer}).",
                field.value.raw()
            );
            Rule {
                pointer: pointer.into(),
                reason: reason.into(),
            }
        };
        let most = reader.integer(&field, 1, 256 << 20);
        spec.max_bytes = most.map(|most| (most, rule()));
    }
    spec
}

const FORMS: &str = "a detector such as `email`, `{email: {with}}`, `{url: {allow_hosts, with}}`, `{regex, with}` or `{path, with}`";

/// One thing to redact.
fn read_redaction(reader: &mut Reader, field: Field<'_>, spec: &mut ResultSpec) {
    if let Some(name) = field.value.as_str() {
        match Kind::named(&name) {
            Some(kind) => spec.redact.push(DetectorRule::named(&name, kind, None)),
            None => unknown_detector(reader, &field, &name),
        }
        return;
    }
    let whole = field.clone();
    if field.value.kind() != JsonKind::Object {
        reader.expected(&field, FORMS);
        return;
    }
    let Some(mut object) = reader.object(field) else {
        return;
    };
    let pattern = object.take("regex");
    let path = object.take("path");
    let with = object.take("with");
    let mut named: Vec<(&str, Field<'_>)> = Vec::new();
    for name in Kind::NAMES {
        if let Some(field) = object.take(name) {
            named.push((name, field));
        }
    }
    object.finish(reader);
    match (pattern, path, named.as_slice()) {
        (Some(field), None, []) => {
            let with = with.and_then(|field| read_replacement(reader, &field));
            let pattern = read_pattern(reader, &field);
            let rule = |pattern| DetectorRule::own(pattern, with.as_deref());
            spec.redact.extend(pattern.map(rule));
        }
        (None, Some(field), []) => {
            let with = with.and_then(|field| read_replacement(reader, &field));
            let steps = read_result_path(reader, &field);
            spec.paths.extend(steps.map(|steps| PathRule {
                steps: steps.into(),
                with: with.as_deref().unwrap_or("[redacted]").into(),
            }));
        }
        (None, None, [(name, field)]) if with.is_none() => {
            let rule = read_named(reader, name, field.clone());
            spec.redact.extend(rule);
        }
        _ => reader.expected(&whole, FORMS),
    }
}

/// `{with}`, and of `url` `{allow_hosts, with}`.
fn read_named(reader: &mut Reader, name: &str, field: Field<'_>) -> Option<DetectorRule> {
    let mut kind = Kind::named(name)?;
    let mut object = reader.object(field)?;
    let with = object
        .take("with")
        .and_then(|field| read_replacement(reader, &field));
    if let Kind::Url { allow_hosts } = &mut kind
        && let Some(field) = object.take("allow_hosts")
    {
        *allow_hosts = read_words(reader, &field, HOSTS, UrlTest::host);
    }
    object.finish(reader);
    Some(DetectorRule::named(name, kind, with.as_deref()))
}

/// A path from the result.
fn read_result_path(reader: &mut Reader, field: &Field<'_>) -> Option<Vec<Step>> {
    let text = reader.text(field)?;
    match Path::steps_of(&text) {
        Ok(steps) => Some(steps),
        Err(error) => {
            reader.error(&field.at, format!("invalid path `{text}`: {error}"));
            None
        }
    }
}

fn unknown_detector(reader: &mut Reader, field: &Field<'_>, name: &str) {
    let suggestion = nearest(name, Kind::NAMES).map(str::to_owned);
    let message = format!(
        "expected {}, found {}",
        alternatives(&Kind::NAMES),
        excerpt(field.value)
    );
    reader.error_with(&field.at, message, suggestion);
}

/// What stands in the place of what was found. Line ends would break events apart.
fn read_replacement(reader: &mut Reader, field: &Field<'_>) -> Option<String> {
    let text = reader.text(field)?;
    if text.chars().any(char::is_control) {
        reader.expected(field, "text without control characters");
        return None;
    }
    Some(text)
}

fn read_pattern(reader: &mut Reader, field: &Field<'_>) -> Option<Pattern> {
    let text = reader.text(field)?;
    match Pattern::new(&text) {
        Ok(pattern) if pattern.is_match("", &Budget::new(Budget::FLOOR)) != Ok(false) => {
            reader.expected(field, "a pattern that does not match everything");
            None
        }
        Ok(pattern) => Some(pattern),
        Err(error) => {
            reader.error(&field.at, format!("invalid regex `{text}`: {error}"));
            None
        }
    }
}

/// `{regex, on_deny}` or `{contains, on_deny}`.
fn read_deny_if(reader: &mut Reader, field: Field<'_>, pointer: String) -> Option<DenyIf> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let on_deny = object.take("on_deny").and_then(|field| reader.text(&field));
    let (pattern, text) = (object.take("regex"), object.take("contains"));
    object.finish(reader);
    let what = match (pattern, text) {
        (Some(field), None) => Forbidden::Pattern(read_pattern(reader, &field)?),
        (None, Some(field)) => Forbidden::Text(reader.name(&field)?.into()),
        _ => {
            reader.error(
                &at,
                "a block of `deny_if` here is `{regex}` or `{contains}`, with `on_deny`",
            );
            return None;
        }
    };
    let reason =
        on_deny.unwrap_or_else(|| format!("The result was withheld by policy (rule {pointer})."));
    let rule = Rule {
        pointer: pointer.into(),
        reason: reason.into(),
    };
    Some(DenyIf { what, rule })
}

/// `count: {counter, window, scope}`, and where it stands.
fn read_count(reader: &mut Reader, field: Field<'_>) -> Option<(Counter, String)> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let (name, window, scope) = read_counter(reader, &mut object);
    for key in ["counter", "window"] {
        if !object.has(key) {
            reader.error(&at, format!("`count` needs `{key}`"));
        }
    }
    object.finish(reader);
    let counter = Counter {
        name: name?.into(),
        window: window?,
        scope: scope?,
        per_currency: false,
    };
    Some((counter, at))
}

fn declare(
    reader: &mut Reader,
    counters: &mut CounterBook,
    counter: Counter,
    at: &str,
    base: &str,
) -> Option<Count> {
    let counter = counters.declare(reader, at, counter)?;
    Some(Count {
        counter,
        pointer: format!("{base}/count").into(),
    })
}
