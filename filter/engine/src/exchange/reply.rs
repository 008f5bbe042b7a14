//! The reply to a forwarded request: passed, filtered or withheld.

use super::head::{RequestHead, header};
use super::{Context, Exchange, Forwarded, Headers, State, record};
use crate::audit::Record;
use crate::config::{Gate, Mode};
use crate::identity::{Caller, Principal};
use crate::json::{Document, Limits};
use crate::mcp::List;
use crate::ndjson::Splitter;
use crate::pdp::{self, Denial};
use crate::pep::{self, ListFilter, Unjudgeable};
use crate::policy::Policy;
use crate::rpc::{self, Id};
use crate::sse::{Event, Rewriter, Ruling};

/// What has to be done with the reply. Decided when the request is forwarded.
#[derive(Debug, Default)]
pub(super) struct ReplyPlan {
    /// Lists the request asked for.
    asked: Vec<List>,
    /// Ids of the requests it held, to answer under what is withheld.
    ids: Vec<String>,
    is_batch: bool,
    /// A GET: a stream of the server's own making, which may redeliver anything.
    is_get: bool,
    /// Whether lists are filtered at all.
    filtered: bool,
    /// A GET as clients of the HTTP+SSE transport send it: with neither a session nor a version.
    may_be_sse_transport: bool,
}

impl ReplyPlan {
    /// For a POST with these ids that asked for these lists.
    pub(super) fn post(
        gate: &Gate,
        policy: Option<&Policy>,
        asked: Vec<List>,
        ids: Vec<String>,
        is_batch: bool,
    ) -> Self {
        ReplyPlan {
            asked,
            ids,
            is_batch,
            filtered: filters_lists(gate, policy),
            ..ReplyPlan::default()
        }
    }

    /// For a GET.
    pub(super) fn get(gate: &Gate, policy: Option<&Policy>, head: &RequestHead) -> Self {
        ReplyPlan {
            is_get: true,
            filtered: filters_lists(gate, policy),
            may_be_sse_transport: head.session.is_none() && head.mirrors.version.is_none(),
            ..ReplyPlan::default()
        }
    }

    /// Whether the reply has to be read whatever it is, so that it must not be encoded.
    pub(super) fn must_read(&self) -> bool {
        self.filtered && (self.is_get || !self.asked.is_empty())
    }

    /// Whether nothing in the reply concerns the gate.
    pub(super) fn is_pass(&self) -> bool {
        !self.filtered && !self.is_get
    }
}

/// Whether lists may have to be shortened. A caller without a policy sees empty ones, in shadow too: shadow covers
/// rules, not their absence.
fn filters_lists(gate: &Gate, policy: Option<&Policy>) -> bool {
    let Some(policy) = policy else { return true };
    let catalogs = [&policy.tools, &policy.prompts, &policy.resources];
    gate.mode == Mode::Enforce && catalogs.iter().any(|catalog| catalog.may_unlist())
}

/// What to do with the body of a reply.
#[derive(Debug, PartialEq, Eq)]
pub enum ReplyStep {
    /// Pass headers and body, do not call again.
    Pass,
    /// Hold headers and body; call [`Exchange::reply_end`] with the whole body.
    Hold,
    /// Hold headers and body until [`Exchange::reply_begins`] has seen enough of it. Where headers cannot be held,
    /// this is [`ReplyStep::Rewrite`].
    HoldStart,
    /// Pass the headers without [`STALE`] ones; every chunk goes through [`Exchange::reply_chunk`].
    Rewrite,
    /// Pass headers and body, but show every chunk to [`Exchange::reply_chunk`].
    Observe,
    /// Answer this instead, with these changes to the headers.
    Replace(ReplyEdit),
}

/// What to do with the beginning of a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Start {
    /// More of it is needed.
    Wait,
    /// Pass the headers without [`STALE`] ones, and this; from here on it is [`ReplyStep::Rewrite`].
    Pass(Vec<u8>),
    /// Answer this instead.
    Refuse(ReplyEdit),
}

