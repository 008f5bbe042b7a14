//! The compiled policy: valid by construction, immutable, shared by all calls.
//!
//! Everything that can be known when a configuration is read is worked out then: patterns are compiled,
//! rule pointers and refusal texts written, counters resolved. Evaluation only reads.

mod claims;
mod condition;
pub mod detectors;
mod path;
mod results;
mod stand_in;
mod truth;

use std::sync::Arc;

pub(crate) use condition::op_name;
pub use condition::{Condition, List, Operand, Relation, Test};
pub use path::{Facts, Found, Path, PathError, Root, Step, state_counter};
pub use results::{
    Count, DenyIf, Forbidden, KeyRule, KeyRules, MaxBytes, Over, PathRule, Redacted, Redaction,
    ResultRules, ResultSpec, RuleSet,
};
pub use stand_in::StandIn;
pub use toolgate_detect::UrlTest;
pub use toolgate_pattern::{Budget, Pattern, PatternError, TooMuchWork};
pub use truth::{Quantifier, Truth};

use crate::counters::Window;
use crate::{NameMap, Names};

/// One policy.
#[derive(Debug, Default)]
pub struct Policy {
    /// Its name; empty for the inline policy.
    pub name: Box<str>,
    /// Rules on tools.
    pub tools: Catalog,
    /// Rules on prompts.
    pub prompts: Catalog,
    /// Rules on resources.
    pub resources: Catalog,
    /// Whether a counter has scope session, so that sessions have to be remembered.
    pub counts_sessions: bool,
    /// What applies to results that cannot be tied to a target: everything any of them asks for.
    pub all_results: Arc<ResultRules>,
}

impl Policy {
    /// Whether any rule asks a person.
    pub fn asks(&self) -> bool {
        [&self.tools, &self.prompts, &self.resources]
            .into_iter()
            .any(Catalog::asks)
    }
}

/// What happens to what no entry names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Posture {
    /// Refused.
    #[default]
    Deny,
    /// Forwarded, if the rules of `"*"` hold.
    Allow,
}

/// The rules of one kind of target.
#[derive(Debug, Default)]
pub struct Catalog {
    /// For targets without an entry.
    pub default: Posture,
    /// Targets nobody sees or reaches.
    pub hidden: Names,
    /// Hidden by what they begin with; resources only.
    pub hidden_prefixes: Vec<Box<str>>,
    /// `hide: ["*"]`.
    pub hide_all: bool,
    /// Exact names.
    pub entries: NameMap<Entry>,
    /// `prefix*` entries of resources, longest prefix first.
    pub prefixes: Vec<(Box<str>, Entry)>,
    /// The rules of `"*"`, which apply after the target's own and rescue nothing.
    pub wildcard: Option<Entry>,
    /// What applies to the results of targets without an entry.
    pub results: Arc<ResultRules>,
}

impl Catalog {
    /// Whether it matters which target is meant: everything else is one `default: allow`.
    pub fn tells_apart(&self) -> bool {
        self.default != Posture::Allow
            || self.hide_all
            || !self.hidden.is_empty()
            || !self.hidden_prefixes.is_empty()
            || !self.entries.is_empty()
            || !self.prefixes.is_empty()
            || self.wildcard.is_some()
    }

    /// Whether `hide` covers this target.
    pub fn hides(&self, name: &str) -> bool {
        self.hide_all
            || self.hidden.contains(name)
            || self
                .hidden_prefixes
                .iter()
                .any(|prefix| name.starts_with(&**prefix))
    }

    /// The entry for this target: its exact name, else the longest prefix.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name).or_else(|| {
            let covering = |(prefix, _): &&(Box<str>, Entry)| name.starts_with(&**prefix);
            self.prefixes.iter().find(covering).map(|(_, entry)| entry)
        })
    }

    /// What applies to the results of this target.
    pub fn results(&self, name: &str) -> &Arc<ResultRules> {
        self.entry(name)
            .map_or(&self.results, |entry| &entry.results)
    }

    /// Every entry, that of `"*"` included.
    pub fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        let prefixes = self.prefixes.iter_mut().map(|(_, entry)| entry);
        self.entries
            .values_mut()
            .chain(prefixes)
            .chain(&mut self.wildcard)
    }

    /// Every entry, that of `"*"` included.
    fn all_entries(&self) -> impl Iterator<Item = &Entry> {
        let prefixes = self.prefixes.iter().map(|(_, entry)| entry);
        self.entries.values().chain(prefixes).chain(&self.wildcard)
    }

    fn asks(&self) -> bool {
        self.all_entries().any(|entry| !entry.approvals.is_empty())
    }

    /// Whether any name at all might be kept out of a list.
    pub fn may_unlist(&self) -> bool {
        self.default == Posture::Deny
            || self.hide_all
            || !self.hidden.is_empty()
            || !self.hidden_prefixes.is_empty()
            || self.all_entries().any(Entry::may_unlist)
    }
}

/// The rules on one target.
#[derive(Debug, Default)]
pub struct Entry {
    /// `deny: true`.
    pub deny: Option<Rule>,
    /// What must hold, in document order.
    pub require: Vec<Requirement>,
    /// Blocks of which none may hold.
    pub deny_if: Vec<Block>,
    /// Counters a call is charged to.
    pub limits: Vec<Limit>,
    /// When a person has to be asked.
    pub approvals: Vec<Approval>,
    /// Groups that may decide where the approval names none.
    pub approvers: Vec<Box<str>>,
    /// Counters its conditions read, each with the key under which paths find it.
    pub reads: Vec<Arc<Counter>>,
    /// Decide and record, but never refuse.
    pub shadow: bool,
    /// Its `result`, as written.
    pub own_result: Option<Box<ResultSpec>>,
    /// What applies to its results: its own, that of `"*"`, and what applies to all.
    pub results: Arc<ResultRules>,
}

