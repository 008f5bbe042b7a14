//! One call against one policy, in the documented order; the first refusal wins.

use super::charge::charge;
use super::decision::{Decision, Planned};
use super::order::{Check, Finding, asked, blocked, order, required};
use super::request::{AccessRequest, Target};
use crate::identity::Principal;
use crate::json::{Keys, Value, is_unprintable};
use crate::mcp::{List, is_normal};
use crate::policy::{
    Approval, Budget, Condition, Entry, Facts, Policy, Quantifier, Requirement, Rule, Truth,
};
use crate::refusal::{Denial, Own};

/// The entries whose rules apply to a target: its own, and that of `"*"`.
pub fn entries<'p>(
    policy: &'p Policy,
    target: Target,
    name: &str,
) -> impl Iterator<Item = &'p Entry> {
    let catalog = target.catalog(policy);
    catalog.entry(name).into_iter().chain(&catalog.wildcard)
}

/// Decides one call: the first check that refuses it. `shadow` is the gate's own mode: nothing here refuses then.
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
    if !work.is_over() {
        return decision;
    }
    let name = request.name.as_str().unwrap_or_default();
    let own = request.target.catalog(policy).entry(&name);
    if shadow || own.is_some_and(|entry| entry.shadow) {
        return decision;
    }
    let name = shown(&name);
    let word = request.target.word();
    Decision::Deny(Denial::own(
        Own::Work,
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
    let catalog = request.target.catalog(policy);
    let name = request.name.as_str().unwrap_or_default();
    let patterns = patterns(request, entries(policy, request.target, &name));
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
    let mut observed = None;
    let mut charges = Vec::new();
    for (check, shadow) in order(catalog, &name, request.pinned, shadow) {
        let denial = match check {
            Check::Limit(limit) => match charge(policy, limit, &facts, request) {
                Ok(charge) => {
                    charges.push(Planned {
                        limit,
                        charge,
                        shadow,
                    });
                    continue;
                }
                Err(denial) => denial,
            },
            Check::Approval(approval) => match asks(approval, &facts) {
                true => Denial::by(&approval.rule),
                false => continue,
            },
            _ => match refusal(check, request, &name, &facts) {
                Some(denial) => denial,
                None => continue,
            },
        };
        if shadow {
            observed.get_or_insert(denial);
            continue;
        }
        return match check {
            Check::Limit(_) => Decision::Uncountable { charges, denial },
            Check::Approval(approval) => Decision::Hold {
                charges,
                approval,
                approvers: approvers(approval, catalog.entry(&name)),
                shadow: observed,
            },
            _ => Decision::Deny(denial),
        };
    }
    Decision::Allow {
        charges,
        shadow: observed,
    }
}

/// Why a check that neither charges nor asks refuses a call, if it does.
fn refusal(
    check: Check<'_, '_>,
    request: &AccessRequest<'_>,
    name: &str,
    facts: &Facts<'_>,
) -> Option<Denial> {
    let evaluate = |condition: &Condition, quantifier| Some(condition.evaluate(facts, quantifier));
    match check {
        Check::Drift(pinned) => pinned.drifted(),
        Check::Schema(pinned) => pinned.misfit(request.arguments, facts.budget),
        _ => by_name(check, request.target, name)
            .or_else(|| refusing_rule(check, evaluate).map(Denial::by)),
    }
}

/// Groups of which one may decide: those of the approval before those of the target.
fn approvers<'p>(approval: &'p Approval, own: Option<&'p Entry>) -> &'p [Box<str>] {
    match (&approval.approvers[..], own) {
        ([], Some(own)) => &own.approvers,
        (named, _) => named,
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
    let target = Target::listed_by(list);
    let catalog = target.catalog(policy);
    let text = entry.as_str().unwrap_or_default();
    // What may not be read is not shown.
    if target == Target::Resource && catalog.tells_apart() && !is_normal(&text) {
        return false;
    }
    // A template stands for every URI that begins like it.
    let name = if list == List::Templates {
        text.split('{').next().unwrap_or_default()
    } else {
        &text
    };
    let patterns = entries(policy, target, name).map(Entry::patterns).sum();
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
    // What is compared with a claim that is not there fails whatever the call brings.
    let certain = |condition: &Condition, quantifier| {
        let known = !condition.needs_call()
            || quantifier == Quantifier::Every && condition.lacks_claim(&facts);
        known.then(|| condition.evaluate(&facts, quantifier))
    };
    !order(catalog, name, None, false).any(|(check, shadow)| {
        !shadow
            && (by_name(check, target, name).is_some() || refusing_rule(check, certain).is_some())
    })
}

/// Whether the rules on a tool are only observed.
pub fn is_in_shadow(policy: &Policy, tool: &str) -> bool {
    policy.tools.entry(tool).is_some_and(|entry| entry.shadow)
}

/// Refusals that look at the name alone.
pub(super) fn by_name(check: Check<'_, '_>, target: Target, name: &str) -> Option<Denial> {
    let (what, own) = match check {
        Check::Hide(true) => ("is hidden", Own::Hide),
        Check::Default(true) => ("is not permitted", Own::Default),
        _ => return None,
    };
    let reason = format!("{} \"{}\" {what} by policy", target.word(), shown(name));
    Some(Denial::at(
        &format!("{}{}", target.base(), own.pointer()),
        reason,
    ))
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

/// The rule that refuses a call by its conditions alone, as far as they are known.
fn refusing_rule<'p>(
    check: Check<'p, '_>,
    evaluate: impl Fn(&Condition, Quantifier) -> Option<Truth>,
) -> Option<&'p Rule> {
    let (block, finding) = match check {
        Check::Deny(rule) | Check::Require(Requirement::Never(rule)) => return Some(rule),
        Check::Require(Requirement::Block(block)) => {
            let truths = block.each(|condition| evaluate(condition, Quantifier::Every));
            (block, required(truths))
        }
        Check::DenyIf(block) => {
            let truths = block.each(|condition| evaluate(condition, Quantifier::Some));
            (block, blocked(truths))
        }
        _ => return None,
    };
    match finding {
        Finding::Refuses(index) => block.conditions.get(index).map(|(_, rule)| rule),
        Finding::Passes | Finding::Unknown => None,
    }
}

/// Whether a person has to be asked.
fn asks(approval: &Approval, facts: &Facts<'_>) -> bool {
    let truths = approval
        .when
        .iter()
        .map(|condition| Some(condition.evaluate(facts, Quantifier::Some)));
    asked(truths) != Finding::Passes
}
