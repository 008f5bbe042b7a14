//! The walk itself, step by step as `decide` takes them.

use std::sync::Arc;

use super::show::{found_at, spell, usage};
use super::step::{Known, KnownArguments, Look, Mark, Stage, Trace, TraceStep, TraceVerdict};
use crate::counters::{Counters, Store};
use crate::json::{Document, Keys, Limits};
use crate::pdp::charge::{charge, read_counters};
use crate::pdp::decide::{decide, entries, patterns, size};
use crate::pdp::decision::{Decision, Planned};
use crate::pdp::request::AccessRequest;
use crate::pdp::settle::{COUNTERS_LOST, peek};
use crate::pins::Pinned;
use crate::policy::{
    Approval, Block, Budget, Condition, Cost, Entry, Facts, Limit, Max, Path, Policy, Posture,
    Quantifier, Requirement, Root, Rule, Step, Truth,
};
use crate::refusal::Denial;
use crate::time::Timestamp;

/// Takes every step of one call.
pub(super) fn walk<'p>(
    policy: &'p Policy,
    request: &AccessRequest<'_>,
    known: Known<'_>,
    counters: &Counters,
    store: &mut dyn Store,
    now: Timestamp,
    shadow: bool,
) -> Trace<'p> {
    let name = request.name.as_str().unwrap_or_default();
    let read = read_counters(
        policy,
        entries(policy, request.target, &name),
        request.principal,
        request.session,
        &counters.table,
        store,
        now,
    );
    let lost = read.is_err() && !counters.allow_on_store_error;
    let read = read.unwrap_or_default();
    let empty = Document::parse_owned("{}".to_owned(), &Limits::WIRE).ok();
    let patterns = patterns(request, entries(policy, request.target, &name));
    let (budget, keys) = (Budget::for_input(size(request), patterns), Keys::default());
    let facts = Facts {
        args: match known.arguments {
            KnownArguments::All => request.arguments,
            KnownArguments::Names(_) | KnownArguments::Nothing => {
                empty.as_ref().map(Document::root)
            }
        },
        rounded: request.principal.rounded,
        identity: request
            .principal
            .claims
            .as_ref()
            .map(|claims| claims.root()),
        name: request.name,
        counters: read.as_ref().map(Document::root),
        budget: &budget,
        keys: &keys,
    };
    let mut walk = Walk {
        facts,
        known,
        steps: Vec::new(),
        refused: lost.then(|| Denial::new("/counters", COUNTERS_LOST)),
        observed: None,
        uncertain: false,
    };
    let catalog = request.target.catalog(policy);
    walk.outright(policy, request, &name, shadow);
    let own = catalog.entry(&name);
    let own_shadow = shadow || own.is_some_and(|entry| entry.shadow);
    let groups: Vec<(&'p Entry, bool)> = own
        .map(|entry| (entry, own_shadow))
        .into_iter()
        .chain(
            catalog
                .wildcard
                .as_ref()
                .map(|entry| (entry, own_shadow || entry.shadow)),
        )
        .collect();
    for (entry, shadow) in &groups {
        if let Some(rule) = &entry.deny {
            walk.certain(Stage::Deny, rule, *shadow);
        }
    }
    if let Some(pinned) = &request.pinned {
        walk.pins(pinned, request, own_shadow);
    }
    for (entry, shadow) in &groups {
        for requirement in &entry.require {
            match requirement {
                Requirement::Never(rule) => walk.certain(Stage::Require, rule, *shadow),
                Requirement::Block(block) => walk.require(block, *shadow),
            }
        }
    }
    for (entry, shadow) in &groups {
        for block in &entry.deny_if {
            walk.deny_if(block, *shadow);
        }
    }
    let charges = walk.limits(policy, request, &groups, counters, store, now);
    let held = walk.approvals(&groups);
    let verdict = match (walk.refused, walk.uncertain, held) {
        (Some(denial), _, _) => TraceVerdict::Deny(denial),
        (None, true, _) => TraceVerdict::Unknown,
        (None, false, Some(approval)) => TraceVerdict::Hold(Denial::by(&approval.rule)),
        (None, false, None) => TraceVerdict::Allow,
    };
    Trace {
        steps: walk.steps,
        verdict,
        unsure: walk.uncertain,
        shadow: walk.observed,
        charges,
    }
}

struct Walk<'w> {
    facts: Facts<'w>,
    known: Known<'w>,
    steps: Vec<TraceStep>,
    refused: Option<Denial>,
    observed: Option<Denial>,
    uncertain: bool,
}

