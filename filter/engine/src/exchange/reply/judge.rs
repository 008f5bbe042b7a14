//! What was read of a reply, judged: charges given back, lists filtered, results redacted, counted or withheld.
//!
//! One document at a time, whether it is a whole body, the payload of an event or one value of a stream. What cannot be
//! judged is withheld: a tool result that says so in place of a tool result, an error in place of anything else, nothing
//! in place of what answers no request.

use super::forwarded::Forwarded;
use super::transport::{refused_transport, sse_transport};
use super::withheld::{Withheld, briefly, crowded, no_room, unreadable, withhold};
use crate::audit::Record;
use crate::exchange::context::Context;
use crate::exchange::record::mark_refunded;
use crate::json::{Document, Limits, Value};
use crate::mcp::List;
use crate::pep;
use crate::redact::{Room, Uninspected, has_room};
use crate::refusal::Denial;
use crate::rpc::Id;
use crate::sse::{Edit, Event};

/// What judging a part of a stream takes however small it is, in looks at a byte; and one without a payload.
const PART: u64 = 100;
const COMMENT: u64 = 40;

/// Most messages in one array: ten times what a batch may ask.
const MAX_MESSAGES: usize = 1000;

/// Why a text is not shown as JSON.
enum Unjudged {
    /// It is none.
    NotJson,
    /// It must not be shown.
    Withheld(Denial),
}

impl From<Withheld> for Unjudged {
    fn from(Withheld(denial): Withheld) -> Self {
        Unjudged::Withheld(denial)
    }
}

impl Forwarded {
    /// Rules on a whole body.
    pub(super) fn judge_body(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        records: &mut Vec<Record>,
        body: &[u8],
        is_json: bool,
        success: bool,
    ) -> Edit {
        self.work.add_input(body.len());
        let mut room = Room::of(body.len());
        let judged = self.judge_json(cx, id, records, body, &mut room);
        let judged = judged.or_else(|why| match why {
            Unjudged::Withheld(denial) => Err(Withheld(denial)),
            Unjudged::NotJson => {
                // An error page is no list, unless it tries to be.
                let page = !is_json && !resembles_a_message(body);
                let reads = self.plan.inspected && !page;
                if (page && !success) || (self.may_be_text(body) && !reads) {
                    self.judge_text(cx, id, records, body, &mut room)
                } else {
                    Err(unreadable())
                }
            }
        });
        match judged {
            // Somebody waits for an answer.
            Ok(Edit::Drop) => {
                Edit::Withhold(withhold(records, &self.plan, &unreadable().0, cx.gate))
            }
            Ok(edit) => edit,
            Err(Withheld(denial)) => {
                Edit::Withhold(withhold(records, &self.plan, &denial, cx.gate))
            }
        }
    }

    /// Rules on one event of a stream.
    pub(super) fn judge_event(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        records: &mut Vec<Record>,
        event: Option<Event<'_>>,
    ) -> Edit {
        let Some(event) = event else {
            let Withheld(denial) = self.unread();
            return if self.plan.filtered || self.plan.inspected {
                self.withheld(cx, records, &denial, 0)
            } else {
                Edit::Pass
            };
        };
        let held = event.bytes().len();
        self.work.add_input(held);
        if event.is_blank() {
            return Edit::Pass;
        }
        let data = event.data();
        if self.plan.is_get && event.name() == "endpoint" {
            let denial = sse_transport();
            records.push(refused_transport(cx, self.principal.clone(), id));
            let prefix = &cx.gate.http.denial_prefix;
            return Edit::End(pep::withheld(Id::NULL, false, &denial, prefix));
        }
        let reads = self.plan.filtered || self.plan.inspected;
        if !reads {
            self.give_back(cx, records, data.as_bytes());
            return Edit::Pass;
        }
        let part = if data.is_empty() { COMMENT } else { PART };
        if self.work.enforced.spend(part).is_err() {
            let Withheld(denial) = Uninspected::TooMuchWork.into();
            return self.withheld(cx, records, &denial, held);
        }
        let mut room = Room::of(held);
        // A payload is written with a space before it.
        room.replace(0, event.unspaced_lines());
        let judged = if event.is_ambiguous() || holds_nul(event.bytes()) {
            self.give_back(cx, records, data.as_bytes());
            if self.may_be_text(event.bytes()) && !self.plan.inspected {
                Ok(Edit::Pass)
            } else {
                Err(unreadable())
            }
        } else if data.is_empty() {
            Ok(Edit::Pass)
        } else {
            match self.judge_part(cx, id, records, data.as_bytes(), &mut room) {
                // JSON has no line ends inside strings: those between tokens may be spaces.
                Ok((Edit::Replace(text), true)) => {
                    Ok(Edit::Replace(text.replace(['\r', '\n'], " ")))
                }
                judged => judged.map(|(edit, _)| edit),
            }
        };
        let edit = match judged {
            Ok(edit) => edit,
            Err(Withheld(denial)) => return self.withheld(cx, records, &denial, held),
        };
        if !self.plan.inspected {
            return edit;
        }
        let payload = match &edit {
            Edit::Pass => None,
            Edit::Replace(payload) => Some(payload.as_str()),
            _ => return edit,
        };
        match self.edit_lines(cx, id, records, &event, payload, &mut room) {
            Ok(Some(text)) if has_room(held, text.len()) => Edit::Rewrite(text),
            Ok(Some(_)) => self.withheld(cx, records, &no_room(false), held),
            Ok(None) => Edit::Pass,
            Err(Withheld(denial)) => self.withheld(cx, records, &denial, held),
        }
    }

