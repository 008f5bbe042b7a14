//! A question and its one JSON form, which is both what is stored and what a console shows.

use serde::Serialize;

use crate::json::{Document, Limits, ObjectWriter, Value};
use crate::shares::Share;
use crate::time::Timestamp;

/// Most of a call that a person can be shown, in bytes: its name, its arguments and what else it carries. Of what is longer
/// nobody is asked.
pub const MAX_SHOWN: usize = 16 << 10;

/// How far a clock may be put back, in seconds, before what it opened counts as expired.
const GRACE: i64 = 3600;

/// Where a question is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has decided.
    Pending,
    /// A person said yes, and no call has used it.
    Approved,
    /// A person said no.
    Rejected,
    /// A call was released by it.
    Used,
    /// Its time ran out.
    Expired,
    /// Its caller cancelled the call, or may not call any more.
    Withdrawn,
}

impl State {
    const WORDS: [(&'static str, State); 6] = [
        ("pending", State::Pending),
        ("approved", State::Approved),
        ("rejected", State::Rejected),
        ("used", State::Used),
        ("expired", State::Expired),
        ("withdrawn", State::Withdrawn),
    ];

    /// Its word in records and in JSON.
    pub fn word(self) -> &'static str {
        let found = State::WORDS.iter().find(|(_, state)| *state == self);
        found.map_or("", |(word, _)| word)
    }

    fn parse(text: &str) -> Option<Self> {
        let found = State::WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, state)| *state)
    }
}

/// What a caller and a record are told of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub state: &'static str,
    /// When it is over, in RFC 3339.
    pub expires: String,
    /// Who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// In that person's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A question. Texts that callers choose are clipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// `<slot>-<16 hexadecimal digits>`.
    pub id: String,
    /// Where it is.
    pub state: State,
    /// When it was asked.
    pub created: i64,
    /// From then on it is over, approved or not.
    pub expires: i64,
    /// Until when its caller waits for the answer; 0 if nobody does.
    pub held_until: i64,
    /// Calls that are held for it.
    pub waiting: i64,
    /// What it is bound to, in hex.
    pub binding: String,
    /// The caller.
    pub principal: String,
    /// What established the caller: `grant`, `jwt`, `mtls`, `header` or `anonymous`. A grant's id is its principal.
    pub source: String,
    /// The issuer of the caller's token.
    pub issuer: Option<String>,
    /// Whose share of the table it takes.
    pub share: Share,
    /// The caller's name for people.
    pub label: Option<String>,
    /// The caller's session.
    pub session: Option<String>,
    /// The server the call is for.
    pub server: Option<String>,
    /// The caller's policy, where policies have names.
    pub policy: Option<String>,
    /// `tool`, `prompt` or `resource`.
    pub kind: String,
    /// Its name or URI.
    pub target: String,
    /// The arguments in [`legible`](crate::json::legible) form.
    pub arguments: String,
    /// What else the call carries, in that form: an object with `_meta`, `inputResponses`, `task` and the like.
    pub besides: Option<String>,
    /// Pointer of the rule that asks.
    pub rule: String,
    /// The rule's text.
    pub reason: String,
    /// Groups that may decide; anybody, if there are none.
    pub approvers: Vec<Box<str>>,
    /// The configuration under which it was asked.
    pub digest: String,
    /// The decision that asked, as in its record.
    pub decision_id: String,
    /// How many questions were in its slot before it.
    pub round: i64,
    /// Who decided.
    pub decided_by: Option<String>,
    /// In that person's words.
    pub decided_reason: Option<String>,
    /// When; 0 if nobody did.
    pub decided_at: i64,
    /// When a call was released by it; 0 if none was.
    pub used_at: i64,
    /// Whether its caller knows that it was rejected.
    pub closed: bool,
    /// Events that need no announcement any more: 1 the question, 2 its answer too.
    pub announced: i64,
    /// When the next announcement may be tried.
    pub announce_at: i64,
    /// Tries of it so far.
    pub tries: i64,
}

impl Question {
    /// Where it is at this time: what was open past its time has expired.
    pub fn state_at(&self, now: Timestamp) -> State {
        let open = matches!(self.state, State::Pending | State::Approved);
        let now = now.seconds();
        let unborn = now.saturating_add(GRACE) < self.created;
        if open && (now >= self.expires || unborn) {
            State::Expired
        } else {
            self.state
        }
    }

