//! The words of a decision in their order: the sender, each message assessed, and what is done with the body of all of them.

use std::sync::Arc;

use super::head::RequestHead;
use super::reply::ReplyPlan;
use super::waiting::Waiting;
use super::watch::Watch;
use crate::approvals::{Binding, Line};
use crate::audit::{Outcome, Record};
use crate::identity::Caller;
use crate::mcp::List;
use crate::pdp::{Permit, Planned, Target};
use crate::pep::{self, Answer, Reply};
use crate::policy::{Approval, ResultRules};
use crate::refusal::{Denial, Rejection};
use crate::rpc::Id;
use crate::time::Timestamp;

/// What was decided of a whole body.
pub(super) struct BodyDecision {
    pub(super) action: Action,
    /// One record per message that was decided on.
    pub(super) records: Vec<Record>,
}

/// What is done with a body.
pub(super) enum Action {
    Forward {
        permit: Permit,
        /// What goes upstream in place of the body that came; absent where that is forwarded as it is.
        body: Option<Vec<u8>>,
        plan: ReplyPlan,
        watch: Watch,
        /// The reply may issue a session that counters have to know.
        learns_session: bool,
        /// The session results are counted by, if the gate knows it.
        session: Option<String>,
    },
    Hold(Box<Waiting>),
    Refuse(Reply),
}

/// What is judged besides the body.
#[derive(Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) head: &'a RequestHead,
    pub(super) caller: &'a Caller,
    /// Names the exchange in records.
    pub(super) id: &'a str,
    /// Since when the request has been held, if it was, and where it hears of its cancellation.
    pub(super) since: Option<(Timestamp, &'a Line)>,
}

/// One message after it was judged on its own.
pub(super) struct Assessed<'d, 'p> {
    /// What is owed an answer; absent for notifications and for answers to servers.
    pub(super) id: Option<Id<'d>>,
    /// Absent for messages that leave no record: notifications that pass, answers to servers.
    pub(super) record: Option<Record>,
    /// What its answer is, and what applies to that.
    pub(super) answer: Awaited,
    /// Its answer is a list, although it names what it asks for.
    pub(super) list: Option<List>,
    /// A refusal is a tool result; an error otherwise.
    pub(super) tool_result: bool,
    pub(super) assessment: Assessment<'d, 'p>,
}

impl<'d> Assessed<'d, '_> {
    /// Of a message that passes and leaves no record.
    pub(super) fn unrecorded() -> Self {
        Assessed {
            id: None,
            record: None,
            answer: Awaited::default(),
            list: None,
            tool_result: false,
            assessment: Assessment::Pass,
        }
    }

    /// Of a message that asks for nothing a policy could be asked about.
    pub(super) fn rejected(
        id: Option<Id<'d>>,
        mut record: Record,
        rejection: Rejection,
        detail: &'static str,
    ) -> Self {
        record.reject(rejection, detail);
        Assessed {
            id,
            record: Some(record),
            assessment: Assessment::Refuse(id.map_or(Answer::Silence, |id| {
                Answer::Rejected(id, rejection, detail)
            })),
            ..Assessed::unrecorded()
        }
    }

    /// Turns it into a refusal, which its record tells of.
    pub(super) fn refuse(&mut self, outcome: Outcome, denial: Denial) {
        if let Some(record) = &mut self.record {
            record.refuse(outcome, &denial);
        }
        let refusal = |id| pep::refusal(id, denial, self.tool_result);
        self.assessment = Assessment::Refuse(self.id.map_or(Answer::Silence, refusal));
    }
}

/// What the answer to a request is by the policy's terms.
#[derive(Default)]
pub(super) struct Awaited {
    pub(super) rules: Arc<ResultRules>,
    pub(super) is_tool: bool,
    pub(super) is_result: bool,
}

/// What a policy says of one message.
pub(super) enum Assessment<'d, 'p> {
    /// Nothing a policy speaks of.
    Pass,
    /// As `Pass`; the reply is a list.
    List(List),
    /// Permitted, if its charges can be made.
    Allow {
        charges: Vec<Planned<'p>>,
        shadow: Option<Denial>,
    },
    /// Permitted, if a person agrees.
    Ask(Box<Ask<'p>>),
    /// Refused.
    Refuse(Answer<'d>),
}

/// A call a person has to agree to.
pub(super) struct Ask<'p> {
    /// What it will cost.
    pub(super) charges: Vec<Planned<'p>>,
    /// What would have refused, had it not been in shadow.
    pub(super) shadow: Option<Denial>,
    /// The rule that asks.
    pub(super) approval: &'p Approval,
    /// Groups that may decide.
    pub(super) approvers: &'p [Box<str>],
    /// What tells the call from others.
    pub(super) call: Binding,
    /// What it is for.
    pub(super) kind: Target,
    /// Its name or URI.
    pub(super) target: String,
    /// The arguments, for people.
    pub(super) arguments: String,
    /// What else it carries, for people.
    pub(super) besides: Option<String>,
    /// It answers what the server asked for. A client that retries with another state leaves that out.
    pub(super) answers: bool,
    /// The state of the upstream's own that it carries.
    pub(super) state: Option<String>,
}
