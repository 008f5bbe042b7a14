//! Limits, and the counters they declare.

use std::sync::Arc;

use super::conditions::read_single_path;
use super::error::nearest;
use super::reader::{Field, Object, Reader, alternatives};
use crate::counters::{ONE, Window, display_nanos};
use crate::json::Kind;
use crate::policy::{Catalog, Cost, Counter, Entry, Limit, Max, Rule, Scope};
use crate::text::escape;
use crate::{NameMap, order};

/// The counters of a policy: one window and one scope per name.
#[derive(Default)]
pub(super) struct CounterBook {
    counters: NameMap<(Arc<Counter>, String)>,
}

impl CounterBook {
    /// The counter of this name; an error if it was declared with another window or scope.
    pub(super) fn declare(
        &mut self,
        reader: &mut Reader,
        at: &str,
        declared: Counter,
    ) -> Option<Arc<Counter>> {
        let name = declared.name.to_string();
        let Some((counter, first_at)) = self.counters.get(&name) else {
            let counter = Arc::new(declared);
            let declaration = (Arc::clone(&counter), at.to_owned());
            self.counters.insert(&name, declaration);
            return Some(counter);
        };
        if **counter == declared {
            return Some(Arc::clone(counter));
        }
        let (window, scope) = (counter.window.name(), counter.scope.name());
        let message = format!(
            "counter `{name}` has window {window} and scope {scope} at {first_at}; a counter has one window, one \
             scope and one way of counting in a policy"
        );
        reader.error(at, message);
        None
    }

    /// Reports paths that read a counter nobody declares, and tells every entry which counters it reads.
    pub(super) fn resolve<'e>(
        &self,
        reader: &mut Reader,
        entries: impl Iterator<Item = &'e mut Entry>,
    ) {
        for (at, name) in reader.take_counter_reads() {
            let shown = name.strip_prefix("state.").unwrap_or(&name);
            match self.counters.get(&name) {
                Some((counter, _)) if counter.per_currency => {
                    reader.error(
                        &at,
                        format!(
                            "counter `{shown}` counts each currency apart and has no one value"
                        ),
                    );
                }
                Some(_) => {}
                None => {
                    let known = self.counters.names();
                    let suggestion = nearest(&name, known)
                        .map(|name| name.trim_start_matches("state.").to_owned());
                    reader.error_with(
                        &at,
                        format!("no limit or `count` declares a counter `{shown}`"),
                        suggestion,
                    );
                }
            }
        }
        for entry in entries {
            let names = order::distinct(
                entry
                    .conditions()
                    .flat_map(|condition| condition.paths())
                    .filter_map(|path| path.counter()),
            );
            let reads = names.into_iter().filter_map(|name| self.counters.get(name));
            entry.reads = reads.map(|(counter, _)| Arc::clone(counter)).collect();
        }
    }

    /// Whether any counter has scope session.
    pub(super) fn counts_sessions(&self) -> bool {
        self.counters
            .values()
            .any(|(counter, _)| counter.scope == Scope::Session)
    }
}

/// `counter`, `window` and `scope`: which counter, when it starts again, and who shares it.
pub(super) fn read_counter(
    reader: &mut Reader,
    object: &mut Object<'_>,
) -> (Option<String>, Option<Window>, Option<Scope>) {
    let name = object.take("counter").and_then(|field| reader.name(&field));
    let window = object
        .take("window")
        .and_then(|field| read_window(reader, &field));
    let scope = match object.take("scope") {
        Some(field) => reader.choice(&field, &Scope::NAMES),
        None => Some(Scope::default()),
    };
    (name, window, scope)
}