impl Walk<'_> {
    fn add(&mut self, stage: Stage, rule: Option<&Arc<str>>, mark: Mark, looks: Vec<Look>) {
        self.steps.push(TraceStep {
            stage,
            rule: rule.cloned(),
            mark,
            looks,
            usage: None,
        });
    }

    fn refuse(&mut self, denial: Denial, shadow: bool) -> Mark {
        if shadow {
            self.observed.get_or_insert(denial);
            return Mark::Observed;
        }
        self.refused = Some(denial);
        Mark::Refused
    }

    /// Refusals that look at the name alone.
    fn outright(&mut self, policy: &Policy, request: &AccessRequest<'_>, name: &str, shadow: bool) {
        let catalog = request.target.catalog(policy);
        let hidden = catalog.hides(name);
        let unlisted = catalog.default == Posture::Deny && catalog.entry(name).is_none();
        for (stage, applies) in [(Stage::Hide, hidden), (Stage::Default, unlisted && !hidden)] {
            let mark = match (self.refused.is_some(), applies) {
                (true, _) => Mark::Skipped,
                (false, false) => Mark::Passed,
                // It is the first thing that is decided.
                (false, true) => match decide(policy, request, false) {
                    Decision::Deny(denial) => self.refuse(denial, shadow),
                    Decision::Allow { .. }
                    | Decision::Hold { .. }
                    | Decision::Uncountable { .. } => Mark::Passed,
                },
            };
            self.add(stage, None, mark, Vec::new());
        }
    }

    /// A rule that refuses whatever the call says.
    fn certain(&mut self, stage: Stage, rule: &Rule, shadow: bool) {
        let mark = if self.refused.is_some() {
            Mark::Skipped
        } else {
            self.refuse(Denial::by(rule), shadow)
        };
        self.add(stage, Some(&rule.pointer), mark, Vec::new());
    }

    /// The tool's definition, and its arguments where they are held to a schema.
    fn pins(&mut self, pinned: &Pinned<'_>, request: &AccessRequest<'_>, shadow: bool) {
        let step = |walk: &mut Self, denial: Option<Denial>, shadow: bool, is_known: bool| {
            let rule = denial.as_ref().map(|denial| Arc::clone(&denial.rule));
            let mark = match denial {
                _ if walk.refused.is_some() => Mark::Skipped,
                _ if !is_known => walk.unsure(shadow),
                Some(denial) => walk.refuse(denial, shadow),
                None => Mark::Passed,
            };
            walk.add(Stage::Pins, rule.as_ref(), mark, Vec::new());
        };
        let observed = shadow || pinned.is_observed();
        step(self, pinned.drifted(), observed, true);
        if pinned.has_schema() {
            let is_known = matches!(self.known.arguments, KnownArguments::All);
            let misfit = pinned
                .misfit(request.arguments, self.facts.budget)
                .filter(|_| is_known);
            step(self, misfit, shadow, is_known);
        }
    }

    fn require(&mut self, block: &Block, shadow: bool) {
        let Some((_, first)) = block.conditions.first() else {
            return;
        };
        if self.refused.is_some() {
            self.add(
                Stage::Require,
                Some(&first.pointer),
                Mark::Skipped,
                Vec::new(),
            );
            return;
        }
        let looks = self.looks(block.conditions.iter().map(|(it, _)| it), Quantifier::Every);
        let failing = block
            .conditions
            .iter()
            .zip(&looks)
            .find(|(_, look)| look.truth.is_some_and(|truth| truth != Truth::True));
        let (rule, mark) = match failing {
            Some(((_, rule), _)) => (rule, self.refuse(Denial::by(rule), shadow)),
            None if looks.iter().any(|look| look.truth.is_none()) => (first, self.unsure(shadow)),
            None => (first, Mark::Passed),
        };
        self.add(Stage::Require, Some(&rule.pointer), mark, looks);
    }

    fn deny_if(&mut self, block: &Block, shadow: bool) {
        let Some((_, rule)) = block.conditions.first() else {
            return;
        };
        if self.refused.is_some() {
            self.add(
                Stage::DenyIf,
                Some(&rule.pointer),
                Mark::Skipped,
                Vec::new(),
            );
            return;
        }
        let looks = self.looks(block.conditions.iter().map(|(it, _)| it), Quantifier::Some);
        let spared = |look: &Look| matches!(look.truth, Some(Truth::False | Truth::Missing));
        let mark = if looks.iter().any(spared) {
            Mark::Passed
        } else if looks.iter().any(|look| look.truth.is_none()) {
            self.unsure(shadow)
        } else {
            self.refuse(Denial::by(rule), shadow)
        };
        self.add(Stage::DenyIf, Some(&rule.pointer), mark, looks);
    }

    /// What is only observed leaves the verdict as it is.
    fn unsure(&mut self, shadow: bool) -> Mark {
        self.uncertain |= !shadow;
        Mark::Unknown
    }

    fn limits<'p>(
        &mut self,
        policy: &'p Policy,
        request: &AccessRequest<'_>,
        groups: &[(&'p Entry, bool)],
        counters: &Counters,
        store: &mut dyn Store,
        now: Timestamp,
    ) -> Vec<Planned<'p>> {
        let reached = self.refused.is_none();
        let mut charges = Vec::new();
        // First what each limit costs: a cost that cannot be told refuses before any limit is compared.
        let mut pending = Vec::new();
        for (entry, shadow) in groups {
            for limit in &entry.limits {
                let index = self.steps.len();
                self.add(
                    Stage::Limit,
                    Some(&limit.rule.pointer),
                    Mark::Skipped,
                    Vec::new(),
                );
                if !reached || self.refused.is_some() {
                    continue;
                }
                let mark = if self.costs(limit).any(|path| !self.knows(path)) {
                    self.unsure(*shadow)
                } else {
                    match charge(policy, limit, &self.facts, request) {
                        Ok(charge) => {
                            let planned = Planned {
                                limit,
                                charge,
                                shadow: *shadow,
                            };
                            charges.push(planned);
                            pending.push((index, planned));
                            Mark::Passed
                        }
                        Err(denial) => self.refuse(denial, *shadow),
                    }
                };
                self.mark(index, mark);
            }
        }
        for (index, planned) in pending {
            let usage = usage(&planned, counters, store, now);
            let mark = if self.refused.is_some() {
                Mark::Skipped
            } else {
                // A limit in shadow is compared like any other, and stands in nobody's way.
                let enforced = Planned {
                    shadow: false,
                    ..planned
                };
                match peek(counters, store, now, &[enforced]) {
                    Ok(()) => Mark::Passed,
                    Err(denial) => self.refuse(denial, planned.shadow),
                }
            };
            self.mark(index, mark);
            if let Some(step) = self.steps.get_mut(index) {
                step.usage = Some(usage);
            }
        }
        charges
    }

    fn mark(&mut self, index: usize, mark: Mark) {
        if let Some(step) = self.steps.get_mut(index) {
            step.mark = mark;
        }
    }

    /// The paths that say what a limit costs.
    fn costs<'l>(&self, limit: &'l Limit) -> impl Iterator<Item = &'l Path> + use<'l> {
        let amount = match &limit.cost {
            Cost::From(path) => Some(path),
            Cost::Fixed(_) => None,
        };
        let currency = match &limit.max {
            Max::PerCurrency(path, _) => Some(path),
            Max::Amount(_) | Max::Unlimited => None,
        };
        amount.into_iter().chain(currency)
    }

    fn approvals<'p>(&mut self, groups: &[(&'p Entry, bool)]) -> Option<&'p Approval> {
        let mut held = None;
        for (entry, shadow) in groups {
            // An entry asks once.
            let mut asked = false;
            for approval in &entry.approvals {
                let over = self.refused.is_some() || held.is_some() || asked;
                if over {
                    let pointer = Some(&approval.rule.pointer);
                    self.add(Stage::Approval, pointer, Mark::Skipped, Vec::new());
                    continue;
                }
                let looks = self.looks(approval.when.iter(), Quantifier::Some);
                let mark = if looks.iter().any(|look| look.truth == Some(Truth::False)) {
                    Mark::Passed
                } else if looks.iter().any(|look| look.truth.is_none()) {
                    self.unsure(*shadow)
                } else if *shadow {
                    asked = true;
                    self.refuse(Denial::by(&approval.rule), true)
                } else {
                    held = Some(approval);
                    Mark::Asked
                };
                self.add(Stage::Approval, Some(&approval.rule.pointer), mark, looks);
            }
        }
        held
    }

    fn looks<'c>(
        &self,
        conditions: impl Iterator<Item = &'c Condition>,
        quantifier: Quantifier,
    ) -> Vec<Look> {
        let look = |condition: &Condition| {
            let known = condition.paths().all(|path| self.knows(path));
            Look {
                condition: spell(condition),
                found: known
                    .then(|| found_at(&condition.path, &self.facts))
                    .flatten(),
                truth: known.then(|| condition.evaluate(&self.facts, quantifier)),
            }
        };
        conditions.map(look).collect()
    }

    /// Whether what is at this path is known, if only that it is missing.
    fn knows(&self, path: &Path) -> bool {
        match path.root {
            Root::Args => {}
            Root::Identity => {
                return self.known.claims || found_at(path, &self.facts).is_some();
            }
            Root::ToolName | Root::Counters => return true,
        }
        match (self.known.arguments, path.steps.first()) {
            (KnownArguments::All, _) => true,
            (KnownArguments::Names(names), Some(Step::Key(key))) => {
                !names.iter().any(|name| **name == **key)
            }
            (KnownArguments::Names(_) | KnownArguments::Nothing, _) => false,
        }
    }
}
