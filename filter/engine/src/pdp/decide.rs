//! One call against one policy, in the documented order; the first refusal wins.

use std::sync::Arc;

use crate::counters::{Charge, CounterKey};
use crate::identity::Principal;
use crate::json::Value;
use crate::mcp::List;
use crate::policy::{
    Block, Catalog, Cost, Entry, Facts, Found, Limit, Policy, Posture, Quantifier, Rule, Scope,
    Truth,
};

/// Kinds of things a policy speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A tool, by name.
    Tool,
    /// A prompt, by name.
    Prompt,
    /// A resource, by URI.
    Resource,
}

impl Target {
    /// Its word in texts.
    pub fn word(self) -> &'static str {
        match self {
            Target::Tool => "Tool",
            Target::Prompt => "Prompt",
            Target::Resource => "Resource",
        }
    }

    /// Where rules on it stand in a policy.
    fn base(self) -> &'static str {
        match self {
            Target::Tool => "",
            Target::Prompt => "/prompts",
            Target::Resource => "/resources",
        }
    }

    fn catalog(self, policy: &Policy) -> &Catalog {
        match self {
            Target::Tool => &policy.tools,
            Target::Prompt => &policy.prompts,
            Target::Resource => &policy.resources,
        }
    }
}

/// What is asked of the policy.
#[derive(Clone, Copy, Debug)]
pub struct AccessRequest<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// What kind of thing for.
    pub target: Target,
    /// Its name or URI, a string.
    pub name: Value<'a>,
    /// The arguments, if there are any.
    pub arguments: Option<Value<'a>>,
}

/// A refusal by policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Pointer of the rule.
    pub rule: Arc<str>,
    /// What to tell the agent.
    pub reason: String,
    /// Seconds after which it may try again.
    pub retry_after: Option<u64>,
}

impl Denial {
    /// A refusal that no rule of the user's wrote.
    pub fn new(rule: &str, reason: impl Into<String>) -> Self {
        Denial {
            rule: rule.into(),
            reason: reason.into(),
            retry_after: None,
        }
    }

    fn by(rule: &Rule) -> Self {
        Denial {
            rule: Arc::clone(&rule.pointer),
            reason: (*rule.reason).to_owned(),
            retry_after: None,
        }
    }
}

/// A charge to make before forwarding.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'p> {
    /// The limit it belongs to.
    pub limit: &'p Limit,
    /// What it costs.
    pub charge: Charge,
    /// Whether the limit is only observed.
    pub shadow: bool,
}

/// The outcome of an evaluation.
#[derive(Debug)]
pub enum Decision<'p> {
    /// May be forwarded once the charges are made.
    Allow {
        /// The charges, in the order that names the refusal.
        charges: Vec<Planned<'p>>,
        /// What would have refused, had it not been in shadow.
        shadow: Option<Denial>,
    },
    /// Must not be forwarded.
    Deny(Denial),
}