    /// Whether nothing will come of it any more, so that its slot can be another's.
    pub fn is_over(&self, now: Timestamp) -> bool {
        match self.state_at(now) {
            State::Used | State::Expired | State::Withdrawn => true,
            State::Rejected => self.closed || now.seconds() >= self.expires,
            State::Pending | State::Approved => false,
        }
    }

    /// What is told of it.
    pub fn notice(&self, now: Timestamp) -> Notice {
        Notice {
            id: self.id.clone(),
            state: self.state_at(now).word(),
            expires: Timestamp::from_seconds(self.expires).to_string(),
            by: self.decided_by.clone(),
            reason: self.decided_reason.clone(),
        }
    }

    /// The event that has to be announced next.
    pub(super) fn next_event(&self) -> Option<&'static str> {
        match (self.announced, self.state) {
            (_, State::Withdrawn) => None,
            (0, _) => Some("pending"),
            (1, State::Rejected) => Some("rejected"),
            (1, _) if self.decided_at > 0 => Some("approved"),
            (1, State::Expired) => Some("expired"),
            _ => None,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        let mut object = ObjectWriter::default();
        let over = matches!(self.state, State::Used | State::Expired | State::Withdrawn)
            || (self.state == State::Rejected && self.closed);
        // First, so that those who look for work need not read on.
        object.flag("settled", over && self.next_event().is_none());
        object.text("id", &self.id);
        object.text("state", self.state.word());
        let numbers = [
            ("created", self.created),
            ("expires", self.expires),
            ("held_until", self.held_until),
            ("waiting", self.waiting),
            ("decided_at", self.decided_at),
            ("used_at", self.used_at),
            ("announced", self.announced),
            ("announce_at", self.announce_at),
            ("tries", self.tries),
            ("round", self.round),
        ];
        for (key, number) in numbers {
            object.number(key, number);
        }
        let texts = [
            ("principal", &self.principal),
            ("source", &self.source),
            ("share", &self.share.to_hex()),
            ("kind", &self.kind),
            ("target", &self.target),
            ("arguments", &self.arguments),
            ("rule", &self.rule),
            ("reason", &self.reason),
            ("binding", &self.binding),
            ("digest", &self.digest),
            ("decision_id", &self.decision_id),
        ];
        for (key, text) in texts {
            object.text(key, text);
        }
        let optional = [
            ("besides", &self.besides),
            ("issuer", &self.issuer),
            ("label", &self.label),
            ("session", &self.session),
            ("server", &self.server),
            ("policy", &self.policy),
            ("decided_by", &self.decided_by),
            ("decided_reason", &self.decided_reason),
        ];
        for (key, text) in optional {
            object.optional(key, text.as_deref());
        }
        object.flag("closed", self.closed);
        object.texts("approvers", &self.approvers);
        object.finish()
    }

    /// From its JSON; `None` if that is anything else.
    pub(super) fn read(value: &[u8]) -> Option<Question> {
        let document = Document::parse(value, &Limits::WIRE).ok()?;
        let root = document.root();
        let text = |key| root.text_at(key);
        let number = |key| root.integer_at(key);
        let group = |value: Value<'_>| value.as_str().map(Into::into);
        let approvers: Option<Vec<Box<str>>> = root.get("approvers")?.items().map(group).collect();
        let (principal, source) = (text("principal")?, text("source")?);
        let share = text("share").and_then(|share| Share::from_hex(&share));
        Some(Question {
            id: text("id")?,
            state: State::parse(&text("state")?)?,
            created: number("created")?,
            expires: number("expires")?,
            held_until: number("held_until")?,
            waiting: number("waiting")?,
            binding: text("binding")?,
            // Of a module that did not tell.
            share: share.unwrap_or_else(|| Share::of(&[source.as_bytes(), principal.as_bytes()])),
            principal,
            source,
            issuer: text("issuer"),
            label: text("label"),
            session: text("session"),
            server: text("server"),
            policy: text("policy"),
            kind: text("kind")?,
            target: text("target")?,
            arguments: text("arguments")?,
            besides: text("besides"),
            rule: text("rule")?,
            reason: text("reason")?,
            approvers: approvers?,
            digest: text("digest")?,
            decision_id: text("decision_id")?,
            decided_by: text("decided_by"),
            decided_reason: text("decided_reason"),
            decided_at: number("decided_at")?,
            used_at: number("used_at")?,
            closed: root.flag_at("closed"),
            announced: number("announced")?,
            announce_at: number("announce_at")?,
            tries: number("tries")?,
            round: number("round")?,
        })
    }
}