/// A body in place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyEdit {
    /// The body.
    pub body: Vec<u8>,
    /// Its status, where it is a reply of the gate's own: then it is `application/json`, and not encoded.
    pub status: Option<u32>,
}

impl From<String> for ReplyEdit {
    fn from(body: String) -> Self {
        ReplyEdit {
            body: body.into_bytes(),
            status: Some(200),
        }
    }
}

/// Headers that describe a body which has been changed.
pub const STALE: [&str; 6] = [
    "content-length",
    "etag",
    "digest",
    "content-digest",
    "repr-digest",
    "content-md5",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Events,
    Other,
}

/// What is being done with the reply.
#[derive(Debug)]
pub(super) enum Reading {
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

impl Exchange {
    /// The reply's headers. `end` tells that there is no body; `details` are the host's response code details
    /// where a charged call awaits its answer, else empty.
    pub fn reply_headers(
        &mut self,
        cx: &mut Context<'_>,
        status: u32,
        headers: &Headers,
        end: bool,
        details: &str,
    ) -> ReplyStep {
        for record in &mut self.records {
            record.status = Some(status);
        }
        let State::Forwarded(forwarded) = &mut self.state else {
            return ReplyStep::Pass;
        };
        if !details.is_empty() && !details.starts_with("via_upstream") {
            let refunded =
                forwarded
                    .watch
                    .finish(&cx.gate.counters, cx.store, details, Some(status));
            mark_refunded(&mut self.records, &refunded);
        }
        let session = header(headers, "mcp-session-id").filter(|_| forwarded.learns_session);
        if let Some(session) = session.and_then(|session| std::str::from_utf8(session).ok()) {
            let table = &cx.gate.counters.table;
            pdp::remember_session(table, cx.store, cx.now, &forwarded.principal, session);
        }
        if end {
            return ReplyStep::Pass;
        }
        let encoding = header(headers, "content-encoding");
        let encoded = encoding.is_some_and(|value| !value.eq_ignore_ascii_case(b"identity"));
        let limit = cx.gate.results.max_json_bytes;
        let plan = &forwarded.plan;
        let watched = !forwarded.watch.is_empty();
        let asked = plan.filtered && !plan.asked.is_empty();
        let (reading, step) = match media(headers) {
            media if encoded => {
                let unreadable = asked || (plan.must_read() && media == Media::Events);
                let step = if unreadable {
                    let denial = Denial::new(
                        "/results/encoding",
                        "The list was withheld: its encoding cannot be inspected.",
                    );
                    ReplyStep::Replace(withhold(&mut self.records, plan, &denial, cx.gate).into())
                } else {
                    ReplyStep::Pass
                };
                (Reading::Over, step)
            }
            Media::Events if plan.may_be_sse_transport => {
                (Reading::Events(Rewriter::new(limit)), ReplyStep::HoldStart)
            }
            Media::Events if !plan.is_pass() => {
                (Reading::Events(Rewriter::new(limit)), ReplyStep::Rewrite)
            }
            Media::Events if watched => (Reading::Events(Rewriter::new(limit)), ReplyStep::Observe),
            media if asked => {
                let success = (200..300).contains(&status);
                (
                    Reading::Whole {
                        is_json: media == Media::Json,
                        success,
                    },
                    ReplyStep::Hold,
                )
            }
            // Whatever was asked for, a client may take any response for the list it waits for. With a length
            // the reply is held whole; without one it may be a stream that never ends.
            Media::Json if plan.filtered && header(headers, "content-length").is_some() => (
                Reading::Whole {
                    is_json: true,
                    success: true,
                },
                ReplyStep::Hold,
            ),
            Media::Json if plan.filtered => {
                (Reading::Values(Splitter::new(limit)), ReplyStep::Rewrite)
            }
            Media::Json if watched => (Reading::Copy(Vec::new()), ReplyStep::Observe),
            _ => (Reading::Over, ReplyStep::Pass),
        };
        forwarded.reading = reading;
        step
    }