impl Entry {
    fn may_unlist(&self) -> bool {
        let certain = |requirement: &Requirement| match requirement {
            Requirement::Never(_) => true,
            Requirement::Block(block) => block.ignores_arguments(),
        };
        self.deny.is_some()
            || self.require.iter().any(certain)
            || self.deny_if.iter().any(Block::ignores_arguments)
    }

    /// How many patterns its conditions hold, and texts that they search for.
    pub fn patterns(&self) -> usize {
        let patterns = self.conditions();
        let patterns = patterns
            .filter(|condition| matches!(condition.test, Test::Regex(_) | Test::Contains(_)));
        patterns.count()
    }

    /// Every condition of the entry.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let required = self
            .require
            .iter()
            .filter_map(|requirement| match requirement {
                Requirement::Block(block) => Some(block),
                Requirement::Never(_) => None,
            });
        let blocks = required
            .chain(&self.deny_if)
            .flat_map(|block| &block.conditions);
        let triggers = self.approvals.iter().flat_map(|approval| &approval.when);
        blocks.map(|(condition, _)| condition).chain(triggers)
    }
}

/// One thing that must hold.
#[derive(Debug)]
pub enum Requirement {
    /// All conditions of a block.
    Block(Block),
    /// Nothing satisfies it: a rule that denies (`action: deny`).
    Never(Rule),
}

/// A call that waits for a person.
#[derive(Debug)]
pub struct Approval {
    /// Which rule asks, and what the agent is told meanwhile.
    pub rule: Rule,
    /// Asks only if all of these hold or cannot be evaluated; always, if there are none.
    pub when: Vec<Condition>,
    /// How long the question stays open, in seconds.
    pub timeout: i64,
    /// How long the request itself is held, in seconds.
    pub hold: i64,
    /// Groups that may decide; those of the entry, if there are none.
    pub approvers: Vec<Box<str>>,
}

/// What a refusal names: where the rule stands and what to tell the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// JSON Pointer of the rule, such as `/tools/x/require/args.channel-in`.
    pub pointer: Arc<str>,
    /// The author's `on_deny`, or a sentence that says what would be allowed.
    pub reason: Arc<str>,
}

/// Conditions that are joined by AND, each with the rule that names it.
#[derive(Debug)]
pub struct Block {
    /// In document order; never empty.
    pub conditions: Vec<(Condition, Rule)>,
}

impl Block {
    /// Looks at its conditions, one after another.
    pub(crate) fn each<'b, T>(
        &'b self,
        look: impl Fn(&'b Condition) -> T + 'b,
    ) -> impl Iterator<Item = T> + 'b {
        self.conditions
            .iter()
            .map(move |(condition, _)| look(condition))
    }

    fn ignores_arguments(&self) -> bool {
        self.conditions
            .iter()
            .any(|(condition, _)| !condition.needs_call())
    }
}

/// A counter and how much of it a call may use.
#[derive(Debug)]
pub struct Limit {
    /// How a refusal by this limit is named; the text may be completed with the time to wait.
    pub rule: Rule,
    /// Whether `rule.reason` is the author's, and so complete.
    pub authored: bool,
    /// The counter it charges.
    pub counter: Arc<Counter>,
    /// Most the counter may reach.
    pub max: Max,
    /// What a call costs.
    pub cost: Cost,
    /// Give the charge back when the tool itself reports an error (`isError`).
    pub refund_on_tool_error: bool,
    /// Give the charge back when it is unknown whether the tool ran.
    pub refund_on_unknown: bool,
}

/// Most a counter may reach, inclusive, in 10^-9.
#[derive(Debug)]
pub enum Max {
    /// This much.
    Amount(i128),
    /// It only counts.
    Unlimited,
    /// By the currency at this path; each has a counter of its own, and any other is refused.
    PerCurrency(Path, Vec<(Box<str>, i128)>),
}

/// What a call costs a counter.
#[derive(Debug)]
pub enum Cost {
    /// The same for every call, in 10^-9.
    Fixed(i128),
    /// The number at this path of the call.
    From(Path),
}

/// A counter of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Shared by all limits that use this name.
    pub name: Box<str>,
    /// When it starts again.
    pub window: Window,
    /// Who shares it.
    pub scope: Scope,
    /// Whether each currency is counted apart.
    pub per_currency: bool,
}

/// Who shares a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// One per principal.
    #[default]
    Grant,
    /// One for all callers of the policy.
    Policy,
    /// One for all policies and callers.
    Server,
    /// One per session that a server has issued to this principal.
    Session,
}

impl Scope {
    /// All scopes by their name in a policy.
    pub const NAMES: [(&'static str, Scope); 4] = [
        ("grant", Scope::Grant),
        ("policy", Scope::Policy),
        ("server", Scope::Server),
        ("session", Scope::Session),
    ];

    /// Its name in a policy.
    pub fn name(self) -> &'static str {
        Scope::NAMES
            .into_iter()
            .find(|(_, scope)| *scope == self)
            .map_or("", |(name, _)| name)
    }
}
