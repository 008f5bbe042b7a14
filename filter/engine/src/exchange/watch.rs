//! Charged calls whose answers are awaited, so that what did not run is given back.
//!
//! Given back: a JSON-RPC error under the call's own id, an answer whose status says that the server refused it, and a request
//! that provably never left the proxy.
//! Kept: everything that leaves open whether the tool ran, unless the limit says otherwise; and every call that was forwarded and
//! then cancelled or left by its caller, whatever the limit or the server says.

use crate::approvals;
use crate::counters::{Counters, Store};
use crate::identity::Principal;
use crate::json::{Document, Kind, Limits, Value};
use crate::pdp::Charged;
use crate::rpc::{self, Id, KeptId};
use crate::time::Timestamp;

/// The calls of one request that were charged and are not answered yet.
#[derive(Debug, Default)]
pub(super) struct Watch {
    calls: Vec<Watched>,
    /// Some of the body of a reply has come that is no stream of events: whatever becomes of the rest, the server has answered.
    answered: bool,
}

#[derive(Debug)]
struct Watched {
    /// Which request of the body it is.
    request: usize,
    /// Its id, as it was written.
    id: KeptId,
    /// When it was forwarded.
    since: Timestamp,
    charged: Vec<Charged>,
    record: usize,
}

/// In place of the host's response code details where a filter behind the gate answered, or the stream ended, before the host had
/// tried to send anything upstream.
pub const NEVER_TRIED: &str = "never_tried";

/// Envoy's response code details for requests of which nothing went upstream.
const NEVER_LEFT: [&str; 15] = [
    NEVER_TRIED,
    // The host finds a body over its own buffer limit only after the filter has judged it.
    "request_payload_too_large",
    "no_healthy_upstream",
    "cluster_not_found",
    "route_not_found",
    "connection_failure",
    "connection_timeout",
    "{overflow",
    "maintenance_mode",
    "no_cluster_found",
    // Filters between the gate and the router.
    "rbac_access_denied",
    "local_rate_limited",
    "fault_filter_abort",
    "ext_authz_denied",
    "jwt_authn_access_denied",
];

/// Statuses by which a server says that it did not take the request, if no result says otherwise: who asks, where, how, how
/// much and how often.
const REFUSED: [u32; 8] = [401, 403, 404, 405, 406, 413, 415, 429];

impl Watch {
    /// Awaits the answer to the charged call that is this request of the body. `record` is the index of its audit record.
    pub(super) fn expect(
        &mut self,
        (request, id, since): (usize, Id<'_>, Timestamp),
        charged: Vec<Charged>,
        record: usize,
    ) {
        if !charged.is_empty() {
            self.calls.push(Watched {
                request,
                id: id.keep(),
                since,
                charged,
                record,
            });
        }
    }

    /// Bytes of a reply have come that is the server's one answer.
    pub(super) fn answer_begins(&mut self) {
        self.answered = true;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Gives everything back: nothing was forwarded.
    pub(super) fn release(&mut self, counters: &Counters, store: &mut dyn Store) {
        for call in std::mem::take(&mut self.calls) {
            refund(counters, store, (&call, None), |_| true);
        }
    }

    /// Looks at a reply, or one event of it, and gives back what it shows did not run. `answered` tells which request a message
    /// answers. Returns the indexes of the audit records concerned.
    pub(super) fn observe(
        &mut self,
        counters: &Counters,
        store: &mut dyn Store,
        (caller, text): (&Principal, &[u8]),
        answered: impl Fn(Value<'_>) -> Option<usize>,
    ) -> Vec<usize> {
        if self.is_empty() {
            return Vec::new();
        }
        Document::parse(text, &Limits::REPLY)
            .map(|document| self.answers(counters, store, (caller, &document), answered))
            .unwrap_or_default()
    }

    /// As [`Watch::observe`], for a document.
    pub(super) fn answers(
        &mut self,
        counters: &Counters,
        store: &mut dyn Store,
        (caller, document): (&Principal, &Document<'_>),
        answered: impl Fn(Value<'_>) -> Option<usize>,
    ) -> Vec<usize> {
        let mut refunded = Vec::new();
        if self.is_empty() {
            return refunded;
        }
        let (_, messages) = rpc::messages(document);
        for message in messages {
            let Some(request) = answered(message) else {
                continue;
            };
            let waiting = self.calls.iter().position(|call| call.request == request);
            let Some(index) = waiting else { continue };
            let call = self.calls.swap_remove(index);
            let failed = message.get("error").is_some_and(did_not_run);
            let tool_failed = message
                .get("result")
                .and_then(|result| result.get("isError"))
                .and_then(|flag| flag.as_bool());
            let gives_back = |charged: &Charged| {
                failed || (charged.refund_on_tool_error && tool_failed == Some(true))
            };
            if refund(counters, store, (&call, Some(caller)), gives_back) {
                refunded.push(call.record);
            }
        }
        refunded
    }

    /// The exchange is over; `details` are the host's response code details.
    pub(super) fn finish(
        &mut self,
        counters: &Counters,
        store: &mut dyn Store,
        (caller, details): (&Principal, &str),
        status: Option<u32>,
    ) -> Vec<usize> {
        let never_left = NEVER_LEFT.iter().any(|detail| details.contains(detail));
        let calls = std::mem::take(&mut self.calls);
        // A reply with a result the gate could not tie to the call is no doubt about whether it ran.
        let answered = (self.answered || details.starts_with("via_upstream"))
            && status.is_some_and(|status| status < 500 && status != 202);
        let refused = answered && status.is_some_and(|status| REFUSED.contains(&status));
        let unknown = !answered && !caller_left(details);
        let gives_back =
            |charged: &Charged| never_left || refused || (charged.refund_on_unknown && unknown);
        let caller = (!never_left).then_some(caller);
        calls
            .iter()
            .filter(|call| refund(counters, store, (call, caller), gives_back))
            .map(|call| call.record)
            .collect()
    }
}

/// Whether an error says that the call was refused. One that says it was cancelled does not: the client may cancel what
/// has already run, and must not be given it back for that.
fn did_not_run(error: Value<'_>) -> bool {
    const CANCELLED: &str = "-32800";
    let is = |key: &str, text: &str| error.get(key).is_some_and(|value| value.raw() == text);
    let says_cancelled = error
        .get("message")
        .and_then(|message| message.as_str())
        .is_some_and(|message| message.to_ascii_lowercase().contains("cancel"));
    error.kind() == Kind::Object && !is("code", CANCELLED) && !(is("code", "0") && says_cancelled)
}

/// Whether the host's response code details say that the caller ended the stream: of the upstream's end they speak otherwise.
fn caller_left(details: &str) -> bool {
    let ends = ["downstream", "http1.", "http2.", "http3."];
    ends.iter().any(|end| details.starts_with(end))
}

/// Gives back what `gives_back` says; nothing of a call that was forwarded, where `caller` is given, if that gave it up.
fn refund(
    counters: &Counters,
    store: &mut dyn Store,
    (call, caller): (&Watched, Option<&Principal>),
    gives_back: impl Fn(&Charged) -> bool,
) -> bool {
    if !call.charged.iter().any(&gives_back) {
        return false;
    }
    if let Some(caller) = caller {
        let id = call.id.id().token();
        // What nobody can tell was cancelled as far as its charge goes.
        if approvals::may_be_given_up(store, caller, id, call.since).unwrap_or(true) {
            return false;
        }
    }
    let mut any = false;
    for charged in call.charged.iter().filter(|charged| gives_back(charged)) {
        any |= counters.table.refund(store, &charged.receipt);
    }
    any
}
