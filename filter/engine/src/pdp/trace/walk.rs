//! The walk itself, step by step as `decide` takes them.

use std::sync::Arc;

use super::show::{found_at, spell, usage};
use super::step::{Known, KnownArguments, Look, Mark, Stage, Trace, TraceStep, TraceVerdict};
use crate::counters::{Counters, Store};
use crate::json::{Document, Keys, Limits};
use crate::pdp::charge::{charge, read_counters};
use crate::pdp::decide::{by_name, entries, patterns, size};
use crate::pdp::decision::Planned;
use crate::pdp::order::{Check, Finding, asked, blocked, order, required};
use crate::pdp::request::AccessRequest;
use crate::pdp::settle::{COUNTERS_LOST, peek};
use crate::pins::Pinned;
use crate::policy::{
    Approval, Block, Budget, Condition, Cost, Facts, Limit, Max, Path, Policy, Quantifier,
    Requirement, Root, Rule, Step,
};
use crate::refusal::{Denial, Own};
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
        policy,
        request,
        ledger: Ledger {
            counters,
            store,
            now,
        },
        steps: Vec::new(),
        charges: Vec::new(),
        compared: 0,
        refused: lost.then(|| Denial::own(Own::Counters, COUNTERS_LOST)),
        held: None,
        observed: None,
        uncertain: false,
    };
    let catalog = request.target.catalog(policy);
    for (check, shadow) in order(catalog, &name, request.pinned, shadow) {
        walk.take(check, &name, shadow);
    }
    walk.compare();
    let verdict = match (walk.refused, walk.uncertain, walk.held) {
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
        charges: walk
            .charges
            .into_iter()
            .map(|(_, planned)| planned)
            .collect(),
    }
}

/// What limits are compared with.
struct Ledger<'w> {
    counters: &'w Counters,
    store: &'w mut dyn Store,
    now: Timestamp,
}

