//! Replaying cases on a rig, one after the other, and keeping the score.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::case::RequestCase;
use super::client1::{Outcome, Session};
use super::corpus;
use super::judge::{Observed, Verdict, judge};
use super::judge_reply::judge_reply;
use super::reply::ReplyCase;
use super::report::{Report, Row};
use super::rig::{DEFAULT_POLICY, Lane, Rig, describe, lane};
use super::upstream::SENTINEL;
use super::{client1, client2};

/// The protocol of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Downstream {
    Http1,
    Http2,
}

/// What to run, and on what.
pub struct Plan<'a> {
    pub envoy: &'a str,
    /// The gate. Without it Envoy forwards everything, which shows whether the runner itself works.
    pub wasm: Option<&'a Path>,
    pub downstream: Downstream,
    /// Told the number of cases done and of all.
    pub progress: &'a dyn Fn(usize, usize),
}

/// Replays request cases; each policy that they name gets a proxy of its own.
pub fn requests(plan: &Plan<'_>, cases: &[RequestCase]) -> Result<Report> {
    let mut report = Report::default();
    let mut done = 0;
    for (policy, group) in by_policy(cases, |case| case.policy.as_deref()) {
        let Some(mut rig) = start(plan, policy, &mut report)? else {
            continue;
        };
        let mut watched = Vec::new();
        for case in group {
            let lane = lane(case);
            let from = rig.mark(lane);
            let outcome = send(&rig, plan, lane, case)?;
            let trouble = match rig.probe(lane) {
                Ok(trouble) => trouble,
                Err(error) => Some(format!("{error:#}; the client got {}", describe(&outcome))),
            };
            let alive = rig.is_running();
            watched.push((case, lane, from, rig.mark(lane), outcome, trouble));
            done += 1;
            (plan.progress)(done, cases.len());
            if !alive {
                break;
            }
        }
        // Read the record only now: bytes that came late still belong to the case that caused their connection.
        std::thread::sleep(Duration::from_millis(50));
        for (case, _, from, to, outcome, trouble) in watched {
            let observed = Observed {
                outcome,
                upstream: rig.upstream.seen(from, Some(to)),
                trouble,
            };
            report.add(row(case, &observed));
        }
        report.reloads += if rig.is_running() { rig.reloads()? } else { 1 };
    }
    report.missing = cases.len().saturating_sub(report.rows.len());
    Ok(report)
}

fn send(rig: &Rig, plan: &Plan<'_>, lane: Lane, case: &RequestCase) -> Result<Outcome> {
    match plan.downstream {
        Downstream::Http1 if case.http2_only() => {
            Ok(Outcome::NotSent("only HTTP/2 has these frames".to_owned()))
        }
        Downstream::Http1 => client1::send(rig.port(lane), case),
        Downstream::Http2 => client2::send(rig.port(lane), case),
    }
}

fn row(case: &RequestCase, observed: &Observed) -> Row {
    let verdict = judge(case, observed);
    let refused = !case
        .acceptable()
        .contains(&super::case::Expect::AllowSameAsCanonical)
        && case.each.is_empty();
    Row {
        id: case.id.clone(),
        class: case.class.clone(),
        expected: if case.each.is_empty() {
            format!("{:?}", case.acceptable())
        } else {
            format!("each of {:?}", case.each)
        },
        note: case.note.clone(),
        leaked: if refused && !matches!(verdict, Verdict::NotSent(_)) {
            observed.upstream.bytes
        } else {
            0
        },
        seen: describe(&observed.outcome),
        verdict,
    }
}

/// Replays reply cases: the upstream answers as the case says, and then an ordinary request follows on the same connection.
pub fn replies(plan: &Plan<'_>, cases: &[ReplyCase]) -> Result<Report> {
    let mut report = Report::default();
    let mut done = 0;
    for (policy, group) in by_policy(cases, ReplyCase::policy) {
        let Some(mut rig) = start(plan, policy, &mut report)? else {
            continue;
        };
        for case in group {
            let (verdict, seen) = reply(&rig, plan, case)?;
            report.add(Row {
                id: case.id.clone(),
                class: case.class.clone(),
                expected: format!("{:?}", case.acceptable()),
                note: case.note.clone(),
                leaked: 0,
                seen,
                verdict,
            });
            done += 1;
            (plan.progress)(done, cases.len());
            if !rig.is_running() {
                break;
            }
        }
        report.reloads += if rig.is_running() { rig.reloads()? } else { 1 };
    }
    report.missing = cases.len().saturating_sub(report.rows.len());
    Ok(report)
}

