//! The order of a decision: everything that may refuse a call, once.
//!
//! `decide` takes the first check that refuses, a list is filtered by those that refuse whatever the call says, and
//! `explain` shows them all. What a check comes to is a [`Finding`], and the three differ only in how much they know: a
//! condition is true, false, or depends on what is not known.

use crate::pins::Pinned;
use crate::policy::{Approval, Block, Catalog, Limit, Posture, Requirement, Rule, Truth};

/// One thing that may refuse a call.
#[derive(Clone, Copy)]
pub(super) enum Check<'p, 'r> {
    /// `hide`, and whether it names the target.
    Hide(bool),
    /// `default`, and whether it is all that is said of the target.
    Default(bool),
    /// `deny: true`.
    Deny(&'p Rule),
    /// The definition of a pinned tool.
    Drift(Pinned<'r>),
    /// Arguments against the schema of a pinned tool.
    Schema(Pinned<'r>),
    /// `require`, and rules that must hold.
    Require(&'p Requirement),
    /// A block of `deny_if`.
    DenyIf(&'p Block),
    /// What is charged.
    Limit(&'p Limit),
    /// Who is asked.
    Approval(&'p Approval),
}

/// The checks of a target in the documented order, each with whether it is only observed. `shadow` is the gate's own mode.
///
/// What the policy says of the tool itself goes first, what it says of arguments only of those that fit the tool; within a
/// kind the target's own rules go before those of `"*"`. Counters come behind everything that charges nothing, and people
/// last: nobody is asked about a call that would be refused.
pub(super) fn order<'p, 'r>(
    catalog: &'p Catalog,
    name: &str,
    pinned: Option<Pinned<'r>>,
    shadow: bool,
) -> impl Iterator<Item = (Check<'p, 'r>, bool)> {
    let own = catalog.entry(name);
    let own_shadow = shadow || own.is_some_and(|entry| entry.shadow);
    let groups = [
        own.map(|entry| (entry, own_shadow)),
        catalog
            .wildcard
            .as_ref()
            .map(|entry| (entry, own_shadow || entry.shadow)),
    ];
    let groups = move || groups.into_iter().flatten();

    let hidden = catalog.hides(name);
    let unlisted = catalog.default == Posture::Deny && own.is_none();
    let by_name = [Check::Hide(hidden), Check::Default(unlisted && !hidden)];
    let by_name = by_name.into_iter().map(move |check| (check, shadow));
    let denied =
        groups().filter_map(|(entry, shadow)| Some((Check::Deny(entry.deny.as_ref()?), shadow)));
    let pins = pinned.into_iter().flat_map(move |pinned| {
        [
            (Check::Drift(pinned), own_shadow || pinned.is_observed()),
            (Check::Schema(pinned), own_shadow),
        ]
    });
    let required = groups().flat_map(|(entry, shadow)| {
        let each = entry.require.iter();
        each.map(move |requirement| (Check::Require(requirement), shadow))
    });
    let blocked = groups().flat_map(|(entry, shadow)| {
        let each = entry.deny_if.iter();
        each.map(move |block| (Check::DenyIf(block), shadow))
    });
    let limits = groups().flat_map(|(entry, shadow)| {
        let each = entry.limits.iter();
        each.map(move |limit| (Check::Limit(limit), shadow))
    });
    let approvals = groups().flat_map(|(entry, shadow)| {
        let each = entry.approvals.iter();
        each.map(move |approval| (Check::Approval(approval), shadow))
    });
    by_name
        .chain(denied)
        .chain(pins)
        .chain(required)
        .chain(blocked)
        .chain(limits)
        .chain(approvals)
}

/// What conditions come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing against the call.
    Passes,
    /// They speak against the call; which condition does.
    Refuses(usize),
    /// It depends on what is not known.
    Unknown,
}

/// Conditions that all have to be true. Each truth is `None` where it is not known.
pub(super) fn required(truths: impl Iterator<Item = Option<Truth>>) -> Finding {
    let mut finding = Finding::Passes;
    for (index, truth) in truths.enumerate() {
        match truth {
            Some(Truth::True) => {}
            Some(Truth::False | Truth::Missing | Truth::WrongType) => {
                return Finding::Refuses(index);
            }
            None => finding = Finding::Unknown,
        }
    }
    finding
}

/// A block of `deny_if`: it denies unless one of its conditions is false or missing. What cannot be evaluated never allows.
pub(super) fn blocked(truths: impl Iterator<Item = Option<Truth>>) -> Finding {
    stands(truths, |truth| {
        matches!(truth, Truth::False | Truth::Missing)
    })
}

/// The conditions of an approval: what cannot be evaluated asks.
pub(super) fn asked(truths: impl Iterator<Item = Option<Truth>>) -> Finding {
    stands(truths, |truth| truth == Truth::False)
}

/// Refuses, unless a condition spares the call.
fn stands(truths: impl Iterator<Item = Option<Truth>>, spares: impl Fn(Truth) -> bool) -> Finding {
    let mut finding = Finding::Refuses(0);
    for truth in truths {
        match truth {
            Some(truth) if spares(truth) => return Finding::Passes,
            Some(_) => {}
            None => finding = Finding::Unknown,
        }
    }
    finding
}
