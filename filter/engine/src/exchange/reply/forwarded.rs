//! What is known of a forwarded request when its reply comes.

use super::plan::ReplyPlan;
use crate::exchange::watch::Watch;
use crate::identity::Principal;
use crate::ndjson::Splitter;
use crate::policy::Budget;
use crate::sse::Rewriter;

/// What has to be known of a forwarded request when its reply comes.
#[derive(Debug)]
pub(in crate::exchange) struct Forwarded {
    pub(in crate::exchange) principal: Principal,
    pub(in crate::exchange) server: Option<Box<str>>,
    pub(in crate::exchange) plan: ReplyPlan,
    pub(in crate::exchange) watch: Watch,
    pub(in crate::exchange) learns_session: bool,
    /// The session results are counted by, if the gate knows it.
    pub(in crate::exchange) session: Option<String>,
    pub(in crate::exchange) reading: Reading,
    /// Every request was answered that what it is owed was withheld: nobody waits for anything more that cannot be shown.
    pub(in crate::exchange) is_told: bool,
    /// What was kept of the event or value at hand had to be given up.
    pub(in crate::exchange) crowded: bool,
    pub(in crate::exchange) work: Work,
}

/// What looking at the reply may still cost, however it is cut into parts.
#[derive(Debug, Default)]
pub(in crate::exchange) struct Work {
    /// For what is enforced.
    pub(super) enforced: Budget,
    /// As much again for rules in shadow, which must not take from those that count.
    pub(super) observed: Budget,
}

impl Work {
    /// So much more of the reply is looked at.
    pub(super) fn add_input(&self, bytes: usize) {
        self.enforced.add_input(bytes, 0);
        self.observed.add_input(bytes, 0);
    }
}

impl Forwarded {
    /// How much was looked at so far.
    pub(in crate::exchange) fn work(&self) -> u64 {
        let Work { enforced, observed } = &self.work;
        enforced.spent().saturating_add(observed.spent())
    }
}

/// What is being done with the reply.
#[derive(Debug)]
pub(in crate::exchange) enum Reading {
    /// The headers are not in.
    Waiting,
    /// The whole body is awaited. `is_json` and `success` tell how to judge it.
    Whole { is_json: bool, success: bool },
    /// Events are judged as they come.
    Events(Rewriter),
    /// JSON values are judged as they come.
    Values(Splitter),
    /// The body passes; a copy is kept to look for an answer.
    Copy(Vec<u8>),
    /// Nothing more is looked at.
    Over,
}

impl Reading {
    /// How much memory it takes, in bytes.
    pub(in crate::exchange) fn kept(&self) -> usize {
        match self {
            Reading::Events(rewriter) => rewriter.kept(),
            Reading::Values(splitter) => splitter.kept(),
            Reading::Copy(copy) => copy.capacity(),
            Reading::Waiting | Reading::Whole { .. } | Reading::Over => 0,
        }
    }
}
