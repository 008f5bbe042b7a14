//! Running cases.

use std::time::{Duration, Instant};

use anyhow::Result;
use toolgate_engine::approvals::{self, Approver};
use toolgate_engine::counters::Store;
use toolgate_engine::json::{Document, Limits};
use toolgate_engine::time::Timestamp;

use super::backend::{Backend, Meanwhile, Observed, Running, Upstream};
use super::case::{
    Ask, Caller, Case, Given, Kind, ListCase, Protocol, Step, TestFile, UpstreamKind, Wanted,
};
use super::identity::Credentials;
use super::mcp;
use super::verdict::{Outcome, Verdict};
use toolgate_document::Position;
use toolgate_host::{Clock, SentUpstream};

/// How a case went.
#[derive(Debug)]
pub struct CaseResult<'f> {
    /// The case.
    pub case: &'f Case,
    /// How long it took.
    pub took: Duration,
    /// What went wrong, if anything.
    pub failure: Option<Failure>,
}

/// What went wrong.
#[derive(Clone, Debug, Default)]
pub struct Failure {
    /// Where the step stands, or the case.
    pub position: Option<Position>,
    /// Which step, from 1, and in which repetition of how many.
    pub step: Option<(usize, u64, u64)>,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
    /// The rule that decided.
    pub rule: Option<String>,
    /// What it says.
    pub reason: Option<String>,
    /// The text the agent would see.
    pub told: Option<String>,
}

/// Runs every case of a file, each on a gate of its own.
pub fn run<'f>(
    file: &'f TestFile,
    backend: &dyn Backend,
    mut progress: impl FnMut(&CaseResult<'f>),
) -> Vec<CaseResult<'f>> {
    let mut results = Vec::with_capacity(file.cases.len());
    for case in &file.cases {
        let began = Instant::now();
        let failure = run_case(file, case, backend).err();
        let result = CaseResult {
            case,
            took: began.elapsed(),
            failure: failure.map(|failure| Failure {
                position: failure.position.or(Some(case.position)),
                ..*failure
            }),
        };
        progress(&result);
        results.push(result);
    }
    results
}

fn run_case(file: &TestFile, case: &Case, backend: &dyn Backend) -> Result<(), Box<Failure>> {
    let clock = Clock::at(case.now);
    let gate = backend
        .start(file.credentials.config(), &clock)
        .map_err(|error| broken(&error))?;
    let mut runner = Runner {
        gate,
        clock,
        credentials: &file.credentials,
        sessions: Vec::new(),
    };
    match &case.kind {
        Kind::List(list, steps) => {
            runner.list(list)?;
            runner.steps(steps)
        }
        Kind::Steps(steps) => runner.steps(steps),
    }
}

fn broken(error: &anyhow::Error) -> Box<Failure> {
    Box::new(Failure {
        expected: "a gate that works".to_owned(),
        got: format!("{error:#}"),
        ..Failure::default()
    })
}

struct Runner<'f> {
    gate: Box<dyn Running>,
    clock: Clock,
    credentials: &'f Credentials,
    /// Sessions that were begun: whose, and which.
    sessions: Vec<(Caller, String)>,
}

