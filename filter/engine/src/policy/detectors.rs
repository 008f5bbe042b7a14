//! What a policy looks for in text: named detectors and its own patterns, from text to places.
//!
//! A text is looked through once for all named detectors, and once for each pattern. What is found is in order and never
//! overlaps; where findings overlap they become one, so that nothing any rule found survives.

use std::borrow::Cow;

use toolgate_detect::{LOOKS_PER_BYTE, Scanner, join};

pub use toolgate_detect::{DETECTORS, Detector, Match, SCHEMA_HOST};

use super::Pattern;
use super::stand_in::StandIn;
pub use super::{Budget, TooMuchWork};

/// What a rule looks for.
#[derive(Clone, Debug)]
pub enum Target {
    /// What a detector finds.
    Named {
        /// The detector.
        detector: &'static Detector,
        /// Hosts whose links stay, beside [`SCHEMA_HOST`]; `.acme.com` means it and its subdomains. Entries as
        /// [`UrlTest::host`](crate::policy::UrlTest::host) makes them.
        allow_hosts: Vec<Box<str>>,
    },
    /// The author's own pattern. Empty matches are nothing.
    Own(Pattern),
}

/// One thing to look for, and what to put in its place.
#[derive(Clone, Debug)]
pub struct Rule {
    /// How it is counted in the audit record.
    pub name: Box<str>,
    /// What it looks for.
    pub target: Target,
    /// What stands there instead.
    pub with: StandIn,
}

impl Rule {
    /// A detector. What it finds becomes `[redacted:NAME]`, unless the author says otherwise.
    pub fn named(
        detector: &'static Detector,
        allow_hosts: Vec<Box<str>>,
        with: Option<&str>,
    ) -> Rule {
        let name = detector.name;
        Rule {
            name: name.into(),
            target: Target::Named {
                detector,
                allow_hosts,
            },
            with: with.map_or_else(|| StandIn::marked(Some(name)), StandIn::own),
        }
    }

    /// The author's own pattern. What it finds becomes `[redacted]`, unless the author says otherwise.
    pub fn own(pattern: Pattern, with: Option<&str>) -> Rule {
        Rule {
            name: "regex".into(),
            target: Target::Own(pattern),
            with: with.map_or_else(|| StandIn::marked(None), StandIn::own),
        }
    }
}

/// The rules that apply to one reply, ready to run.
#[derive(Clone, Debug, Default)]
pub struct Detectors {
    rules: Vec<Rule>,
    scanner: Scanner,
}

impl Detectors {
    /// Prepares rules. Where two look for the same, the first names what is found; of several `url` rules each has to allow a
    /// link.
    pub fn new(rules: Vec<Rule>) -> Detectors {
        let mut scanner = Scanner::default();
        for (index, rule) in rules.iter().enumerate() {
            if let Target::Named {
                detector,
                allow_hosts,
            } = &rule.target
            {
                scanner.add(index, detector, allow_hosts);
            }
        }
        Detectors { rules, scanner }
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many rules there are: those of matches are below this.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// What stands in the place of a match in this text.
    pub fn instead_of(&self, text: &str, found: &Match) -> Cow<'_, str> {
        let rule = self.rules.get(found.rule);
        let found = text.get(found.span.clone()).unwrap_or_default();
        rule.map_or(Cow::Borrowed(""), |rule| rule.with.of(found))
    }

    /// How a match of this rule is counted.
    pub fn name(&self, rule: usize) -> &str {
        self.rules.get(rule).map_or("", |rule| &rule.name)
    }

    /// Everything the rules find in `text`, in order, without overlaps.
    ///
    /// # Errors
    /// It would take more work than the budget allows.
    pub fn find(&self, text: &str, budget: &Budget) -> Result<Vec<Match>, TooMuchWork> {
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let looks = bytes.saturating_add(1).saturating_mul(LOOKS_PER_BYTE);
        let looks = Budget::new(looks);
        let found = self.scanner.find(text, &looks);
        // In the proxy a look takes below 2 ns, and with all that is found on the way as much as this: what any text takes is
        // within what each text adds.
        let units = looks.spent().saturating_mul(Budget::PER_BYTE);
        budget.spend(units.div_ceil(LOOKS_PER_BYTE))?;
        let mut found = found?;
        for (index, rule) in self.rules.iter().enumerate() {
            if let Target::Own(pattern) = &rule.target {
                let own = pattern.find_all(text, budget)?;
                found = join(found, own, index);
            }
        }
        Ok(found)
    }
}
