//! The reply to a forwarded request: passed, filtered or withheld.

use super::head::one;
use super::{Context, Exchange, Forwarded, Headers, State};
use crate::audit;
use crate::config::{Gate, Mode};
use crate::mcp::List;
use crate::pdp::Denial;
use crate::pep::{self, ListFilter, Unjudgeable};
use crate::rpc::Id;
use crate::sse::{Event, Rewriter, Ruling};

/// What has to be done with the reply. Decided when the request is forwarded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReplyPlan {
    /// Nothing.
    Pass,
    /// The request asked for these lists; `ids` are the ids of all its messages.
    Lists {
        asked: Vec<List>,
        ids: Vec<String>,
        is_batch: bool,
    },
    /// A stream of the server's own making, which may redeliver anything.
    Stream { filtered: bool },
}

impl ReplyPlan {
    /// For a request that asked for `asked`.
    pub(super) fn lists(gate: &Gate, asked: Vec<List>, ids: Vec<String>, is_batch: bool) -> Self {
        if asked.is_empty() || !filters_lists(gate) {
            return ReplyPlan::Pass;
        }
        ReplyPlan::Lists {
            asked,
            ids,
            is_batch,
        }
    }

    /// For a GET.
    pub(super) fn stream(gate: &Gate) -> Self {
        ReplyPlan::Stream {
            filtered: filters_lists(gate),
        }
    }

    /// Whether the reply may be changed.
    pub(super) fn filters(&self) -> bool {
        matches!(
            self,
            ReplyPlan::Lists { .. } | ReplyPlan::Stream { filtered: true }
        )
    }
}

fn filters_lists(gate: &Gate) -> bool {
    let policy = &gate.policy;
    gate.mode == Mode::Enforce
        && [&policy.tools, &policy.prompts, &policy.resources]
            .iter()
            .any(|catalog| catalog.may_unlist())
}

/// What to do with the body of a reply.
#[derive(Debug, PartialEq, Eq)]
pub enum ReplyStep {
    /// Pass headers and body, do not call again.
    Pass,
    /// Hold headers and body; call [`Exchange::reply_end`] with the whole body.
    Hold,
    /// Pass the headers without [`STALE`] ones; every chunk goes through [`Exchange::reply_chunk`].
    Rewrite,
    /// Pass headers and body, but show every chunk to [`Exchange::reply_chunk`].
    Observe,
    /// Answer this instead, with these changes to the headers.
    Replace(ReplyEdit),
}

/// A body in place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyEdit {
    /// The body.
    pub body: Vec<u8>,
    /// Whether it is not of the content type of the old one but `application/json`, and not encoded.
    pub json: bool,
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
    /// The whole body is awaited. `media_is_json` and `success` tell how to judge it.
    Whole { media_is_json: bool, success: bool },
    /// Events are rewritten as they come.
    Events(Rewriter),
    /// The body passes; a copy is kept to look for an answer.
    Copy(Vec<u8>),
    /// Nothing more is looked at.
    Over,
}