impl Runner<'_> {
    fn steps(&mut self, steps: &[Step]) -> Result<(), Box<Failure>> {
        for (index, step) in steps.iter().enumerate() {
            self.step(step, index + 1)?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, number: usize) -> Result<(), Box<Failure>> {
        if let Some(moment) = step.at {
            self.clock.set(moment.from(self.clock.nanos()));
        }
        for repetition in 1..=step.repeat {
            self.once(step).map_err(|mut failure| {
                failure.position = Some(step.position);
                failure.step = Some((number, repetition, step.repeat));
                failure
            })?;
        }
        Ok(())
    }

    fn once(&mut self, step: &Step) -> Result<(), Box<Failure>> {
        let body = mcp::body(&step.ask, &step.what);
        self.begin_session(&step.ask)?;
        self.gate.set_store_down(step.store_down);
        let clock = self.clock.clone();
        let respond = |_: &SentUpstream| {
            if let Some(moment) = step.respond_at {
                clock.set(moment.from(clock.nanos()));
            }
            match step.upstream {
                UpstreamKind::Timeout => Upstream::Timeout,
                UpstreamKind::Reset => Upstream::Reset,
                UpstreamKind::NotSent => Upstream::NotSent,
                UpstreamKind::None => Upstream::Nothing,
                kind => {
                    let reply = mcp::reply(&step.ask, &step.what, kind, step.result.as_ref());
                    Upstream::Reply(Box::new(reply))
                }
            }
        };
        let now = self.clock.clone();
        let during = step.approve.filter(|_| step.expect != Verdict::Hold);
        let mut unanswered = None;
        let meanwhile = |_: usize, store: &mut dyn Store| {
            if let Some(Err(why)) = during.map(|yes| answer(store, &now, yes)) {
                unanswered = Some(why);
            }
            Meanwhile::SECOND
        };
        let observed = self.send(&step.ask, &body, respond, meanwhile);
        self.gate.set_store_down(false);
        let observed = observed?;
        if let Some(yes) = step.approve.filter(|_| during.is_none()) {
            let now = self.clock.clone();
            self.gate.with_store(&mut |store| {
                if let Err(why) = answer(store, &now, yes) {
                    unanswered = Some(why);
                }
            });
        } else if during.is_some() && !observed.was_held() {
            unanswered = Some("the call was not held".to_owned());
        }
        check(step, &body, &observed)?;
        match unanswered {
            None => Ok(()),
            Some(why) => Err(Box::new(Failure {
                expected: "a question to answer".to_owned(),
                got: why,
                ..Failure::default()
            })),
        }
    }

    /// Sends a body as the caller of `ask`.
    fn send(
        &mut self,
        ask: &Ask,
        body: &str,
        mut respond: impl FnMut(&SentUpstream) -> Upstream,
        mut meanwhile: impl FnMut(usize, &mut dyn Store) -> Meanwhile,
    ) -> Result<Observed, Box<Failure>> {
        let request = self.credentials.present(ask, mcp::post(ask, body));
        let request = request.map_err(|error| broken(&error))?;
        self.gate
            .held_exchange(&request, &mut respond, &mut meanwhile)
            .map_err(|error| broken(&error))
    }

    /// The first use of a session name is the session's beginning: the server issues the id to this caller.
    fn begin_session(&mut self, ask: &Ask) -> Result<(), Box<Failure>> {
        let Some(session) = &ask.session else {
            return Ok(());
        };
        let known = (ask.caller.clone(), session.clone());
        if self.sessions.contains(&known) || ask.protocol == Protocol::V2026_07_28 {
            return Ok(());
        }
        let begin = Ask {
            session: None,
            ..ask.clone()
        };
        let reply = mcp::initialize_reply(ask.protocol, session);
        let body = mcp::initialize_body(ask.protocol);
        let respond = |_: &SentUpstream| Upstream::Reply(Box::new(reply.clone()));
        self.send(&begin, &body, respond, |_, _| Meanwhile::SECOND)?;
        self.sessions.push(known);
        Ok(())
    }

    fn list(&mut self, case: &ListCase) -> Result<(), Box<Failure>> {
        self.begin_session(&case.ask)?;
        let body = mcp::list_body(&case.ask, case.list);
        let server = case.ask.server.as_deref();
        let given = case.given.iter();
        let given: Vec<String> = given
            .map(|entry| self.credentials.as_pinned(case.list, server, entry))
            .collect();
        let reply = mcp::list_reply(&case.ask, case.list, &given);
        let respond = |_: &SentUpstream| Upstream::Reply(Box::new(reply.clone()));
        let observed = self.send(&case.ask, &body, respond, |_, _| Meanwhile::SECOND)?;
        let parsed: serde_json::Value =
            serde_json::from_slice(&observed.reply.body).unwrap_or_default();
        let entries = parsed.pointer(&format!("/result/{}", case.list.key()));
        let name = |entry: &serde_json::Value| {
            let name = entry
                .get(case.list.entry_key())
                .and_then(|name| name.as_str());
            name.unwrap_or_default().to_owned()
        };
        let listed = entries
            .and_then(|entries| entries.as_array())
            .map(|entries| entries.iter().map(name).collect::<Vec<_>>());
        if listed.as_ref() == Some(&case.expect) {
            return Ok(());
        }
        let outcome = Outcome::of(&observed);
        let got = match listed {
            Some(names) => format!("[{}]", names.join(", ")),
            None => format!("{}, HTTP {}", outcome.verdict.word(), outcome.status),
        };
        Err(Box::new(Failure {
            expected: format!("[{}]", case.expect.join(", ")),
            got,
            rule: outcome.rule,
            reason: outcome.reason,
            told: outcome.told,
            ..Failure::default()
        }))
    }
}