    /// How much of a held body has arrived, in bytes: what to answer instead if it is too much already.
    pub fn reply_size(&mut self, cx: &mut Context<'_>, size: usize) -> Option<ReplyEdit> {
        let State::Forwarded(forwarded) = &mut self.state else {
            return None;
        };
        if size <= cx.gate.results.max_json_bytes {
            return None;
        }
        forwarded.reading = Reading::Over;
        let denial = Denial::new(
            "/results/size",
            "The list was withheld: it is too large to be inspected.",
        );
        Some(withhold(&mut self.records, &forwarded.plan, &denial, cx.gate).into())
    }

    /// The whole body of a held reply: what to answer in its place, if anything.
    pub fn reply_end(&mut self, cx: &mut Context<'_>, body: &[u8]) -> Option<ReplyEdit> {
        if let Some(edit) = self.reply_size(cx, body.len()) {
            return Some(edit);
        }
        let State::Forwarded(forwarded) = &mut self.state else {
            return None;
        };
        let Reading::Whole { is_json, success } =
            std::mem::replace(&mut forwarded.reading, Reading::Over)
        else {
            return None;
        };
        let refunded = forwarded.watch.observe(&cx.gate.counters, cx.store, body);
        mark_refunded(&mut self.records, &refunded);
        if body.trim_ascii().is_empty() {
            return None;
        }
        match forwarded.filter(cx.gate).apply(body) {
            Ok(None) => None,
            Ok(Some(text)) => Some(ReplyEdit {
                body: text.into_bytes(),
                status: None,
            }),
            // An error page is no list, unless it tries to be.
            Err(Unjudgeable) if !success && !is_json && !resembles_a_message(body) => None,
            Err(Unjudgeable) if forwarded.plan.asked.is_empty() && holds_no_list(body) => None,
            Err(Unjudgeable) => {
                let denial = unreadable();
                Some(withhold(&mut self.records, &forwarded.plan, &denial, cx.gate).into())
            }
        }
    }

    /// The beginning of a stream that may be the HTTP+SSE transport of 2024-11-05, as far as it has arrived. Its first
    /// event tells; a client of that transport understands nothing but a status.
    pub fn reply_begins(&mut self, cx: &mut Context<'_>, start: &[u8], end: bool) -> Start {
        /// No first event is longer: it is a URL.
        const ENOUGH: usize = 65_536;
        let mut is_endpoint = None;
        Rewriter::new(ENOUGH).push(start, &mut |event| {
            is_endpoint.get_or_insert(event.is_some_and(|event| event.name() == "endpoint"));
            Ruling::Drop
        });
        match is_endpoint {
            None if !end && start.len() < ENOUGH => Start::Wait,
            Some(true) => {
                let denial = sse_transport();
                self.records.push(self.sse_transport_record(cx));
                self.state = State::Done;
                let body = pep::withheld(Id::NULL, &denial, &cx.gate.http.denial_prefix);
                Start::Refuse(ReplyEdit {
                    body: body.into_bytes(),
                    status: Some(400),
                })
            }
            _ => Start::Pass(self.reply_chunk(cx, start, end)),
        }
    }

    fn sse_transport_record(&self, cx: &Context<'_>) -> Record {
        let principal = match &self.state {
            State::Forwarded(forwarded) => forwarded.principal.clone(),
            _ => Principal::anonymous(),
        };
        refused_transport(cx, principal, &self.id)
    }

