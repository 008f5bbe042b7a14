//! The reply to a forwarded request: passed, filtered, redacted or withheld.
//!
//! [`plan`] says, when the request is forwarded, what has to be done with the reply. Its headers decide how it is
//! read: whole, event by event, value by value, or not at all. [`judge`] rules on what was read and [`inspect`] on each message in it;
//! nothing that cannot be judged passes, and [`withheld`] says what comes in its place.

mod forwarded;
mod inspect;
mod judge;
mod lists;
mod plan;
mod skills;
mod transport;
mod withheld;

use super::context::Context;
use super::record::mark_refunded;
use super::{Exchange, State};
use crate::audit::Record;
use crate::headers::{Headers, header, is_in_foreign_letters};
use crate::identity::Principal;
use crate::ndjson::Splitter;
use crate::pdp;
use crate::pep;
pub use crate::redact::{SURE_ROOM, has_room};
use crate::refusal::{Denial, Own};
use crate::rpc::Id;
use crate::sse::{Edit, Event, Rewriter};
pub(super) use forwarded::{Forwarded, Reading, Work};
pub(super) use plan::{Expected, ReplyPlan};
use transport::{refused_transport, sse_transport};
pub(super) use withheld::crowded;
use withheld::{no_room, said};

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
            let Forwarded {
                watch, principal, ..
            } = forwarded;
            let end = (&*principal, details);
            let refunded = watch.finish(&cx.gate.counters, cx.store, end, Some(status));
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
        let encoded = encoding.is_some_and(|value| !value.eq_ignore_ascii_case(b"identity"))
            || header(headers, "content-type").is_some_and(is_in_foreign_letters);
        let has_length = header(headers, "content-length").is_some();
        let limit = cx.gate.results.max_json_bytes;
        let plan = &forwarded.plan;
        let watched = !forwarded.watch.is_empty();
        let asked = plan.filtered && !plan.asked.is_empty();
        let whole = |is_json, success| (Reading::Whole { is_json, success }, ReplyStep::Hold);
        let events = || Reading::Events(Rewriter::new(limit));
        let (reading, step) = match media(headers) {
            media if encoded => {
                let read = asked || plan.inspected;
                let unreadable = read || (plan.must_read() && media == Media::Events);
                let step = if unreadable {
                    let denial = Denial::own(Own::ResultsEncoding, said(asked, ENCODED));
                    let body = withheld::withhold(&mut self.records, plan, &denial, cx.gate);
                    ReplyStep::Replace(body.into())
                } else {
                    ReplyStep::Pass
                };
                (Reading::Over, step)
            }
            Media::Events if plan.may_be_sse_transport => (events(), ReplyStep::HoldStart),
            Media::Events if !plan.is_pass() => (events(), ReplyStep::Rewrite),
            Media::Events if watched => (events(), ReplyStep::Observe),
            media if asked => whole(media == Media::Json, (200..300).contains(&status)),
            // Whatever was asked for, a client may take any response for the list it waits for. With a length
            // the reply is held whole; without one it may be a stream that never ends.
            Media::Json if (plan.filtered || plan.inspected) && has_length => whole(true, true),
            Media::Json if plan.filtered || plan.inspected => {
                (Reading::Values(Splitter::new(limit)), ReplyStep::Rewrite)
            }
            // Clients read what they get, whatever it is called.
            Media::Other if plan.inspected => whole(false, (200..300).contains(&status)),
            Media::Json if watched => (Reading::Copy(Vec::new()), ReplyStep::Observe),
            _ => (Reading::Over, ReplyStep::Pass),
        };
        forwarded.reading = reading;
        step
    }

    /// How much of a held body has arrived, in bytes: what to answer instead if it is too much already. It
    /// [has room](has_room).
    pub fn reply_size(&mut self, cx: &mut Context<'_>, size: usize) -> Option<ReplyEdit> {
        let State::Forwarded(forwarded) = &mut self.state else {
            return None;
        };
        if size > 0 {
            forwarded.watch.answer_begins();
        }
        if size <= cx.gate.results.max_json_bytes {
            return None;
        }
        self.withhold_whole(cx, size, &|is_list| {
            Denial::own(Own::ResultsSize, said(is_list, TOO_LARGE))
        })
    }

    /// What to answer in place of a held body of which the proxy has so many bytes; the reason may be that of a list. Nothing
    /// more of it is read.
    pub(super) fn withhold_whole(
        &mut self,
        cx: &mut Context<'_>,
        size: usize,
        why: &dyn Fn(bool) -> Denial,
    ) -> Option<ReplyEdit> {
        let State::Forwarded(forwarded) = &mut self.state else {
            return None;
        };
        forwarded.reading = Reading::Over;
        let plan = &forwarded.plan;
        let denial = why(!plan.asked.is_empty());
        let body = withheld::withhold(&mut self.records, plan, &denial, cx.gate);
        Some(self.fitted(cx, size, body.into()))
    }

    /// The whole body of a held reply: what to answer in its place, if anything. It [has room](has_room).
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
        if body.trim_ascii().is_empty() {
            return None;
        }
        let edit: ReplyEdit =
            match forwarded.judge_body(cx, &self.id, &mut self.records, body, is_json, success) {
                Edit::Pass => return None,
                Edit::Replace(text) | Edit::Rewrite(text) => ReplyEdit {
                    body: text.into_bytes(),
                    status: None,
                },
                Edit::Withhold(text) | Edit::End(text) => text.into(),
                Edit::Drop => String::new().into(),
            };
        Some(self.fitted(cx, body.len(), edit))
    }

    /// The edit of a body of which the proxy holds so many bytes, or what says that there is no room for it.
    fn fitted(&mut self, cx: &Context<'_>, held: usize, edit: ReplyEdit) -> ReplyEdit {
        if has_room(held, edit.body.len()) {
            return edit;
        }
        if let (State::Forwarded(forwarded), None) = (&self.state, edit.status) {
            let plan = &forwarded.plan;
            let denial = no_room(!plan.asked.is_empty());
            withheld::note_no_room(&mut self.records, &denial);
            let body = withheld::instead(plan, &denial, cx.gate);
            if has_room(held, body.len()) {
                return body.into();
            }
        }
        // Many long ids, or a long text of the operator's: who waits is told at least that nothing comes.
        withheld::briefly(&no_room(false)).into()
    }

    /// The beginning of a stream that may be the HTTP+SSE transport of 2024-11-05, as far as it has arrived. Its first
    /// event tells; a client of that transport understands nothing but a status.
    pub fn reply_begins(&mut self, cx: &mut Context<'_>, start: &[u8], end: bool) -> Start {
        /// No first event is longer: it is a URL.
        const ENOUGH: usize = 65_536;
        let mut is_endpoint = None;
        Rewriter::new(ENOUGH).push(start, &mut |event| {
            is_endpoint.get_or_insert(event.is_some_and(|event| event.name() == "endpoint"));
            Edit::Drop
        });
        match is_endpoint {
            None if !end && start.len() < ENOUGH => Start::Wait,
            Some(true) => {
                let denial = sse_transport();
                self.records.push(self.sse_transport_record(cx));
                self.state = State::Done;
                let body = pep::withheld(Id::NULL, false, &denial, &cx.gate.http.denial_prefix);
                let body = match has_room(start.len(), body.len()) {
                    true => body,
                    false => withheld::briefly(&denial),
                };
                Start::Refuse(ReplyEdit {
                    body: body.into_bytes(),
                    status: Some(400),
                })
            }
            _ => Start::Pass(self.fitting_start(cx, start, end)),
        }
    }

    /// What passes of the beginning of a stream. Nobody waits for any event in it, so those are dropped for which there is
    /// no room.
    fn fitting_start(&mut self, cx: &mut Context<'_>, start: &[u8], end: bool) -> Vec<u8> {
        let out = self.reply_chunk(cx, start, end);
        if has_room(start.len(), out.len()) {
            return out;
        }
        withheld::note_no_room(&mut self.records, &no_room(false));
        Vec::new()
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
                    forwarded.judge_event(cx, &self.id, &mut self.records, event)
                };
                let mut out = rewriter.push(chunk, &mut judge);
                if end {
                    out.extend(rewriter.finish(&mut judge));
                }
                out
            }
            Reading::Values(splitter) => {
                if !chunk.trim_ascii().is_empty() {
                    forwarded.watch.answer_begins();
                }
                let mut judge = |value: Option<&[u8]>| {
                    forwarded.judge_value(cx, &self.id, &mut self.records, value)
                };
                let mut out = splitter.push(chunk, &mut judge);
                if end {
                    out.extend(splitter.finish(&mut judge));
                }
                out
            }
            Reading::Copy(copy) => {
                if !chunk.is_empty() {
                    forwarded.watch.answer_begins();
                }
                if copy.len().saturating_add(chunk.len()) > cx.gate.results.max_json_bytes {
                    // Too large to be an error: stop looking.
                    reading = Reading::Over;
                } else {
                    copy.extend_from_slice(chunk);
                    if end {
                        let refunded = forwarded.observe(cx, copy);
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
            // A reply that was cut short after its last byte is an answer, whichever it is.
            if let Reading::Copy(copy) = std::mem::replace(&mut forwarded.reading, Reading::Over) {
                let refunded = forwarded.observe(cx, &copy);
                mark_refunded(&mut self.records, &refunded);
            }
            let Forwarded {
                watch, principal, ..
            } = forwarded;
            let end = (&*principal, details);
            let refunded = watch.finish(&cx.gate.counters, cx.store, end, status);
            mark_refunded(&mut self.records, &refunded);
        }
        self.state = State::Done;
    }
}

const ENCODED: &str = "was withheld: its encoding cannot be inspected.";
const TOO_LARGE: &str = "was withheld: it is too large to be inspected.";

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