/// A person answers the one question that is open.
fn answer(store: &mut dyn Store, clock: &Clock, yes: bool) -> Result<(), String> {
    let now = Timestamp::from_nanos(clock.nanos());
    let all = approvals::list(store, now).map_err(|_| "the store is lost".to_owned())?;
    let mut open = all
        .into_iter()
        .filter(|question| question.state == approvals::State::Pending);
    let question = open.next().ok_or("nobody was asked")?;
    // Whoever may: a test is about the rule, not about who is on duty.
    let approver = Approver {
        id: "test",
        groups: &question.approvers,
        own: &[],
    };
    let decided = approvals::decide(store, now, &question.id, yes, &approver, "");
    decided
        .map(|_| ())
        .map_err(|error| error.message().to_owned())
}

fn check(step: &Step, body: &str, observed: &Observed) -> Result<(), Box<Failure>> {
    let outcome = Outcome::of(observed);
    let mut expected = step.expect.word().to_owned();
    let mut got = outcome.verdict.word().to_owned();
    let mut holds = outcome.verdict == step.expect;
    let mut compare = |what: &str, wanted: &Option<String>, found: &Option<String>| {
        if let Some(wanted) = wanted
            && found.as_ref() != Some(wanted)
        {
            holds = false;
            expected.push_str(&format!(", {what} `{wanted}`"));
            match found {
                Some(found) => got.push_str(&format!(", {what} `{found}`")),
                None => got.push_str(&format!(", no {what}")),
            }
        }
    };
    compare("rule", &step.rule, &outcome.rule);
    compare("reason", &step.reason, &outcome.reason);
    compare("shadow", &step.shadow, &outcome.shadow);
    if let Some(wanted) = &step.expect_result
        && let Err((what, found)) = result_is(wanted, observed)
    {
        holds = false;
        expected.push_str(&format!(", result {what}"));
        got.push_str(&format!(", result {found}"));
    }
    // Whatever the file expects: what was judged is what was forwarded.
    if let Some(sent) = observed.forwarded.as_ref().filter(|sent| sent.ended)
        && sent.body != body.as_bytes()
    {
        holds = false;
        expected.push_str(", forwarded byte for byte");
        got.push_str(", forwarded with another body");
    }
    if holds {
        return Ok(());
    }
    Err(Box::new(Failure {
        expected,
        got,
        rule: outcome.rule.or(outcome.shadow),
        reason: outcome.reason,
        told: outcome.told,
        ..Failure::default()
    }))
}

/// Whether a result became what it should; else what was wanted, and what came.
fn result_is(wanted: &Wanted, observed: &Observed) -> Result<(), (String, String)> {
    let is_withheld = |record: &serde_json::Value| record.get("withheld").is_some();
    let withheld = observed.records.iter().any(is_withheld);
    let document = Document::parse(&observed.reply.body, &Limits::REPLY).ok();
    let result = document
        .as_ref()
        .and_then(|document| document.root().get("result"))
        .map(|result| result.raw().to_owned());
    let found = match &result {
        _ if withheld => "withheld".to_owned(),
        Some(result) => result.clone(),
        None => "none".to_owned(),
    };
    let (what, holds) = match wanted {
        Wanted::Withheld => ("withheld".to_owned(), withheld),
        Wanted::Shown(Given::Json(json)) => {
            let same = result
                .as_deref()
                .is_some_and(|found| same_json(found, json));
            (json.clone(), same && !withheld)
        }
        Wanted::Shown(Given::Text(text)) => {
            let parsed = result.and_then(|json| serde_json::from_str(&json).ok());
            let parsed: serde_json::Value = parsed.unwrap_or_default();
            let same = mcp::text_of(&parsed) == Some(text);
            (format!("with the text `{text}`"), same && !withheld)
        }
    };
    if holds { Ok(()) } else { Err((what, found)) }
}

/// Equal by value: key order and the spelling of numbers do not matter.
fn same_json(left: &str, right: &str) -> bool {
    let parse = |text: &str| Document::parse_owned(text.to_owned(), &Limits::CONFIG).ok();
    match (parse(left), parse(right)) {
        (Some(left), Some(right)) => left.root().equals(&right.root()),
        _ => false,
    }
}