fn reply(rig: &Rig, plan: &Plan<'_>, case: &ReplyCase) -> Result<(Verdict, String)> {
    let lane = match case.upstream.as_deref() {
        Some(_) => Lane::Http2Upstream,
        None if case.trailers.is_empty() => Lane::Plain,
        None => Lane::Trailers,
    };
    let scripted = case.reply()?;
    let from = rig.mark(lane);
    rig.upstream.script(Some(scripted.clone()));
    rig.upstream2.script(Some(scripted.clone()));
    let (outcome, next) = match plan.downstream {
        Downstream::Http1 => {
            let (method, headers, body) = case.asks();
            let mut session = Session::open(rig.port(lane))?;
            let outcome = session.exchange(method, "/mcp", &headers, &body);
            let next = matches!(outcome, Outcome::Answered(_))
                .then(|| follow_up(&mut session))
                .flatten();
            (outcome, next)
        }
        Downstream::Http2 => (client2::send(rig.port(lane), &case.as_request()?)?, None),
    };
    let trouble = match rig.probe(lane) {
        Ok(trouble) => trouble.or(next),
        Err(error) => Some(format!("{error:#}; the client got {}", describe(&outcome))),
    };
    rig.upstream.script(None);
    rig.upstream2.script(None);
    let upstream = if lane == Lane::Http2Upstream {
        rig.upstream2.seen(from, None)
    } else {
        rig.upstream.seen(from, None)
    };
    let seen = describe(&outcome);
    let observed = Observed {
        outcome,
        upstream,
        trouble,
    };
    Ok((judge_reply(case, &scripted, &observed), seen))
}

/// The next request on the same connection must get its own answer and not what was left of the last one.
fn follow_up(session: &mut Session) -> Option<String> {
    let mut headers = super::case::ordinary_headers();
    headers.push((SENTINEL.to_owned(), "1".to_owned()));
    let outcome = session.exchange(
        "POST",
        "/mcp",
        &headers,
        br#"{"jsonrpc":"2.0","id":"next","method":"ping"}"#,
    );
    match &outcome {
        Outcome::Answered(answers)
            if answers.iter().all(|one| {
                one.status == 200 && one.body.starts_with(br#"{"jsonrpc":"2.0","id":"next""#)
            }) =>
        {
            None
        }
        // The proxy may close after a reply that ended with its connection.
        Outcome::Cut(answers, _) if answers.is_empty() => None,
        _ => Some(format!(
            "the next request on the connection got {}",
            describe(&outcome)
        )),
    }
}

/// A rig for one policy. That the gate refuses a policy of the corpus is a finding; that Envoy is missing ends the run.
fn start(plan: &Plan<'_>, policy: Option<&str>, report: &mut Report) -> Result<Option<Rig>> {
    crate::envoy::binary(plan.envoy)?;
    let started = Rig::start(plan.envoy, plan.wasm, &text(policy)?);
    match started.and_then(|rig| rig.probe(Lane::Plain).map(|_| rig)) {
        Ok(rig) => Ok(Some(rig)),
        Err(error) => {
            report.troubles.push(format!(
                "no gate under the policy `{}`: {error:#}",
                policy.unwrap_or("default")
            ));
            Ok(None)
        }
    }
}

fn text(policy: Option<&str>) -> Result<String> {
    policy.map_or_else(|| Ok(DEFAULT_POLICY.to_owned()), corpus::policy)
}

fn by_policy<T>(
    cases: &[T],
    policy: impl Fn(&T) -> Option<&str>,
) -> BTreeMap<Option<&str>, Vec<&T>> {
    let mut groups: BTreeMap<Option<&str>, Vec<&T>> = BTreeMap::new();
    for case in cases {
        groups.entry(policy(case)).or_default().push(case);
    }
    groups
}
