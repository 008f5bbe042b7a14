//! One call against one policy, in the documented order; the first refusal wins.

use super::charge::charge;
use super::decision::{Decision, Planned};
use super::request::{AccessRequest, Target};
use crate::identity::Principal;
use crate::json::{Keys, Value, is_unprintable};
use crate::mcp::List;
use crate::policy::{
    Approval, Block, Budget, Catalog, Condition, Entry, Facts, Policy, Posture, Quantifier,
    Requirement, Rule, Truth,
};
use crate::refusal::Denial;

/// The entries whose rules apply to a target: its own, and that of `"*"`.
pub fn entries<'p>(
    policy: &'p Policy,
    target: Target,
    name: &str,
) -> impl Iterator<Item = &'p Entry> {
    let catalog = target.catalog(policy);
    catalog.entry(name).into_iter().chain(&catalog.wildcard)
}

/// Decides one call. `shadow` is the gate's own mode: nothing here refuses then.
pub fn decide<'p>(policy: &'p Policy, request: &AccessRequest<'_>, shadow: bool) -> Decision<'p> {
    let work = Budget::default();
    work.add_input(size(request), 0);
    decide_within(policy, request, shadow, &work)
}

/// As [`decide`], where all messages of a request share one budget. What takes more is refused.
pub fn decide_within<'p>(
    policy: &'p Policy,
    request: &AccessRequest<'_>,
    shadow: bool,
    work: &Budget,
) -> Decision<'p> {
    let decision = judge(policy, request, shadow, work);
    let name = request.name.as_str().unwrap_or_default();
    let own = request.target.catalog(policy).entry(&name);
    let is_observed = shadow || own.is_some_and(|entry| entry.shadow);
    if !work.is_over() || is_observed {
        return decision;
    }
    let name = shown(&name);
    let word = request.target.word();
    Decision::Deny(Denial::new(
        "/work",
        format!(
            "{word} \"{name}\" was called with more than can be judged: make the arguments smaller."
        ),
    ))
}

fn judge<'p>(
    policy: &'p Policy,
    request: &AccessRequest<'_>,
    shadow: bool,
    work: &Budget,
) -> Decision<'p> {
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
    if let Some(denial) = outright(catalog, request.target, &name)
        && let Some(denial) = refuse(denial, shadow)
    {
        return Decision::Deny(denial);
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
    let patterns = patterns(request, groups().map(|(entry, _)| entry));
    work.add_patterns(size(request), patterns);
    let keys = Keys::default();
    let facts = Facts {
        args: request.arguments,
        identity: request
            .principal
            .claims
            .as_ref()
            .map(|claims| claims.root()),
        rounded: request.principal.rounded,
        name: request.name,
        counters: request.counters,
        budget: work,
        keys: &keys,
    };
    let steps: [&dyn Fn(&'p Entry) -> Option<&'p Rule>; 3] = [
        &|entry| entry.deny.as_ref(),
        &|entry| failing_require(entry, &facts),
        &|entry| matching_deny_if(entry, &facts),
    ];
    for (index, step) in steps.into_iter().enumerate() {
        // What the policy says of the tool itself goes first, what it says of arguments only of those that fit the tool.
        if let (1, Some(pinned)) = (index, &request.pinned) {
            let drifted = pinned.drifted();
            let misfit = || pinned.misfit(request.arguments, work);
            let denial = drifted
                .and_then(|denial| refuse(denial, own_shadow || pinned.is_observed()))
                .or_else(|| misfit().and_then(|denial| refuse(denial, own_shadow)));
            if let Some(denial) = denial {
                return Decision::Deny(denial);
            }
        }
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
            match charge(policy, limit, &facts, request) {
                Ok(charge) => charges.push(Planned {
                    limit,
                    charge,
                    shadow,
                }),
                Err(denial) => {
                    if let Some(denial) = refuse(denial, shadow) {
                        return Decision::Uncountable { charges, denial };
                    }
                }
            }
        }
    }
    for (entry, shadow) in groups() {
        let asking = entry
            .approvals
            .iter()
            .find(|approval| asks(approval, &facts));
        if let Some(approval) = asking
            && refuse(Denial::by(&approval.rule), shadow).is_some()
        {
            let named = [
                &approval.approvers,
                own.map_or(&approval.approvers, |own| &own.approvers),
            ];
            let approvers = named.into_iter().find(|groups| !groups.is_empty());
            return Decision::Hold {
                charges,
                approval,
                approvers: approvers.map_or(&[], Vec::as_slice),
                shadow: observed,
            };
        }
    }
    Decision::Allow {
        charges,
        shadow: observed,
    }
}