/// Reads one of JSON v1's `limits`. `base` is the pointer of the entry in refusals.
pub(super) fn read_limit(
    reader: &mut Reader,
    counters: &mut CounterBook,
    field: Field<'_>,
    base: &str,
) -> Option<Limit> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let (name, window, scope) = read_counter(reader, &mut object);
    let cost = match object.take("increment_from") {
        Some(field) => read_single_path(reader, &field).map(Cost::From),
        None => Some(Cost::Fixed(ONE)),
    };
    let max = read_max(reader, &mut object);
    let on_deny = object.take("on_deny").and_then(|field| reader.text(&field));
    let mut flag = |key| {
        object
            .take(key)
            .and_then(|field| reader.boolean(&field))
            .unwrap_or(false)
    };
    let (refund_on_tool_error, refund_on_unknown) =
        (flag("refund_on_tool_error"), flag("refund_on_unknown"));
    for key in ["counter", "max", "window"] {
        if !object.has(key) {
            reader.error(&at, format!("a limit needs `{key}`"));
        }
    }
    object.finish(reader);

    let (name, window, scope, cost, max) = (name?, window?, scope?, cost?, max?);
    let per_currency = matches!(max, Max::PerCurrency(..));
    let counter = Counter {
        name: name.as_str().into(),
        window,
        scope,
        per_currency,
    };
    let counter = counters.declare(reader, &at, counter)?;
    let pointer: Arc<str> = format!("{base}/limits/{}", escape(&name)).into();
    let authored = on_deny.is_some();
    let reason = on_deny.unwrap_or_else(|| {
        let most = match &max {
            Max::Amount(max) => format!(" of {}", display_nanos(*max)),
            Max::Unlimited | Max::PerCurrency(..) => String::new(),
        };
        format!(
            "The limit{most} {} for `{name}` is reached (rule {pointer}).",
            window.phrase()
        )
    });
    let rule = Rule {
        pointer,
        reason: reason.into(),
    };
    Some(Limit {
        rule,
        authored,
        counter,
        max,
        cost,
        refund_on_tool_error,
        refund_on_unknown,
    })
}

/// `max`, a number, or with `currency_from` one per currency.
fn read_max(reader: &mut Reader, object: &mut Object<'_>) -> Option<Max> {
    let max = object.take("max");
    let Some(from) = object.take("currency_from") else {
        return reader.amount(&max?).map(Max::Amount);
    };
    let path = read_single_path(reader, &from);
    let max = max?;
    if max.value.kind() != Kind::Object {
        reader.expected(
            &max,
            "a maximum per currency, such as `{GBP: \"1000.00\", EUR: \"1200.00\"}`",
        );
        return None;
    }
    let mut currencies = Vec::new();
    for (currency, field) in reader.map(&max) {
        currencies.extend(reader.amount(&field).map(|max| (currency.into(), max)));
    }
    if currencies.is_empty() {
        reader.expected(&max, "at least one currency");
    }
    Some(Max::PerCurrency(path?, currencies))
}

/// A calendar window by its name, or `rolling:<duration>`.
pub(super) fn read_window(reader: &mut Reader, field: &Field<'_>) -> Option<Window> {
    let text = field.value.as_str();
    if let Some(window) = text.as_deref().and_then(Window::parse_rolling) {
        return Some(window);
    }
    let names = Window::CALENDAR.map(|(name, _)| name);
    let calendar = Window::CALENDAR
        .into_iter()
        .find(|(name, _)| text.as_deref() == Some(*name));
    if calendar.is_none() {
        let expected = format!(
            "{}, or rolling:24h with a duration of up to 366d",
            alternatives(&names)
        );
        let suggestion = text
            .as_deref()
            .and_then(|text| nearest(text, names))
            .map(str::to_owned);
        reader.expected_with(field, &expected, suggestion);
    }
    calendar.map(|(_, window)| window)
}

/// Two limits on one counter must not meet in one call: which of them counts would depend on their order.
pub(super) fn check_meeting(reader: &mut Reader, catalog: &Catalog) {
    let wildcard = catalog
        .wildcard
        .as_ref()
        .map(|entry| entry.limits.as_slice())
        .unwrap_or_default();
    let prefixes = catalog.prefixes.iter();
    let named = catalog.entries.iter();
    let all = named.chain(prefixes.map(|(prefix, entry)| (&**prefix, entry)));
    let mut entries: Vec<(&str, &[Limit])> = all
        .map(|(name, entry)| (name, entry.limits.as_slice()))
        .collect();
    if entries.is_empty() {
        entries.push(("*", &[]));
    }
    for (name, limits) in entries {
        let mut met: Vec<&str> = Vec::new();
        for limit in limits.iter().chain(wildcard) {
            if met.contains(&&*limit.counter.name) {
                let counter = limit.counter.name.trim_start_matches("state.");
                reader.error(
                    &limit.rule.pointer,
                    format!("two limits on counter `{counter}` meet in one call of `{name}`"),
                );
            }
            met.push(&limit.counter.name);
        }
    }
}