    /// The next bytes of a reply that streams; `end` tells that they are the last. Returns what to pass on.
    pub fn reply_chunk(&mut self, cx: &mut Context<'_>, chunk: &[u8], end: bool) -> Vec<u8> {
        let State::Forwarded(forwarded) = &mut self.state else {
            return chunk.to_vec();
        };
        let mut reading = std::mem::replace(&mut forwarded.reading, Reading::Over);
        let out = match &mut reading {
            Reading::Events(rewriter) => {
                let mut judge = |event: Option<Event<'_>>| {
                    forwarded.judge(cx, &self.id, &mut self.records, event)
                };
                let mut out = rewriter.push(chunk, &mut judge);
                if end {
                    out.extend(rewriter.finish(&mut judge));
                }
                out
            }
            Reading::Values(splitter) => {
                let mut judge =
                    |value: Option<&[u8]>| forwarded.judge_value(cx, &mut self.records, value);
                let mut out = splitter.push(chunk, &mut judge);
                if end {
                    out.extend(splitter.finish(&mut judge));
                }
                out
            }
            Reading::Copy(copy) => {
                if copy.len().saturating_add(chunk.len()) > cx.gate.results.max_json_bytes {
                    // Too large to be an error: stop looking.
                    reading = Reading::Over;
                } else {
                    copy.extend_from_slice(chunk);
                    if end {
                        let refunded = forwarded.watch.observe(&cx.gate.counters, cx.store, copy);
                        mark_refunded(&mut self.records, &refunded);
                    }
                }
                chunk.to_vec()
            }
            _ => chunk.to_vec(),
        };
        forwarded.reading = reading;
        out
    }

    /// Whether nothing more of the reply passes, so that the host may close it.
    pub fn reply_is_cut(&self) -> bool {
        let State::Forwarded(forwarded) = &self.state else {
            return false;
        };
        matches!(&forwarded.reading, Reading::Events(rewriter) if rewriter.has_ended())
    }

    /// Whether a charged call has not been answered, so that the host's response code details matter.
    pub fn awaits_answer(&self) -> bool {
        matches!(&self.state, State::Forwarded(forwarded) if !forwarded.watch.is_empty())
    }

    /// The exchange is over. `details` are the host's response code details.
    pub fn finish(&mut self, cx: &mut Context<'_>, details: &str) {
        let status = self.records.first().and_then(|record| record.status);
        if let State::Forwarded(forwarded) = &mut self.state {
            let refunded = forwarded
                .watch
                .finish(&cx.gate.counters, cx.store, details, status);
            mark_refunded(&mut self.records, &refunded);
        }
        self.state = State::Done;
    }
}

impl Forwarded {
    fn filter<'a>(&'a self, gate: &'a Gate) -> ListFilter<'a> {
        ListFilter {
            policy: self.principal.policy(gate),
            principal: &self.principal,
            asked: &self.plan.asked,
        }
    }

    /// Rules on one event of a stream.
    fn judge(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        records: &mut Vec<Record>,
        event: Option<Event<'_>>,
    ) -> Ruling {
        let data = event.as_ref().map(|event| event.data());
        if let Some(data) = &data {
            let refunded = self
                .watch
                .observe(&cx.gate.counters, cx.store, data.as_bytes());
            mark_refunded(records, &refunded);
        }
        let plan = &self.plan;
        if plan.is_get
            && event
                .as_ref()
                .is_some_and(|event| event.name() == "endpoint")
        {
            let denial = sse_transport();
            records.push(refused_transport(cx, self.principal.clone(), id));
            return Ruling::End(pep::withheld(
                Id::NULL,
                &denial,
                &cx.gate.http.denial_prefix,
            ));
        }
        if !plan.filtered {
            return Ruling::Pass;
        }
        let text = match (&event, &data) {
            (Some(event), _) if event.is_ambiguous() => Err(event.bytes()),
            (Some(_), Some(data)) if data.is_empty() => return Ruling::Pass,
            (Some(_), Some(data)) => Ok(data.as_bytes()),
            _ => return self.withheld(cx, records),
        };
        match text {
            // JSON has no line ends inside strings: those between tokens may be spaces.
            Ok(text) => match self.filtered(cx, records, text) {
                Ruling::Replace(text) => Ruling::Replace(text.replace(['\r', '\n'], " ")),
                ruling => ruling,
            },
            Err(bytes) if self.plan.asked.is_empty() && holds_no_list(bytes) => Ruling::Pass,
            Err(_) => self.withheld(cx, records),
        }
    }

