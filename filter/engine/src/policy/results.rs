//! What a policy says of results, compiled.

use std::sync::Arc;

use super::detectors::{Budget, Detectors, Rule as DetectorRule, Target, TooMuchWork};
use super::stand_in::StandIn;
use super::{Counter, Pattern, Rule, Step};
use crate::json::fold_case;
use crate::{NameMap, Names};

/// What stands under `results`, or under the `result` of one entry.
#[derive(Clone, Debug, Default)]
pub struct ResultSpec {
    /// What is taken out.
    pub redact: Vec<Redaction>,
    /// What must not be in a result.
    pub deny_if: Vec<Arc<DenyIf>>,
    /// The largest result.
    pub max_bytes: Option<MaxBytes>,
    /// The counter that results are added to.
    pub count: Option<Count>,
    /// Texts are marked with the server they come from.
    pub label: bool,
    /// Definitions of tools are redacted wherever something is found, not in their descriptions alone.
    pub definitions: bool,
}

/// One thing to take out, and from which tools' results it is not.
#[derive(Clone, Debug)]
pub struct Redaction {
    /// What.
    pub what: Redacted,
    /// Names of tools.
    pub except: Arc<[Box<str>]>,
}

/// What is taken out.
#[derive(Clone, Debug)]
pub enum Redacted {
    /// What is looked for in text.
    Text(DetectorRule),
    /// What stands in a place.
    Path(PathRule),
    /// What stands under a key.
    Keys(KeyRule),
}

/// A place in a result, and what stands there instead.
#[derive(Clone, Debug)]
pub struct PathRule {
    /// From the result object.
    pub steps: Arc<[Step]>,
    /// In place of strings.
    pub with: StandIn,
}

/// Keys at any depth, and what stands in place of what is under them.
#[derive(Clone, Debug)]
pub struct KeyRule {
    /// The keys, in any case.
    pub keys: Arc<[Box<str>]>,
    /// In place of strings.
    pub with: StandIn,
}

/// Rules on keys, to be looked up by a key however many they are.
#[derive(Clone, Debug, Default)]
pub struct KeyRules {
    rules: Vec<KeyRule>,
    /// The first that names a key, by the key in its folded form.
    by_key: NameMap<usize>,
}

impl KeyRules {
    fn push(&mut self, rule: KeyRule) {
        for key in &*rule.keys {
            let key: String = fold_case(key).collect();
            if !self.by_key.contains(&key) {
                self.by_key.insert(&key, self.rules.len());
            }
        }
        self.rules.push(rule);
    }

    /// The first that names a key, in any case.
    pub fn rule(&self, key: &str) -> Option<&KeyRule> {
        let key: String = fold_case(key).collect();
        self.rules.get(*self.by_key.get(&key)?)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// The largest result.
#[derive(Clone, Debug)]
pub struct MaxBytes {
    /// In bytes, as JSON.
    pub most: usize,
    /// What becomes of a larger one.
    pub over: Over,
    /// What is said in place of one that is withheld.
    pub rule: Rule,
}

/// What becomes of a result that is too large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// It is withheld.
    #[default]
    Withhold,
    /// Its texts are cut; it is withheld where that is not enough.
    Truncate,
}

/// What must not be in a result.
#[derive(Debug)]
pub struct DenyIf {
    /// What.
    pub what: Forbidden,
    /// What is said instead.
    pub rule: Rule,
}

/// A text that must not be in a result.
#[derive(Debug)]
pub enum Forbidden {
    /// Anything this finds.
    Pattern(Pattern),
    /// This text.
    Text(Box<str>),
}

/// A counter that results are added to, in bytes.
#[derive(Clone, Debug)]
pub struct Count {
    /// The counter.
    pub counter: Arc<Counter>,
    /// Where it is asked for.
    pub pointer: Arc<str>,
}

/// Everything that applies to the results of one target: its own rules, those of `"*"`, and those of all results.
#[derive(Debug, Default)]
pub struct ResultRules {
    /// What is done.
    pub enforced: RuleSet,
    /// What is in shadow: only recorded.
    pub observed: RuleSet,
    /// Counters that results are added to, in shadow too: other rules read them.
    pub counts: Vec<Count>,
    /// Texts are marked with the server they come from.
    pub label: bool,
}

/// Rules to run together.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// What is looked for in text.
    pub detectors: Detectors,
    /// What is taken out wherever it says.
    pub paths: Vec<PathRule>,
    /// What is taken out wherever it stands under one of these keys.
    pub keys: KeyRules,
    /// What must not be there, in order.
    pub deny_if: Vec<Arc<DenyIf>>,
    /// The largest result; absent where any size will do.
    pub max_bytes: Option<MaxBytes>,
    /// Definitions of tools are redacted wherever something is found.
    pub definitions: bool,
    /// How many patterns and texts each text is searched for.
    pub patterns: usize,
}

