//! What has to be done with the reply to a request, decided when the request is forwarded.

use std::sync::Arc;

use crate::exchange::head::RequestHead;
use crate::exchange::ids::Ids;
use crate::gate::{Gate, Mode};
use crate::json::Value;
use crate::mcp::List;
use crate::policy::{Policy, ResultRules};
use crate::rpc::KeptId;

/// What has to be done with the reply.
#[derive(Debug, Default)]
pub(in crate::exchange) struct ReplyPlan {
    /// Lists the request asked for.
    pub(super) asked: Vec<List>,
    /// The requests it held, each of which is owed an answer.
    pub(super) expected: Vec<Expected>,
    /// Which of them a message answers.
    ids: Ids,
    pub(super) is_batch: bool,
    /// A GET: a stream of the server's own making, which may redeliver anything.
    pub(super) is_get: bool,
    /// Whether lists are read at all.
    pub(super) filtered: bool,
    /// Whether the policy may take entries out of them.
    pub(super) by_policy: bool,
    /// A GET as clients of the HTTP+SSE transport send it: with neither a session nor a version.
    pub(super) may_be_sse_transport: bool,
    /// For what cannot be tied to a request: what any rule looks for in the results of this caller.
    pub(super) untied: Arc<ResultRules>,
    /// Whether there is anything to look for in results, or to tell of them.
    pub(super) inspected: bool,
}

/// A request that is owed an answer, and what is done with that.
#[derive(Clone, Debug)]
pub(in crate::exchange) struct Expected {
    /// The id as it was written.
    pub(in crate::exchange) id: KeptId,
    /// Index of its audit record.
    pub(in crate::exchange) record: usize,
    /// What is looked for in the answer.
    pub(in crate::exchange) rules: Arc<ResultRules>,
    /// The client expects a tool result, so that is what says why one was withheld.
    pub(in crate::exchange) is_tool: bool,
    /// The answer is a result by the policy's terms: its size is limited and counted. Lists and housekeeping are not.
    pub(in crate::exchange) is_result: bool,
}

impl ReplyPlan {
    /// For a POST with these requests that asked for these lists.
    pub(in crate::exchange) fn post(
        gate: &Gate,
        policy: Option<&Policy>,
        asked: Vec<List>,
        expected: Vec<Expected>,
        is_batch: bool,
    ) -> Self {
        let plan = ReplyPlan {
            asked,
            ids: Ids::new(expected.iter().map(|expected| expected.id.id())),
            expected,
            is_batch,
            ..ReplyPlan::of(gate, policy)
        };
        let inspected = match plan.expected.as_slice() {
            // Nothing but the answer, and what goes with it, can come.
            [only] => gate.audit.result_digest || !only.rules.is_empty(),
            _ => plan.inspected,
        };
        ReplyPlan { inspected, ..plan }
    }

    /// For a GET.
    pub(in crate::exchange) fn get(
        gate: &Gate,
        policy: Option<&Policy>,
        head: &RequestHead,
    ) -> Self {
        ReplyPlan {
            is_get: true,
            may_be_sse_transport: head.session.is_none() && head.mirrors.version.is_none(),
            ..ReplyPlan::of(gate, policy)
        }
    }

    /// For a request that has not been read: it may have asked for anything.
    pub(in crate::exchange) fn unknown(gate: &Gate, policy: Option<&Policy>) -> Self {
        ReplyPlan {
            asked: List::ALL.to_vec(),
            ..ReplyPlan::of(gate, policy)
        }
    }

    fn of(gate: &Gate, policy: Option<&Policy>) -> Self {
        let untied = policy.map_or(&gate.results.rules, |policy| &policy.all_results);
        let by_policy = filters_lists(gate, policy);
        ReplyPlan {
            filtered: by_policy || gate.pins.is_some(),
            by_policy,
            inspected: !untied.is_empty(),
            untied: Arc::clone(untied),
            ..ReplyPlan::default()
        }
    }

    /// Whether the reply has to be read whatever it is, so that it must not be encoded.
    pub(in crate::exchange) fn must_read(&self) -> bool {
        self.inspected || (self.filtered && (self.is_get || !self.asked.is_empty()))
    }

    /// Whether nothing in the reply concerns the gate.
    pub(in crate::exchange) fn is_pass(&self) -> bool {
        !self.filtered && !self.is_get && !self.inspected
    }

    /// The number of the request that this message answers.
    pub(super) fn number(&self, message: Value<'_>) -> Option<usize> {
        self.ids.answered(message)
    }

    /// The request that this message answers.
    pub(super) fn answered(&self, message: Value<'_>) -> Option<&Expected> {
        self.expected.get(self.number(message)?)
    }

    /// What is looked for in what answers no request: notifications, requests of the server, comments. With one request
    /// they belong to it; otherwise nobody knows.
    pub(super) fn ambient(&self) -> &Arc<ResultRules> {
        match self.expected.as_slice() {
            [only] => &only.rules,
            _ => &self.untied,
        }
    }
}

/// Whether lists may have to be shortened. A caller without a policy sees empty ones, in shadow too: shadow covers
/// rules, not their absence.
fn filters_lists(gate: &Gate, policy: Option<&Policy>) -> bool {
    let Some(policy) = policy else { return true };
    let catalogs = [&policy.tools, &policy.prompts, &policy.resources];
    gate.mode == Mode::Enforce && catalogs.iter().any(|catalog| catalog.may_unlist())
}
