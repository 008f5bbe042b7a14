//! What a policy says of results, compiled.

use std::sync::Arc;

use super::detect::{Budget, Detectors, Rule as DetectorRule, Target, TooMuchWork};
use crate::Names;
use crate::policy::{Counter, Pattern, Rule, Step};

/// What stands under `results`, or under the `result` of one entry.
#[derive(Clone, Debug, Default)]
pub struct ResultSpec {
    /// What is looked for in text.
    pub redact: Vec<DetectorRule>,
    /// What is taken out wherever it says.
    pub paths: Vec<PathRule>,
    /// What must not be in a result.
    pub deny_if: Vec<Arc<DenyIf>>,
    /// The largest result, in bytes, and what is said of a larger one.
    pub max_bytes: Option<(usize, Rule)>,
    /// The counter that results are added to.
    pub count: Option<Count>,
}

/// A place in a result, and what stands there instead.
#[derive(Clone, Debug)]
pub struct PathRule {
    /// From the result object.
    pub steps: Arc<[Step]>,
    /// In place of strings.
    pub with: Box<str>,
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
}

/// Rules to run together.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// What is looked for in text.
    pub detectors: Detectors,
    /// What is taken out wherever it says.
    pub paths: Vec<PathRule>,
    /// What must not be there, in order.
    pub deny_if: Vec<Arc<DenyIf>>,
    /// The largest result, in bytes; absent where any size will do.
    pub max_bytes: Option<(usize, Rule)>,
    /// How many patterns each text is searched for.
    pub patterns: usize,
}

impl ResultRules {
    /// All of these together, each enforced or in shadow.
    pub fn of(specs: &[(&ResultSpec, bool)]) -> ResultRules {
        let of = |shadow: bool| {
            let specs = specs.iter().filter(|(_, is_shadow)| *is_shadow == shadow);
            RuleSet::of(specs.map(|(spec, _)| *spec))
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
        }
    }

    /// Whether nothing is looked for or counted.
    pub fn is_empty(&self) -> bool {
        self.enforced.is_empty() && self.observed.is_empty() && self.counts.is_empty()
    }
}

impl RuleSet {
    fn of<'s>(specs: impl Iterator<Item = &'s ResultSpec>) -> RuleSet {
        let mut set = RuleSet::default();
        let (mut redact, mut seen) = (Vec::new(), Names::default());
        for spec in specs {
            for rule in &spec.redact {
                let again = match &rule.target {
                    Target::Own(pattern) => seen.insert(pattern.source(), ()).is_some(),
                    Target::Named(_) => false,
                };
                if !again {
                    redact.push(rule.clone());
                }
            }
            set.paths.extend(spec.paths.iter().cloned());
            set.deny_if.extend(spec.deny_if.iter().cloned());
            let smaller = match (&set.max_bytes, &spec.max_bytes) {
                (Some((before, _)), Some((most, _))) => most < before,
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
        let denying = denying.filter(|deny| matches!(deny.what, Forbidden::Pattern(_)));
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
                Forbidden::Text(forbidden) => text.contains(&**forbidden),
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
            && self.deny_if.is_empty()
            && self.max_bytes.is_none()
    }
}