    /// Rules on one value of a JSON stream.
    pub(super) fn judge_value(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        records: &mut Vec<Record>,
        value: Option<&[u8]>,
    ) -> Edit {
        let held = value.map_or(0, <[u8]>::len);
        self.work.add_input(held);
        let judged = match value {
            None => Err(self.unread()),
            Some(_) if self.work.enforced.spend(PART).is_err() => {
                Err(Uninspected::TooMuchWork.into())
            }
            Some(value) => self.judge_part(cx, id, records, value, &mut Room::of(held)),
        };
        match judged {
            Ok((Edit::Replace(text), _)) if !has_room(held, text.len()) => {
                self.withheld(cx, records, &no_room(false), held)
            }
            Ok((edit, _)) => edit,
            Err(Withheld(denial)) => self.withheld(cx, records, &denial, held),
        }
    }

    /// Why an event or a value was not read.
    fn unread(&mut self) -> Withheld {
        match std::mem::take(&mut self.crowded) {
            true => Withheld(crowded(false)),
            false => unreadable(),
        }
    }

    /// Rules on a part of a stream, and tells whether it is JSON.
    fn judge_part(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        records: &mut Vec<Record>,
        text: &[u8],
        room: &mut Room,
    ) -> Result<(Edit, bool), Withheld> {
        match self.judge_json(cx, id, records, text, room) {
            Ok(edit) => Ok((edit, true)),
            Err(Unjudged::Withheld(denial)) => Err(Withheld(denial)),
            Err(Unjudged::NotJson)
                if self.may_be_text(text) && !(self.plan.inspected && begins_json(text)) =>
            {
                Ok((self.judge_text(cx, id, records, text, room)?, false))
            }
            Err(Unjudged::NotJson) => Err(unreadable()),
        }
    }

    /// Rules on a JSON document: the messages in it.
    fn judge_json(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        records: &mut Vec<Record>,
        text: &[u8],
        room: &mut Room,
    ) -> Result<Edit, Unjudged> {
        let document = Document::parse(text, &Limits::REPLY).map_err(|_| Unjudged::NotJson)?;
        if document.root().items().nth(MAX_MESSAGES).is_some() {
            return Err(unreadable().into());
        }
        let Forwarded {
            watch,
            plan,
            principal,
            ..
        } = self;
        let number = |message: Value<'_>| plan.number(message);
        let shown = (&*principal, &document);
        let refunded = watch.answers(&cx.gate.counters, cx.store, shown, number);
        mark_refunded(records, &refunded);
        let shown = match self.plan.filtered {
            true => self.show(cx, id, records, &document),
            false => Ok(None),
        };
        if self.work.enforced.is_over() {
            return Err(Withheld::from(Uninspected::TooMuchWork).into());
        }
        let filtered = match shown {
            Ok(filtered) => filtered,
            // Where no list was asked for only what might be one has to be readable.
            Err(_) if self.may_be_text(text) => None,
            Err(_) => return Err(unreadable().into()),
        };
        if !self.plan.inspected {
            return Ok(filtered.map_or(Edit::Pass, Edit::Replace));
        }
        let Some(filtered) = filtered else {
            return Ok(self.inspect(cx, id, records, &document, room)?);
        };
        let document =
            Document::parse(filtered.as_bytes(), &Limits::REPLY).map_err(|_| unreadable())?;
        room.replace(text.len(), filtered.len());
        match self.inspect(cx, id, records, &document, room)? {
            Edit::Pass => Ok(Edit::Replace(filtered)),
            edit => Ok(edit),
        }
    }

