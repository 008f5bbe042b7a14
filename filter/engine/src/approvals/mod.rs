//! Questions to people: a call that a rule sends to a person waits here until somebody answers.
//!
//! Questions live in a table in the [`Store`](crate::counters::Store) that all workers share: `approvals.max_pending`
//! slots, each one value, changed by compare-and-swap alone. A question is bound to the caller, the server, the tool,
//! the exact arguments and all else it carries, the rule and the configuration: an approval releases one call with that very binding, once, on
//! whatever worker, and none after it has expired. A configuration update asks anew.
//!
//! ```text
//! pending ─▶ approved ─▶ used
//!    │          └──────▶ expired
//!    ├─────▶ rejected        told to the caller once, then closed
//!    ├─────▶ expired         nobody answered within the rule's timeout
//!    └─────▶ withdrawn       its caller cancelled the call, or its grant was revoked
//! ```
//!
//! What cannot be read in a slot is nobody's question: the slot is passed over and nothing is released by it. Times are
//! seconds since 1970-01-01T00:00:00Z.

mod binding;
mod cancel;
mod given_up;
mod notify;
mod place;
mod question;
mod settings;
mod table;
mod ticket;

pub use binding::{Binding, Bound};
pub use cancel::{CallId, Heard, Line, cancel, hang_up, heard, listen};
pub use given_up::{give_up, may_be_given_up};
pub use notify::{Event, delivered, due, failed};
pub use place::MAX_SLOTS;
pub use question::{MAX_SHOWN, Notice, Question, State};
pub use settings::{Approvals, AskMode, Notify};
pub use table::{
    AskError, announce_slots, ask, close, consume, decide, leave, list, look, withdraw,
};
pub use ticket::{Ticket, sign};

use crate::text::clip;

/// Who decides, as a console knows them.
#[derive(Clone, Copy, Debug)]
pub struct Approver<'a> {
    /// Named in records and to the agent.
    pub id: &'a str,
    /// Groups that rules name under `approvers`.
    pub groups: &'a [Box<str>],
    /// Ids of callers that are this person's own; their calls this person may not approve.
    pub own: &'a [Box<str>],
}

impl Approver<'_> {
    /// Whether this person may decide a question at all: a rule without `approvers` leaves it to anybody.
    pub fn may_decide(&self, question: &Question) -> bool {
        question.approvers.is_empty()
            || question
                .approvers
                .iter()
                .any(|group| self.groups.contains(group))
    }

    /// Whether the question is about a call of this person's own.
    pub fn is_own(&self, question: &Question) -> bool {
        self.own.iter().any(|own| clip(own) == question.principal)
    }
}

/// Why a decision was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecideError {
    /// There is no such question.
    Unknown,
    /// It is not open any more.
    Closed(State),
    /// The person is in none of the groups that may decide it.
    NotApprover,
    /// The call is the person's own, who may reject but not approve it.
    OwnCall,
    /// The store is lost; nothing was decided.
    Lost,
}

impl DecideError {
    /// What to tell the person.
    pub fn message(self) -> &'static str {
        match self {
            DecideError::Unknown => "there is no such approval",
            DecideError::Closed(State::Approved) => "it has been approved already",
            DecideError::Closed(State::Used) => "it has been approved and used already",
            DecideError::Closed(State::Rejected) => "it has been rejected already",
            DecideError::Closed(State::Expired) => "it has expired",
            DecideError::Closed(State::Withdrawn) => {
                "its caller cancelled the call, or was revoked"
            }
            DecideError::Closed(State::Pending) => "it was changed by somebody else; try again",
            DecideError::NotApprover => "you are in none of the groups that may decide it",
            DecideError::OwnCall => "the call is your own; somebody else has to approve it",
            DecideError::Lost => "the store of approvals cannot be reached; nothing was decided",
        }
    }
}