/// Decides one call. `shadow` is the gate's own mode: nothing here refuses then.
pub fn decide<'p>(policy: &'p Policy, request: &AccessRequest<'_>, shadow: bool) -> Decision<'p> {
    let mut observed = None;
    let mut refuse = |denial: Denial, shadow: bool| {
        if shadow {
            observed.get_or_insert(denial);
            None
        } else {
            Some(denial)
        }
    };
    let catalog = request.target.catalog(policy);
    let name = request.name.as_str().unwrap_or_default();
    if let Some(denial) = outright(catalog, request.target, &name) {
        if let Some(denial) = refuse(denial, shadow) {
            return Decision::Deny(denial);
        }
    }
    let own = catalog.entry(&name);
    let own_shadow = shadow || own.is_some_and(|entry| entry.shadow);
    // The target's own rules first, then those of `"*"`.
    let groups = [
        own.map(|entry| (entry, own_shadow)),
        catalog
            .wildcard
            .as_ref()
            .map(|entry| (entry, own_shadow || entry.shadow)),
    ];
    let groups = || groups.into_iter().flatten();
    let facts = Facts {
        args: request.arguments,
        identity: request
            .principal
            .claims
            .as_ref()
            .map(|claims| claims.root()),
        name: request.name,
    };
    let steps: [&dyn Fn(&'p Entry) -> Option<&'p Rule>; 3] = [
        &|entry| entry.deny.as_ref(),
        &|entry| failing_require(entry, &facts),
        &|entry| matching_deny_if(entry, &facts),
    ];
    for step in steps {
        for (entry, shadow) in groups() {
            let denial = step(entry)
                .map(Denial::by)
                .and_then(|denial| refuse(denial, shadow));
            if let Some(denial) = denial {
                return Decision::Deny(denial);
            }
        }
    }
    let mut charges = Vec::new();
    for (entry, shadow) in groups() {
        for limit in &entry.limits {
            match charge(policy, limit, &facts, request.principal) {
                Ok(charge) => charges.push(Planned {
                    limit,
                    charge,
                    shadow,
                }),
                Err(denial) => {
                    if let Some(denial) = refuse(denial, shadow) {
                        return Decision::Deny(denial);
                    }
                }
            }
        }
    }
    Decision::Allow {
        charges,
        shadow: observed,
    }
}

/// Whether a list shows this entry: it is not certain that every call of it is refused, whatever the
/// arguments. `entry` is the name, URI or URI template.
pub fn listed(policy: &Policy, principal: &Principal, list: List, entry: Value<'_>) -> bool {
    let target = match list {
        List::Tools => Target::Tool,
        List::Prompts => Target::Prompt,
        List::Resources | List::Templates => Target::Resource,
    };
    let catalog = target.catalog(policy);
    let text = entry.as_str().unwrap_or_default();
    // A template stands for every URI that begins like it.
    let name = if list == List::Templates {
        text.split('{').next().unwrap_or_default()
    } else {
        &text
    };
    if outright(catalog, target, name).is_some() {
        return false;
    }
    let facts = Facts {
        args: None,
        identity: principal.claims.as_ref().map(|claims| claims.root()),
        name: entry,
    };
    let own = catalog.entry(name);
    if own.is_some_and(|entry| entry.shadow) {
        return true;
    }
    let enforced = own
        .into_iter()
        .chain(catalog.wildcard.as_ref().filter(|entry| !entry.shadow));
    !enforced
        .into_iter()
        .any(|entry| certainly_denied(entry, &facts))
}

/// Refusals that look at the name alone.
fn outright(catalog: &Catalog, target: Target, name: &str) -> Option<Denial> {
    let said = |what: &str, rule: &str| {
        let reason = format!("{} \"{}\" {what} by policy", target.word(), shown(name));
        Denial::new(&format!("{}{rule}", target.base()), reason)
    };
    if catalog.hides(name) {
        return Some(said("is hidden", "/hide"));
    }
    let unlisted = catalog.default == Posture::Deny && catalog.entry(name).is_none();
    unlisted.then(|| said("is not permitted", "/default"))
}

/// A name as it is quoted to an agent: bounded, and no control or invisible characters.
fn shown(name: &str) -> String {
    const MOST: usize = 128;
    name.chars()
        .take(MOST)
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect()
}

fn failing_require<'p>(entry: &'p Entry, facts: &Facts<'_>) -> Option<&'p Rule> {
    let conditions = entry.require.iter().flat_map(|block| &block.conditions);
    let mut failing = conditions
        .filter(|(condition, _)| condition.evaluate(facts, Quantifier::Every) != Truth::True);
    failing.next().map(|(_, rule)| rule)
}

fn matching_deny_if<'p>(entry: &'p Entry, facts: &Facts<'_>) -> Option<&'p Rule> {
    let mut matching = entry
        .deny_if
        .iter()
        .filter(|block| block_denies(block, facts));
    matching
        .next()
        .and_then(|block| block.conditions.first())
        .map(|(_, rule)| rule)
}

/// A block denies unless one of its conditions is false or missing: what cannot be evaluated never allows.
fn block_denies(block: &Block, facts: &Facts<'_>) -> bool {
    let stands = |truth: Truth| matches!(truth, Truth::True | Truth::WrongType);
    block
        .conditions
        .iter()
        .all(|(condition, _)| stands(condition.evaluate(facts, Quantifier::Some)))
}

fn certainly_denied(entry: &Entry, facts: &Facts<'_>) -> bool {
    let known = |block: &&Block| {
        block
            .conditions
            .iter()
            .all(|(condition, _)| !condition.needs_call())
    };
    let fails = |block: &Block| {
        let certain = block
            .conditions
            .iter()
            .filter(|(condition, _)| !condition.needs_call());
        certain
            .map(|(condition, _)| condition.evaluate(facts, Quantifier::Every))
            .any(|truth| truth != Truth::True)
    };
    entry.deny.is_some()
        || entry.require.iter().any(fails)
        || entry
            .deny_if
            .iter()
            .filter(known)
            .any(|block| block_denies(block, facts))
}

/// What a limit costs this call.
fn charge(
    policy: &Policy,
    limit: &Limit,
    facts: &Facts<'_>,
    principal: &Principal,
) -> Result<Charge, Denial> {
    let amount = match &limit.cost {
        Cost::Fixed(amount) => Ok(*amount),
        Cost::From(path) => match path.find(facts) {
            Found::Value(value) => match value.as_decimal() {
                Some(decimal) if decimal.is_negative() => Err((path, "must not be negative")),
                Some(decimal) => decimal
                    .to_nanos()
                    .ok_or((path, "must have at most 9 decimals and be below 10^29")),
                None => Err((path, "must be a number")),
            },
            Found::Missing => Err((path, "is missing")),
            Found::WrongType => Err((path, "must be a number")),
        },
    };
    let amount = amount.map_err(|(path, what)| Denial {
        rule: Arc::clone(&limit.rule.pointer),
        reason: if limit.authored {
            (*limit.rule.reason).to_owned()
        } else {
            let counter = &limit.counter.name;
            format!(
                "`{}` {what}: `{counter}` counts it (rule {}).",
                path.text, limit.rule.pointer
            )
        },
        retry_after: None,
    })?;
    let counter = &limit.counter;
    let (owner, sharer): (&str, &str) = match counter.scope {
        Scope::Grant => (&policy.name, &principal.id),
        Scope::Policy => (&policy.name, ""),
        Scope::Server => ("", ""),
    };
    let parts = [
        counter.scope.name(),
        owner,
        &counter.name,
        counter.window.name(),
        sharer,
    ];
    let key = CounterKey::new(&parts.map(str::as_bytes));
    Ok(Charge {
        key,
        window: counter.window,
        amount,
        max: limit.max,
    })
}