impl Exchange {
    /// The reply's headers. `end` tells that there is no body; `details` are the host's response code details
    /// where it made the reply itself.
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
            let refunded = forwarded.watch.finish(&cx.gate.counters, cx.store, details);
            mark_refunded(&mut self.records, &refunded);
        }
        if end {
            return ReplyStep::Pass;
        }
        let media = media(headers);
        let encoded = one(headers, "content-encoding")
            .is_some_and(|value| !value.eq_ignore_ascii_case(b"identity"));
        let success = (200..300).contains(&status);
        let limit = cx.gate.results.max_json_bytes;
        let (reading, step) = match (&forwarded.plan, media) {
            (ReplyPlan::Lists { .. }, _)
            | (ReplyPlan::Stream { filtered: true }, Media::Events)
                if encoded =>
            {
                let denial = Denial::new(
                    "/results/encoding",
                    "The list was withheld: its encoding cannot be inspected.",
                );
                let edit = withhold(&mut self.records, &forwarded.plan, &denial, cx.gate);
                forwarded.reading = Reading::Over;
                return ReplyStep::Replace(edit);
            }
            (ReplyPlan::Lists { .. } | ReplyPlan::Stream { .. }, Media::Events) => {
                (Reading::Events(Rewriter::new(limit)), ReplyStep::Rewrite)
            }
            (ReplyPlan::Lists { .. }, media) => (
                Reading::Whole {
                    media_is_json: media == Media::Json,
                    success,
                },
                ReplyStep::Hold,
            ),
            (_, Media::Json) if !forwarded.watch.is_empty() && !encoded => {
                (Reading::Copy(Vec::new()), ReplyStep::Observe)
            }
            (_, Media::Events) if !forwarded.watch.is_empty() && !encoded => {
                (Reading::Events(Rewriter::new(limit)), ReplyStep::Observe)
            }
            _ => (Reading::Over, ReplyStep::Pass),
        };
        forwarded.reading = reading;
        step
    }

    /// How much of a held body has arrived, in bytes: whether it is too much already.
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
        Some(withhold(
            &mut self.records,
            &forwarded.plan,
            &denial,
            cx.gate,
        ))
    }

    /// The whole body of a held reply: what to answer in its place, if anything.
    pub fn reply_end(&mut self, cx: &mut Context<'_>, body: &[u8]) -> Option<ReplyEdit> {
        if let Some(edit) = self.reply_size(cx, body.len()) {
            return Some(edit);
        }
        let State::Forwarded(forwarded) = &mut self.state else {
            return None;
        };
        let Reading::Whole {
            media_is_json,
            success,
        } = std::mem::replace(&mut forwarded.reading, Reading::Over)
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
                json: false,
            }),
            // An error page is no list, unless it tries to be.
            Err(Unjudgeable) if !success && !media_is_json && !resembles_a_message(body) => None,
            Err(Unjudgeable) => {
                let denial = Denial::new(
                    "/results/unreadable",
                    "The list was withheld: it cannot be read safely.",
                );
                Some(withhold(
                    &mut self.records,
                    &forwarded.plan,
                    &denial,
                    cx.gate,
                ))
            }
        }
    }

    /// The next bytes of a reply that streams; `end` tells that they are the last. Returns what to pass on.
    pub fn reply_chunk(&mut self, cx: &mut Context<'_>, chunk: &[u8], end: bool) -> Vec<u8> {
        let State::Forwarded(forwarded) = &mut self.state else {
            return chunk.to_vec();
        };
        let mut reading = std::mem::replace(&mut forwarded.reading, Reading::Over);
        let out = match &mut reading {
            Reading::Events(rewriter) => {
                let mut judge =
                    |event: Option<Event<'_>>| forwarded.judge(cx, &mut self.records, event);
                let mut out = rewriter.push(chunk, &mut judge);
                if end {
                    out.extend(rewriter.finish(&mut judge));
                }
                out
            }
            Reading::Copy(copy) => {
                if copy.len().saturating_add(chunk.len()) <= cx.gate.results.max_json_bytes {
                    copy.extend_from_slice(chunk);
                    if end {
                        let refunded = forwarded.watch.observe(&cx.gate.counters, cx.store, copy);
                        mark_refunded(&mut self.records, &refunded);
                    }
                } else {
                    // Too large to be an error: stop looking.
                    reading = Reading::Over;
                }
                chunk.to_vec()
            }
            _ => chunk.to_vec(),
        };
        if let State::Forwarded(forwarded) = &mut self.state {
            forwarded.reading = reading;
        }
        out
    }

    /// Whether a charged call has not been answered, so that the host's response code details matter.
    pub fn awaits_answer(&self) -> bool {
        matches!(&self.state, State::Forwarded(forwarded) if !forwarded.watch.is_empty())
    }

    /// The exchange is over. `details` are the host's response code details.
    pub fn finish(&mut self, cx: &mut Context<'_>, details: &str) {
        if let State::Forwarded(forwarded) = &mut self.state {
            let refunded = forwarded.watch.finish(&cx.gate.counters, cx.store, details);
            mark_refunded(&mut self.records, &refunded);
        }
        self.state = State::Done;
    }
}