impl ResultRules {
    /// All of these together, each enforced or in shadow; for the results of one tool without what they except it from.
    pub fn of(specs: &[(&ResultSpec, bool)], tool: Option<&str>) -> ResultRules {
        let of = |shadow: bool| {
            let specs = specs.iter().filter(|(_, is_shadow)| *is_shadow == shadow);
            RuleSet::of(specs.map(|(spec, _)| *spec), tool)
        };
        let mut counts: Vec<Count> = Vec::new();
        for count in specs.iter().filter_map(|(spec, _)| spec.count.as_ref()) {
            if !counts.iter().any(|other| other.counter == count.counter) {
                counts.push(count.clone());
            }
        }
        ResultRules {
            enforced: of(false),
            observed: of(true),
            counts,
            label: specs.iter().any(|(spec, shadow)| spec.label && !shadow),
        }
    }

    /// Whether nothing is looked for, counted or marked.
    pub fn is_empty(&self) -> bool {
        let nothing = self.enforced.is_empty() && self.observed.is_empty();
        nothing && self.counts.is_empty() && !self.label
    }
}

impl RuleSet {
    fn of<'s>(specs: impl Iterator<Item = &'s ResultSpec>, tool: Option<&str>) -> RuleSet {
        let mut set = RuleSet::default();
        let (mut redact, mut seen) = (Vec::new(), Names::default());
        for spec in specs {
            for Redaction { what, except } in &spec.redact {
                if tool.is_some_and(|tool| except.iter().any(|name| **name == *tool)) {
                    continue;
                }
                match what {
                    Redacted::Path(path) => set.paths.push(path.clone()),
                    Redacted::Keys(keys) => set.keys.push(keys.clone()),
                    Redacted::Text(rule) => {
                        let again = match &rule.target {
                            Target::Own(pattern) => seen.insert(pattern.source(), ()).is_some(),
                            Target::Named { .. } => false,
                        };
                        if !again {
                            redact.push(rule.clone());
                        }
                    }
                }
            }
            set.deny_if.extend(spec.deny_if.iter().cloned());
            set.definitions |= spec.definitions;
            // The smallest says what becomes of what is larger: cut to it, a result is within all others.
            let smaller = match (&set.max_bytes, &spec.max_bytes) {
                (Some(before), Some(max)) => max.most < before.most,
                (None, _) => true,
                (_, None) => false,
            };
            if smaller {
                set.max_bytes.clone_from(&spec.max_bytes);
            }
        }
        let own = redact.iter();
        let own = own.filter(|rule| matches!(rule.target, Target::Own(_)));
        let denying = set.deny_if.iter();
        set.patterns = own.count().saturating_add(denying.count());
        set.detectors = Detectors::new(redact);
        set
    }

    /// The first of `deny_if` that forbids a text, of those before this one, by its index.
    ///
    /// # Errors
    /// It would take too much work to tell.
    pub fn forbids(
        &self,
        text: &str,
        before: usize,
        budget: &Budget,
    ) -> Result<Option<usize>, TooMuchWork> {
        for (index, deny) in self.deny_if.iter().enumerate().take(before) {
            let holds = match &deny.what {
                Forbidden::Pattern(pattern) => pattern.is_match(text, budget)?,
                Forbidden::Text(forbidden) => {
                    budget.spend_bytes(text.len())?;
                    text.contains(&**forbidden)
                }
            };
            if holds {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// The rule that forbids a text, if one does.
    ///
    /// # Errors
    /// It would take too much work to tell.
    pub fn denies(&self, text: &str, budget: &Budget) -> Result<Option<&Rule>, TooMuchWork> {
        let index = self.forbids(text, usize::MAX, budget)?;
        Ok(index.and_then(|index| Some(&self.deny_if.get(index)?.rule)))
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.detectors.is_empty()
            && self.paths.is_empty()
            && self.keys.is_empty()
            && self.deny_if.is_empty()
            && self.max_bytes.is_none()
    }
}