    /// Rules on what is no JSON: text, or nothing anybody can judge.
    fn judge_text(
        &self,
        cx: &mut Context<'_>,
        id: &str,
        records: &mut Vec<Record>,
        text: &[u8],
        room: &mut Room,
    ) -> Result<Edit, Withheld> {
        if !self.plan.inspected {
            return Ok(Edit::Pass);
        }
        let text = std::str::from_utf8(text).map_err(|_| unreadable())?;
        if holds_nul(text.as_bytes()) {
            return Err(unreadable());
        }
        let rules = &self.plan.ambient().enforced;
        let work = &self.work.enforced;
        work.add_patterns(text.len(), rules.patterns);
        let denied = rules.denies(text, work);
        if let Some(rule) = denied.map_err(Uninspected::from)? {
            return Err(Withheld(Denial::by(rule)));
        }
        let redacted = self.redact_text(cx, id, records, text, room)?;
        Ok(redacted.map_or(Edit::Pass, Edit::Replace))
    }

    /// The event with another payload and with its other texts redacted; `None` if nothing of it changes.
    fn edit_lines(
        &self,
        cx: &mut Context<'_>,
        id: &str,
        records: &mut Vec<Record>,
        event: &Event<'_>,
        payload: Option<&str>,
        room: &mut Room,
    ) -> Result<Option<String>, Withheld> {
        let mut failed = None;
        let edited = event.edited(payload, &mut |text| {
            if text.is_empty() {
                return None;
            }
            let redacted = self.redact_text(cx, id, records, text, room);
            redacted.unwrap_or_else(|withheld| {
                failed = Some(withheld);
                None
            })
        });
        failed.map_or(Ok(edited), Err)
    }

    /// Gives back what this shows not to have run; returns the indexes of the records concerned.
    pub(super) fn observe(&mut self, cx: &mut Context<'_>, text: &[u8]) -> Vec<usize> {
        let Forwarded {
            watch,
            plan,
            principal,
            ..
        } = self;
        let number = |message: Value<'_>| plan.number(message);
        watch.observe(&cx.gate.counters, cx.store, (&*principal, text), number)
    }

    /// What was charged for calls that this shows not to have run is given back.
    fn give_back(&mut self, cx: &mut Context<'_>, records: &mut [Record], text: &[u8]) {
        let refunded = self.observe(cx, text);
        mark_refunded(records, &refunded);
    }

    /// Whether what cannot be read as JSON, or not as one thing, holds no list that has to be filtered.
    fn may_be_text(&self, text: &[u8]) -> bool {
        !self.plan.filtered || (self.plan.asked.is_empty() && holds_no_list(text))
    }

    /// What comes in the place of a part of a stream, of which so many bytes are held. Requests are answered once, however much
    /// is withheld.
    fn withheld(
        &mut self,
        cx: &Context<'_>,
        records: &mut [Record],
        denial: &Denial,
        held: usize,
    ) -> Edit {
        // What makes an event of a payload.
        const FRAME: usize = "data: \n\n".len();
        if std::mem::replace(&mut self.is_told, true) {
            return Edit::Drop;
        }
        let mut body = withhold(records, &self.plan, denial, cx.gate);
        if !has_room(held, body.len().saturating_add(FRAME)) {
            body = briefly(denial);
        }
        // On a GET nothing is owed that it could be the answer to.
        if self.plan.expected.is_empty() {
            Edit::Drop
        } else {
            Edit::Withhold(body)
        }
    }
}

/// Whether nothing in a text can be a list of MCP's, under any spelling of the list's key.
fn holds_no_list(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let plain = text.is_ascii() && !text.contains("\\u") && !holds_nul(text.as_bytes());
    let text = text.to_ascii_lowercase();
    plain
        && !List::ALL
            .iter()
            .any(|list| text.contains(&list.key().to_ascii_lowercase()))
}

/// Whether a text holds a NUL, as every other byte of UTF-16 is one: a client that guesses reads another text than this.
fn holds_nul(text: &[u8]) -> bool {
    text.contains(&0)
}

/// Whether a lenient client might read a text as JSON.
fn begins_json(text: &[u8]) -> bool {
    let start = text.trim_ascii_start();
    let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
    matches!(start.trim_ascii_start().first(), Some(b'{' | b'[' | b'"'))
}

/// Whether an unreadable error page might be read as a message by some client.
fn resembles_a_message(body: &[u8]) -> bool {
    begins_json(body)
        || body
            .windows(5)
            .any(|window| window.eq_ignore_ascii_case(b"data:"))
}
