//! `results`, the `result` of an entry, and what of both applies to which results.

use std::sync::Arc;

use super::error::nearest;
use super::limits::{CounterBook, read_counter};
use super::reader::{Field, Object, Reader};
use super::redactions::{read_pattern, read_redaction};
use super::{Mode, Results};
use crate::policy::{
    Catalog, Count, Counter, DenyIf, Entry, Forbidden, MaxBytes, Over, Policy, ResultRules,
    ResultSpec, Rule,
};

/// `results` of a document: for every policy in it.
#[derive(Default)]
pub(super) struct Shared {
    spec: ResultSpec,
    /// Each policy has a counter of its own of this kind.
    count: Option<(Counter, String)>,
    max_json_bytes: Option<usize>,
    /// The tools that something is not taken out for, and where it says so.
    excepted: Vec<(String, String)>,
    /// Where texts are asked to be marked.
    label: Option<String>,
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
    shared.spec = read_spec(reader, &mut object, "/results", Some(&mut shared.excepted));
    if let Some(field) = object.take("label") {
        shared.spec.label = reader.boolean(&field).unwrap_or_default();
        shared.label = shared.spec.label.then(|| field.at.clone());
    }
    if let Some(field) = object.take("definitions") {
        shared.spec.definitions = reader.boolean(&field).unwrap_or_default();
    }
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
    let mut spec = read_spec(reader, &mut object, &base, None);
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

    /// What of it needs the rest of the document: tools that are excepted have entries, and a label has a name.
    pub(super) fn check(&self, reader: &mut Reader, policies: &[Policy], has_server: bool) {
        for (at, name) in &self.excepted {
            let known = |policy: &Policy| policy.tools.entries.contains(name);
            if !policies.iter().any(known) {
                let names = policies
                    .iter()
                    .flat_map(|policy| policy.tools.entries.names());
                let suggestion = nearest(name, names).map(str::to_owned);
                let message = format!(
                    "`{name}` has no entry under `tools`; a tool that is excepted needs one, if only `{name}: {{}}`"
                );
                reader.error_with(at, message, suggestion);
            }
        }
        if let (Some(at), false) = (&self.label, has_server) {
            let message = "`label` marks texts with the name of their server: `server` or `servers` has to say it";
            reader.error(at, message);
        }
    }

    /// What holds for the whole gate.
    pub(super) fn of_gate(&self, mode: Mode) -> Results {
        let rules = ResultRules::of(&[(&self.spec, mode == Mode::Shadow)], None);
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
    for (is_tools, catalog) in [
        (true, &mut policy.tools),
        (false, &mut policy.prompts),
        (false, &mut policy.resources),
    ] {
        let wildcard = catalog.wildcard.as_ref();
        let wild_shadow = all_shadow || wildcard.is_some_and(|entry| entry.shadow);
        let wild = wildcard.and_then(|entry| entry.own_result.as_deref().cloned());
        let common = |own: Option<&ResultSpec>, shadow: bool, tool: Option<&str>| {
            let mut specs: Vec<(&ResultSpec, bool)> = Vec::new();
            specs.extend(own.map(|own| (own, shadow)));
            specs.extend(wild.as_ref().map(|wild| (wild, shadow || wild_shadow)));
            specs.push((shared, shadow));
            Arc::new(ResultRules::of(&specs, tool))
        };
        let plain = common(None, all_shadow, None);
        let in_shadow = common(None, true, None);
        let Catalog {
            entries, prefixes, ..
        } = catalog;
        let prefixes = prefixes.iter_mut().map(|(_, entry)| entry);
        for entry in entries.values_mut().chain(prefixes) {
            let shadow = all_shadow || entry.shadow;
            entry.results = match (entry.own_result.as_deref(), shadow) {
                (Some(own), _) => common(Some(own), shadow, None),
                (None, true) => Arc::clone(&in_shadow),
                (None, false) => Arc::clone(&plain),
            };
            all.extend(own_of(entry).map(|own| (own, shadow)));
        }
        if is_tools {
            for name in shared
                .redact
                .iter()
                .flat_map(|redaction| &*redaction.except)
            {
                if let Some(entry) = entries.get_mut(name) {
                    let own = own_of(entry);
                    let shadow = all_shadow || entry.shadow;
                    entry.results = common(own.as_ref(), shadow, Some(name));
                }
            }
        }
        all.extend(wild.map(|wild| (wild, wild_shadow)));
        catalog.results = plain;
    }
    let all: Vec<(&ResultSpec, bool)> = all.iter().map(|(spec, shadow)| (spec, *shadow)).collect();
    policy.all_results = Arc::new(ResultRules::of(&all, None));
}

fn own_of(entry: &Entry) -> Option<ResultSpec> {
    entry.own_result.as_deref().cloned()
}

/// `redact`, `deny_if`, `max_bytes` and `over`. `base` is their pointer in refusals. What tools are excepted from is noted in
/// `excepted`; without that none can be.
fn read_spec(
    reader: &mut Reader,
    object: &mut Object<'_>,
    base: &str,
    mut excepted: Option<&mut Vec<(String, String)>>,
) -> ResultSpec {
    let mut spec = ResultSpec::default();
    if let Some(field) = object.take("redact") {
        for item in reader.list(&field) {
            let redaction = read_redaction(reader, item, excepted.as_deref_mut());
            spec.redact.extend(redaction);
        }
    }
    if let Some(field) = object.take("deny_if") {
        for (index, item) in reader.list(&field).into_iter().enumerate() {
            let pointer = format!("{base}/deny_if/{index}");
            spec.deny_if
                .extend(read_deny_if(reader, item, pointer).map(Arc::new));
        }
    }
    let over = object.take("over");
    if let Some(field) = object.take("max_bytes") {
        let over = over.and_then(|field| reader.choice(&field, &OVER));
        spec.max_bytes = read_max_bytes(reader, &field, over.unwrap_or_default(), base);
    } else if let Some(field) = over {
        reader.error(
            &field.at,
            "`over` says what becomes of a result over `max_bytes`, which is not there",
        );
    }
    spec
}

const OVER: [(&str, Over); 2] = [("withhold", Over::Withhold), ("truncate", Over::Truncate)];

fn read_max_bytes(
    reader: &mut Reader,
    field: &Field<'_>,
    over: Over,
    base: &str,
) -> Option<MaxBytes> {
    let pointer = format!("{base}/max_bytes");
    let reason = format!(
        "The result was withheld: it is over {} bytes (rule {pointer}).",
        field.value.raw()
    );
    let most = reader.integer(field, 1, 256 << 20)?;
    Some(MaxBytes {
        most,
        over,
        rule: Rule {
            pointer: pointer.into(),
            reason: reason.into(),
        },
    })
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