impl Forwarded {
    fn filter<'a>(&'a self, gate: &'a Gate) -> ListFilter<'a> {
        let asked = match &self.plan {
            ReplyPlan::Lists { asked, .. } => asked.as_slice(),
            _ => &[],
        };
        ListFilter {
            policy: &gate.policy,
            principal: &self.principal,
            asked,
        }
    }

    /// Rules on one event of a stream.
    fn judge(
        &mut self,
        cx: &mut Context<'_>,
        records: &mut [audit::Record],
        event: Option<Event<'_>>,
    ) -> Ruling {
        let data = event.as_ref().map(|event| event.data());
        if let Some(data) = &data {
            let refunded = self
                .watch
                .observe(&cx.gate.counters, cx.store, data.as_bytes());
            mark_refunded(records, &refunded);
        }
        let on_get = matches!(self.plan, ReplyPlan::Stream { .. });
        if on_get
            && event
                .as_ref()
                .is_some_and(|event| event.name() == "endpoint")
        {
            let denial = Denial::new(
                "/protocol/sse-transport",
                "The HTTP+SSE transport of 2024-11-05 is not supported here; use Streamable HTTP.",
            );
            return Ruling::End(pep::withheld(
                Id::NULL,
                &denial,
                &cx.gate.http.denial_prefix,
            ));
        }
        if !self.plan.filters() {
            return Ruling::Pass;
        }
        let judged = match (&event, &data) {
            (Some(event), _) if event.is_ambiguous() => Err(Unjudgeable),
            (Some(_), Some(data)) if data.is_empty() => Ok(None),
            (Some(_), Some(data)) => self.filter(cx.gate).apply(data.as_bytes()),
            _ => Err(Unjudgeable),
        };
        match judged {
            Ok(None) => Ruling::Pass,
            // JSON has no line ends inside strings: those between tokens may be spaces.
            Ok(Some(text)) => Ruling::Replace(text.replace(['\r', '\n'], " ")),
            Err(Unjudgeable) => {
                let denial = Denial::new(
                    "/results/unreadable",
                    "An event was withheld: it cannot be read safely.",
                );
                for record in records.iter_mut() {
                    record.withheld = Some(denial.rule.to_string());
                }
                match &self.plan {
                    ReplyPlan::Lists {
                        ids,
                        is_batch: false,
                        ..
                    } if !ids.is_empty() => {
                        Ruling::Replace(withheld_body(&self.plan, &denial, cx.gate))
                    }
                    _ => Ruling::Drop,
                }
            }
        }
    }
}

fn withhold(
    records: &mut [audit::Record],
    plan: &ReplyPlan,
    denial: &Denial,
    gate: &Gate,
) -> ReplyEdit {
    for record in records {
        record.withheld = Some(denial.rule.to_string());
    }
    ReplyEdit {
        body: withheld_body(plan, denial, gate).into_bytes(),
        json: true,
    }
}

fn withheld_body(plan: &ReplyPlan, denial: &Denial, gate: &Gate) -> String {
    let prefix = &gate.http.denial_prefix;
    let body = |id: &String| {
        let document = crate::json::Document::parse(id.as_bytes(), &crate::json::Limits::WIRE);
        let id = document
            .as_ref()
            .ok()
            .and_then(|document| crate::rpc::read_id(document.root()));
        pep::withheld(id.unwrap_or(Id::NULL), denial, prefix)
    };
    match plan {
        ReplyPlan::Lists {
            ids,
            is_batch: true,
            ..
        } => {
            format!("[{}]", ids.iter().map(body).collect::<Vec<_>>().join(","))
        }
        ReplyPlan::Lists { ids, .. } => ids
            .first()
            .map_or_else(|| pep::withheld(Id::NULL, denial, prefix), body),
        _ => pep::withheld(Id::NULL, denial, prefix),
    }
}

fn mark_refunded(records: &mut [audit::Record], indexes: &[usize]) {
    for index in indexes {
        if let Some(record) = records.get_mut(*index) {
            record.refunded = true;
        }
    }
}

fn media(headers: &Headers) -> Media {
    let content_type = one(headers, "content-type").unwrap_or_default();
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
    let bom = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
    matches!(bom.first(), Some(b'{' | b'['))
        || body
            .windows(5)
            .any(|window| window.eq_ignore_ascii_case(b"data:"))
}