struct Walk<'w, 'p> {
    facts: Facts<'w>,
    known: Known<'w>,
    policy: &'p Policy,
    request: &'w AccessRequest<'w>,
    ledger: Ledger<'w>,
    steps: Vec<TraceStep>,
    /// What limits cost, each with the place of its step.
    charges: Vec<(usize, Planned<'p>)>,
    /// How many of them were compared with their counters.
    compared: usize,
    refused: Option<Denial>,
    held: Option<&'p Approval>,
    observed: Option<Denial>,
    uncertain: bool,
}

impl<'p> Walk<'_, 'p> {
    fn take(&mut self, check: Check<'p, '_>, name: &str, shadow: bool) {
        match check {
            Check::Hide(_) => self.by_name(Stage::Hide, check, name, shadow),
            Check::Default(_) => self.by_name(Stage::Default, check, name, shadow),
            Check::Deny(rule) => self.certain(Stage::Deny, rule, shadow),
            Check::Drift(pinned) => self.pins(pinned.drifted(), shadow, true),
            Check::Schema(pinned) => self.schema(pinned, shadow),
            Check::Require(Requirement::Never(rule)) => self.certain(Stage::Require, rule, shadow),
            Check::Require(Requirement::Block(block)) => {
                self.block(Stage::Require, block, Quantifier::Every, shadow);
            }
            Check::DenyIf(block) => self.block(Stage::DenyIf, block, Quantifier::Some, shadow),
            Check::Limit(limit) => self.limit(limit, shadow),
            Check::Approval(approval) => {
                self.compare();
                self.approval(approval, shadow);
            }
        }
    }

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
    fn by_name(&mut self, stage: Stage, check: Check<'_, '_>, name: &str, shadow: bool) {
        let mark = match by_name(check, self.request.target, name) {
            _ if self.refused.is_some() => Mark::Skipped,
            Some(denial) => self.refuse(denial, shadow),
            None => Mark::Passed,
        };
        self.add(stage, None, mark, Vec::new());
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

    /// The tool's definition, or its arguments.
    fn pins(&mut self, denial: Option<Denial>, shadow: bool, is_known: bool) {
        let rule = denial.as_ref().map(|denial| Arc::clone(&denial.rule));
        let mark = match denial {
            _ if self.refused.is_some() => Mark::Skipped,
            _ if !is_known => self.unsure(shadow),
            Some(denial) => self.refuse(denial, shadow),
            None => Mark::Passed,
        };
        self.add(Stage::Pins, rule.as_ref(), mark, Vec::new());
    }

    /// Arguments, where they are held to a schema.
    fn schema(&mut self, pinned: Pinned<'_>, shadow: bool) {
        if pinned.has_schema() {
            let is_known = matches!(self.known.arguments, KnownArguments::All);
            let misfit = pinned
                .misfit(self.request.arguments, self.facts.budget)
                .filter(|_| is_known);
            self.pins(misfit, shadow, is_known);
        }
    }

    /// Conditions of a requirement, or of a block that denies.
    fn block(&mut self, stage: Stage, block: &Block, quantifier: Quantifier, shadow: bool) {
        let Some((_, first)) = block.conditions.first() else {
            return;
        };
        if self.refused.is_some() {
            self.add(stage, Some(&first.pointer), Mark::Skipped, Vec::new());
            return;
        }
        let looks = self.looks(block.conditions.iter().map(|(it, _)| it), quantifier);
        let truths = looks.iter().map(|look| look.truth);
        let finding = match quantifier {
            Quantifier::Every => required(truths),
            Quantifier::Some => blocked(truths),
        };
        let (rule, mark) = match finding {
            Finding::Passes => (first, Mark::Passed),
            Finding::Unknown => (first, self.unsure(shadow)),
            Finding::Refuses(index) => {
                let rule = block.conditions.get(index).map_or(first, |(_, rule)| rule);
                (rule, self.refuse(Denial::by(rule), shadow))
            }
        };
        self.add(stage, Some(&rule.pointer), mark, looks);
    }

    /// What is only observed leaves the verdict as it is.
    fn unsure(&mut self, shadow: bool) -> Mark {
        self.uncertain |= !shadow;
        Mark::Unknown
    }

    /// What a limit costs: a cost that cannot be told refuses before any limit is compared.
    fn limit(&mut self, limit: &'p Limit, shadow: bool) {
        let mark = if self.refused.is_some() {
            Mark::Skipped
        } else if costs(limit).any(|path| !self.knows(path)) {
            self.unsure(shadow)
        } else {
            match charge(self.policy, limit, &self.facts, self.request) {
                Ok(charge) => {
                    let planned = Planned {
                        limit,
                        charge,
                        shadow,
                    };
                    self.charges.push((self.steps.len(), planned));
                    Mark::Passed
                }
                Err(denial) => self.refuse(denial, shadow),
            }
        };
        self.add(Stage::Limit, Some(&limit.rule.pointer), mark, Vec::new());
    }

    /// Compares what limits cost with what their counters hold.
    fn compare(&mut self) {
        while let Some(&(index, planned)) = self.charges.get(self.compared) {
            self.compared = self.compared.saturating_add(1);
            let Ledger {
                counters,
                store,
                now,
            } = &mut self.ledger;
            let usage = usage(&planned, counters, *store, *now);
            let mark = if self.refused.is_some() {
                Mark::Skipped
            } else {
                // A limit in shadow is compared like any other, and stands in nobody's way.
                let enforced = Planned {
                    shadow: false,
                    ..planned
                };
                match peek(counters, *store, *now, &[enforced]) {
                    Ok(()) => Mark::Passed,
                    Err(denial) => self.refuse(denial, planned.shadow),
                }
            };
            if let Some(step) = self.steps.get_mut(index) {
                step.mark = mark;
                step.usage = Some(usage);
            }
        }
    }

    fn approval(&mut self, approval: &'p Approval, shadow: bool) {
        if self.refused.is_some() || self.held.is_some() {
            let pointer = Some(&approval.rule.pointer);
            self.add(Stage::Approval, pointer, Mark::Skipped, Vec::new());
            return;
        }
        let looks = self.looks(approval.when.iter(), Quantifier::Some);
        let mark = match asked(looks.iter().map(|look| look.truth)) {
            Finding::Passes => Mark::Passed,
            Finding::Unknown => self.unsure(shadow),
            Finding::Refuses(_) if shadow => self.refuse(Denial::by(&approval.rule), true),
            Finding::Refuses(_) => {
                self.held = Some(approval);
                Mark::Asked
            }
        };
        self.add(Stage::Approval, Some(&approval.rule.pointer), mark, looks);
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

/// The paths that say what a limit costs.
fn costs(limit: &Limit) -> impl Iterator<Item = &Path> {
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