/// How many bytes of a call are judged.
pub(super) fn size(request: &AccessRequest<'_>) -> usize {
    let arguments = request.arguments.map_or(0, |value| value.raw().len());
    arguments.saturating_add(request.name.raw().len())
}

/// How many patterns are held against a call.
pub(super) fn patterns<'p>(
    request: &AccessRequest<'_>,
    entries: impl Iterator<Item = &'p Entry>,
) -> usize {
    let pinned = request.pinned.map_or(0, |pinned| pinned.patterns());
    entries
        .map(Entry::patterns)
        .fold(pinned, usize::saturating_add)
}

/// Whether a list shows this entry: it is not certain that every call of it is refused, whatever the
/// arguments. `entry` is the name, URI or URI template. Without a budget that is enough it is not shown.
pub fn listed(
    policy: &Policy,
    principal: &Principal,
    list: List,
    entry: Value<'_>,
    work: &Budget,
) -> bool {
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
    let own = catalog.entry(name);
    let applying = own.into_iter().chain(&catalog.wildcard);
    let patterns = applying.map(Entry::patterns).sum();
    work.add_patterns(text.len(), patterns);
    let keys = Keys::default();
    let facts = Facts {
        args: None,
        identity: principal.claims.as_ref().map(|claims| claims.root()),
        rounded: principal.rounded,
        name: entry,
        counters: None,
        budget: work,
        keys: &keys,
    };
    if own.is_some_and(|entry| entry.shadow) {
        return true;
    }
    let enforced = own
        .into_iter()
        .chain(catalog.wildcard.as_ref().filter(|entry| !entry.shadow));
    let mut enforced = enforced.into_iter();
    !enforced.any(|entry| certainly_denied(entry, &facts))
}

/// Whether the rules on a tool are only observed.
pub fn is_in_shadow(policy: &Policy, tool: &str) -> bool {
    policy.tools.entry(tool).is_some_and(|entry| entry.shadow)
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
        .map(|char| {
            if is_unprintable(char) {
                '\u{fffd}'
            } else {
                char
            }
        })
        .collect()
}

/// Whether a person has to be asked: what cannot be evaluated asks.
fn asks(approval: &Approval, facts: &Facts<'_>) -> bool {
    approval
        .when
        .iter()
        .all(|condition| condition.evaluate(facts, Quantifier::Some) != Truth::False)
}

fn failing_require<'p>(entry: &'p Entry, facts: &Facts<'_>) -> Option<&'p Rule> {
    entry
        .require
        .iter()
        .find_map(|requirement| match requirement {
            Requirement::Never(rule) => Some(rule),
            Requirement::Block(block) => failing_condition(block, facts, |_| true),
        })
}

/// The rule of the first condition, among those chosen, that is not true.
fn failing_condition<'p>(
    block: &'p Block,
    facts: &Facts<'_>,
    chosen: impl Fn(&Condition) -> bool,
) -> Option<&'p Rule> {
    let fails = |condition: &Condition| condition.evaluate(facts, Quantifier::Every) != Truth::True;
    block
        .conditions
        .iter()
        .find(|(condition, _)| chosen(condition) && fails(condition))
        .map(|(_, rule)| rule)
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
    let known = |condition: &Condition| !condition.needs_call();
    let fails = |requirement: &Requirement| match requirement {
        Requirement::Never(_) => true,
        Requirement::Block(block) => {
            // A claim that is compared with and is not there fails whatever the call brings.
            let certain = |condition: &Condition| known(condition) || condition.lacks_claim(facts);
            failing_condition(block, facts, certain).is_some()
        }
    };
    let denies = |block: &Block| {
        block
            .conditions
            .iter()
            .all(|(condition, _)| known(condition))
            && block_denies(block, facts)
    };
    entry.deny.is_some() || entry.require.iter().any(fails) || entry.deny_if.iter().any(denies)
}
