//! What a trace is made of.

use std::sync::Arc;

use crate::pdp::decision::Planned;
use crate::policy::Truth;
use crate::refusal::Denial;

/// How much is known of a call's arguments.
#[derive(Clone, Copy, Debug)]
pub enum KnownArguments<'a> {
    /// Everything: those of the request.
    All,
    /// The names of the top-level ones; others are known to be missing.
    Names(&'a [String]),
    /// Nothing.
    Nothing,
}

/// How much is known of a call.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Of its arguments.
    pub arguments: KnownArguments<'a>,
    /// Whether the caller's claims are all there; if not, those that are missing are not known.
    pub claims: bool,
}

impl Known<'static> {
    /// All of it.
    pub const ALL: Known<'static> = Known {
        arguments: KnownArguments::All,
        claims: true,
    };
}

/// The steps of a decision, in order.
#[derive(Debug)]
pub struct Trace<'p> {
    /// All steps, those that were not reached included.
    pub steps: Vec<TraceStep>,
    /// What they come to.
    pub verdict: TraceVerdict,
    /// Whether a step could not be told: a refusal may then be another step's.
    pub unsure: bool,
    /// What would have refused, had it not been in shadow.
    pub shadow: Option<Denial>,
    /// What a permitted call is charged, as far as it is known.
    pub charges: Vec<Planned<'p>>,
}

/// What a decision comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceVerdict {
    /// Forwarded.
    Allow,
    /// Refused.
    Deny(Denial),
    /// Waits for a person.
    Hold(Denial),
    /// It depends on what is not known.
    Unknown,
}

/// What is decided at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `hide`
    Hide,
    /// `default`
    Default,
    /// `deny: true`
    Deny,
    /// `pins`: the tool's definition, and arguments against its schema.
    Pins,
    /// `require`, and rules that must hold.
    Require,
    /// `deny_if`
    DenyIf,
    /// A limit.
    Limit,
    /// An approval.
    Approval,
}

impl Stage {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Hide => "hide",
            Stage::Default => "default",
            Stage::Deny => "deny",
            Stage::Pins => "pins",
            Stage::Require => "require",
            Stage::DenyIf => "deny_if",
            Stage::Limit => "limit",
            Stage::Approval => "approval",
        }
    }
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing against the call.
    Passed,
    /// It refuses the call.
    Refused,
    /// It would, but is in shadow.
    Observed,
    /// It asks a person.
    Asked,
    /// It depends on what is not known.
    Unknown,
    /// An earlier step has decided.
    Skipped,
}

impl Mark {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Passed => "passed",
            Mark::Refused => "refused",
            Mark::Observed => "observed",
            Mark::Asked => "asked",
            Mark::Unknown => "unknown",
            Mark::Skipped => "skipped",
        }
    }
}

/// One step.
#[derive(Clone, Debug)]
pub struct TraceStep {
    /// What is decided.
    pub stage: Stage,
    /// The rule; absent where no rule is written down.
    pub rule: Option<Arc<str>>,
    /// How it went.
    pub mark: Mark,
    /// The conditions that were looked at.
    pub looks: Vec<Look>,
    /// For limits.
    pub usage: Option<Usage>,
}

/// A condition and what it saw.
#[derive(Clone, Debug)]
pub struct Look {
    /// `args.amount gt 100`
    pub condition: String,
    /// The JSON at its path, shortened; `None` if there is nothing, or it is not known.
    pub found: Option<String>,
    /// The outcome; `None` if it is not known.
    pub truth: Option<Truth>,
}

/// A limit and its counter.
#[derive(Clone, Debug)]
pub struct Usage {
    /// Name of the counter.
    pub counter: String,
    /// What it holds.
    pub used: String,
    /// What this call costs.
    pub cost: String,
    /// Most it may reach; `None` if it only counts.
    pub max: Option<String>,
    /// Its window.
    pub window: String,
    /// Seconds until the window ends; `None` for rolling ones.
    pub resets_in: Option<i64>,
}
