//! What calls cost, and whose counters pay.

use std::sync::Arc;

use super::request::AccessRequest;
use crate::counters::{Charge, CounterKey, ONE, Store, StoreLost, Table, display_nanos};
use crate::identity::Principal;
use crate::json::{Document, Limits};
use crate::policy::{Cost, Counter, Entry, Facts, Found, Limit, Max, Path, Policy, Scope};
use crate::refusal::Denial;
use crate::time::Timestamp;

/// What stands behind an author's words where a limit refuses for want of something to count: without it "the budget is used
/// up" would be all the agent reads of an amount that is text.
pub const UNCOUNTABLE: &str =
    "The value it counts is missing, or is no amount that can be counted.";

/// What a limit costs this call, or why it cannot be counted.
pub(super) fn charge(
    policy: &Policy,
    limit: &Limit,
    facts: &Facts<'_>,
    request: &AccessRequest<'_>,
) -> Result<Charge, Denial> {
    let refuse = |what: String| Denial {
        rule: Arc::clone(&limit.rule.pointer),
        reason: match limit.authored {
            true => format!("{} {UNCOUNTABLE}", limit.rule.reason),
            false => format!("{what} (rule {}).", limit.rule.pointer),
        },
        retry_after: None,
        approval: None,
    };
    let amount = match &limit.cost {
        Cost::Fixed(amount) => *amount,
        Cost::From(path) => {
            amount_at(path, facts).map_err(|what| refuse(format!("`{}` {what}", path.text)))?
        }
    };
    let (max, currency) = match &limit.max {
        Max::Amount(max) => (*max, None),
        Max::Unlimited => (i128::MAX, None),
        Max::PerCurrency(path, maxima) => {
            let value = match path.find(facts) {
                Found::Value(value) => value.as_str(),
                Found::Missing | Found::WrongType => None,
            };
            let found = maxima
                .iter()
                .find(|(currency, _)| value.as_deref() == Some(&**currency));
            let Some((currency, max)) = found else {
                let known: Vec<&str> = maxima.iter().map(|(currency, _)| &**currency).collect();
                return Err(refuse(format!(
                    "`{}` must be one of {}",
                    path.text,
                    known.join(", ")
                )));
            };
            (*max, Some(&**currency))
        }
    };
    let counter = &limit.counter;
    let Some(key) = key(
        policy,
        counter,
        request.principal,
        request.session,
        currency,
    ) else {
        let name = &counter.name;
        return Err(refuse(format!(
            "`{name}` counts by session, and this is no session the server issued to the caller"
        )));
    };
    Ok(Charge {
        key,
        window: counter.window,
        amount,
        max,
    })
}

/// What a result of so many bytes adds to a counter; `None` if that counts by a session there is not.
pub fn ingest(
    policy: &Policy,
    counter: &Counter,
    principal: &Principal,
    session: Option<&str>,
    bytes: usize,
) -> Option<Charge> {
    let bytes = i128::try_from(bytes).unwrap_or(i128::MAX);
    Some(Charge {
        key: key(policy, counter, principal, session, None)?,
        window: counter.window,
        amount: bytes.saturating_mul(ONE),
        max: i128::MAX,
    })
}

/// The number at a path, in 10^-9, or what is wrong with it.
fn amount_at(path: &Path, facts: &Facts<'_>) -> Result<i128, &'static str> {
    let value = match path.find(facts) {
        Found::Value(value) => value,
        Found::Missing => return Err("is missing and cannot be counted"),
        Found::WrongType => return Err("is not a number and cannot be counted"),
    };
    let decimal = value
        .as_decimal()
        .ok_or("is not a number and cannot be counted")?;
    if decimal.is_negative() {
        return Err("is negative and cannot be counted");
    }
    decimal
        .to_nanos()
        .ok_or("cannot be counted: it has more than 9 decimals or is not below 10^29")
}

/// The key of a counter for this caller; `None` if it counts by a session there is not.
fn key(
    policy: &Policy,
    counter: &Counter,
    principal: &Principal,
    session: Option<&str>,
    currency: Option<&str>,
) -> Option<CounterKey> {
    const NOBODY: [&[u8]; 3] = [b"", b"", b""];
    let (owner, sharer, session): (&str, [&[u8]; 3], &str) = match counter.scope {
        Scope::Grant => (&policy.name, principal.key(), ""),
        Scope::Policy => (&policy.name, NOBODY, ""),
        Scope::Server => ("", NOBODY, ""),
        Scope::Session => (&policy.name, principal.key(), session?),
    };
    let [source, realm, id] = sharer;
    let window = counter.window.name();
    let texts = [
        counter.scope.name(),
        owner,
        &counter.name,
        &window,
        session,
        currency.unwrap_or_default(),
    ];
    let [scope, owner, name, window, session, currency] = texts.map(str::as_bytes);
    let parts = [
        b"counter".as_slice(),
        scope,
        owner,
        name,
        window,
        source,
        realm,
        id,
        session,
        currency,
    ];
    Some(CounterKey::new(&parts))
}

/// What the counters hold that these entries' conditions read, as an object; `None` if they read none. A counter
/// by session is null where there is no session: it has no value to compare.
///
/// # Errors
/// [`StoreLost`] when the store cannot tell.
pub fn read_counters<'e>(
    policy: &Policy,
    entries: impl Iterator<Item = &'e Entry>,
    principal: &Principal,
    session: Option<&str>,
    table: &Table,
    store: &mut dyn Store,
    now: Timestamp,
) -> Result<Option<Document<'static>>, StoreLost> {
    let mut members: Vec<String> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for counter in entries.flat_map(|entry| &entry.reads) {
        if seen.contains(&&*counter.name) {
            continue;
        }
        seen.push(&counter.name);
        let value = match key(policy, counter, principal, session, None) {
            Some(key) => display_nanos(table.used(store, now, key)?),
            None => "null".to_owned(),
        };
        members.push(format!(
            "{}:{value}",
            serde_json::to_string(&counter.name).map_err(|_| StoreLost)?
        ));
    }
    if members.is_empty() {
        return Ok(None);
    }
    Document::parse_owned(format!("{{{}}}", members.join(",")), &Limits::WIRE)
        .map(Some)
        .map_err(|_| StoreLost)
}