    /// Rules on one value of a JSON stream.
    fn judge_value(
        &mut self,
        cx: &mut Context<'_>,
        records: &mut [Record],
        value: Option<&[u8]>,
    ) -> Ruling {
        let Some(value) = value else {
            return self.withheld(cx, records);
        };
        let refunded = self.watch.observe(&cx.gate.counters, cx.store, value);
        mark_refunded(records, &refunded);
        self.filtered(cx, records, value)
    }

    /// Rules on a message that may hold a list. Where none was asked for, only what might be one has to be
    /// readable.
    fn filtered(&self, cx: &Context<'_>, records: &mut [Record], text: &[u8]) -> Ruling {
        match self.filter(cx.gate).apply(text) {
            Ok(None) => Ruling::Pass,
            Ok(Some(text)) => Ruling::Replace(text),
            Err(Unjudgeable) if self.plan.asked.is_empty() && holds_no_list(text) => Ruling::Pass,
            Err(Unjudgeable) => self.withheld(cx, records),
        }
    }

    fn withheld(&self, cx: &Context<'_>, records: &mut [Record]) -> Ruling {
        let body = withhold(records, &self.plan, &unreadable(), cx.gate);
        // On a GET nothing is owed that it could be the answer to.
        if self.plan.ids.is_empty() {
            Ruling::Drop
        } else {
            Ruling::Withhold(body)
        }
    }
}

fn sse_transport() -> Denial {
    let reason = "The HTTP+SSE transport of 2024-11-05 is not supported here; use Streamable HTTP.";
    Denial::new("/protocol/sse-transport", reason)
}

fn refused_transport(cx: &Context<'_>, principal: Principal, id: &str) -> Record {
    let caller = Caller {
        principal,
        server: None,
        removals: Vec::new(),
    };
    let mut record = record::of(cx, None, Some(&caller), id);
    let denial = sse_transport();
    record.reject_by(denial.rule.to_string(), &denial.reason);
    record
}

fn unreadable() -> Denial {
    Denial::new(
        "/results/unreadable",
        "A reply was withheld: it cannot be read safely.",
    )
}

/// Whether nothing in a text can be a list of MCP's, under any spelling of the list's key.
fn holds_no_list(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let plain = text.is_ascii() && !text.contains("\\u");
    let text = text.to_ascii_lowercase();
    plain
        && !List::ALL
            .iter()
            .any(|list| text.contains(&list.key().to_ascii_lowercase()))
}

/// The body that takes the place of a reply, and a note in the records.
fn withhold(records: &mut [Record], plan: &ReplyPlan, denial: &Denial, gate: &Gate) -> String {
    for record in records {
        record.withheld = Some(denial.rule.to_string());
    }
    let error = |id: &String| {
        let document = Document::parse(id.as_bytes(), &Limits::WIRE);
        let id = document
            .as_ref()
            .ok()
            .and_then(|document| rpc::read_id(document.root()));
        pep::withheld(id.unwrap_or(Id::NULL), denial, &gate.http.denial_prefix)
    };
    match plan.ids.as_slice() {
        ids if plan.is_batch => {
            format!("[{}]", ids.iter().map(error).collect::<Vec<_>>().join(","))
        }
        [id, ..] => error(id),
        [] => pep::withheld(Id::NULL, denial, &gate.http.denial_prefix),
    }
}

fn mark_refunded(records: &mut [Record], indexes: &[usize]) {
    for index in indexes {
        if let Some(record) = records.get_mut(*index) {
            record.refunded = true;
        }
    }
}

fn media(headers: &Headers) -> Media {
    let content_type = header(headers, "content-type").unwrap_or_default();
    let media_type = content_type
        .split(|&byte| byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    if media_type.eq_ignore_ascii_case(b"text/event-stream") {
        Media::Events
    } else if media_type.eq_ignore_ascii_case(b"application/json") {
        Media::Json
    } else {
        Media::Other
    }
}

/// Whether an unreadable error page might be read as a message by some client.
fn resembles_a_message(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
    matches!(text.first(), Some(b'{' | b'['))
        || body
            .windows(5)
            .any(|window| window.eq_ignore_ascii_case(b"data:"))
}
