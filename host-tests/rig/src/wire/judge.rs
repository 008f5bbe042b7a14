//! Was the request treated as it must be? The verdict over what the client and the upstream saw.
//!
//! The order matters: bytes upstream that should not be there are a bypass whatever the client was told; a dead filter is a
//! crash even if nothing leaked; only then is the form of the refusal looked at.

use std::collections::BTreeMap;

use super::case::{Expect, RequestCase};
use super::client1::{Answer, Outcome, preview};
use super::http1::{self, Fields, Message, Parsed};
use super::refusal::{rejection, tool_denial};
use super::rig::describe;
use super::upstream::Seen;

/// Everything observed about one case.
#[derive(Debug, Clone)]
pub struct Observed {
    pub outcome: Outcome,
    pub upstream: Seen,
    /// What the probe after the case found wrong, if anything.
    pub trouble: Option<String>,
}

/// The judgement, with what was seen where it is not good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Right,
    /// A request that must be refused left bytes at the upstream.
    Bypass(String),
    /// A request that must pass was refused.
    FalseBlock(String),
    /// The filter died, hung, or the connection did.
    Crash(String),
    /// It passed, but not byte for byte.
    Altered(String),
    /// It was refused, but not in the form clients can take.
    WrongForm(String),
    /// Not expressible on this protocol.
    NotSent(String),
}

/// Judges a request case.
#[must_use]
pub fn judge(case: &RequestCase, observed: &Observed) -> Verdict {
    if let Outcome::NotSent(why) = &observed.outcome {
        return Verdict::NotSent(why.clone());
    }
    if let Some(trouble) = &observed.trouble {
        return Verdict::Crash(trouble.clone());
    }
    if !case.each.is_empty() {
        return judge_each(case, observed);
    }
    let acceptable = case.acceptable();
    let mut failures = Vec::new();
    for expect in &acceptable {
        match judge_one(case, *expect, observed) {
            Verdict::Right => return Verdict::Right,
            other => failures.push(other),
        }
    }
    // A bypass outweighs everything, and the first expectation names the rest.
    if acceptable.contains(&Expect::AllowSameAsCanonical) {
        let dead = |verdict: &Verdict| matches!(verdict, Verdict::Crash(_));
        if let Some(position) = failures.iter().position(dead) {
            return failures.swap_remove(position);
        }
        // Forwarding is acceptable here, so bytes upstream are an alteration and no bypass.
        failures.retain(|verdict| !matches!(verdict, Verdict::Bypass(_)));
    }
    failures.into_iter().next().unwrap_or(Verdict::Right)
}

fn judge_one(case: &RequestCase, expect: Expect, observed: &Observed) -> Verdict {
    match expect {
        Expect::AllowSameAsCanonical => judge_allowed(case, observed),
        Expect::Deny | Expect::Reject => {
            if observed.upstream.bytes > 0 {
                let got = received(&observed.upstream);
                return Verdict::Bypass(format!(
                    "{got}; the client got {}",
                    describe(&observed.outcome)
                ));
            }
            match &observed.outcome {
                Outcome::Answered(answers) if answers.iter().any(|answer| answer.status == 503) => {
                    Verdict::Crash(describe(&observed.outcome))
                }
                Outcome::Answered(answers) => judge_refusal(&asked(case), expect, answers),
                Outcome::Aborted => Verdict::Right,
                Outcome::Cut(answers, _)
                    if expect == Expect::Reject && codec_refusal(case, answers) =>
                {
                    Verdict::Right
                }
                Outcome::Cut(..) | Outcome::Hung(_) => Verdict::Crash(describe(&observed.outcome)),
                Outcome::NotSent(why) => Verdict::NotSent(why.clone()),
            }
        }
    }
}

/// Where the case violates HTTP itself, the proxy's codec may reset or close without the gate ever seeing a request.
fn codec_refusal(case: &RequestCase, answers: &[Answer]) -> bool {
    case.codec_only().is_some()
        && answers
            .iter()
            .all(|answer| answer.status >= 400 && answer.status != 503)
}

fn judge_refusal(request: &[u8], expect: Expect, answers: &[Answer]) -> Verdict {
    let Some(answer) = answers.first() else {
        return Verdict::Crash("no answer".to_owned());
    };
    let result = match expect {
        Expect::Deny => tool_denial(request, answer),
        _ => rejection(answer),
    };
    match result {
        Ok(()) => Verdict::Right,
        Err(why) => Verdict::WrongForm(format!(
            "{why}: {} {}",
            answer.status,
            preview(&answer.body)
        )),
    }
}

fn judge_allowed(case: &RequestCase, observed: &Observed) -> Verdict {
    let client = describe(&observed.outcome);
    let Outcome::Answered(answers) = &observed.outcome else {
        return Verdict::Crash(client);
    };
    if answers.iter().any(|answer| answer.status == 503) {
        return Verdict::Crash(client);
    }
    let [request] = observed.upstream.requests.as_slice() else {
        return if observed.upstream.bytes == 0 {
            Verdict::FalseBlock(client)
        } else {
            Verdict::Altered(format!(
                "{} whole requests at the upstream; {}",
                observed.upstream.requests.len(),
                received(&observed.upstream)
            ))
        };
    };
    let sent = sent_messages(case);
    let (body, mut fields) = sent.first().map_or((case.body(), case.fields()), |raw| {
        (raw.body.clone(), raw.headers.clone())
    });
    fields.retain(|(name, _)| {
        !case
            .stripped
            .iter()
            .any(|gone| name.eq_ignore_ascii_case(gone.as_bytes()))
    });
    if let Err(why) = same(&body, &fields, request) {
        return Verdict::Altered(why);
    }
    if sent.is_empty() && request.target() != (case.method(), case.path()) {
        return Verdict::Altered(format!("the request line became `{}`", request.start));
    }
    if !observed.upstream.loose.is_empty() {
        return Verdict::Altered(format!(
            "surplus bytes at the upstream: {}",
            preview(&observed.upstream.loose)
        ));
    }
    if answers.iter().any(|answer| answer.status >= 400) {
        return Verdict::Altered(format!("forwarded, but the client got {client}"));
    }
    Verdict::Right
}

/// The message that a refusal answers, also where only raw bytes are given and their framing is broken.
fn asked(case: &RequestCase) -> Vec<u8> {
    let Ok(Some(raw)) = case.raw() else {
        return case.body();
    };
    if let Some(message) = sent_messages(case)
        .into_iter()
        .next()
        .filter(|message| !message.body.is_empty())
    {
        return message.body;
    }
    let start = http1::find(&raw, br#"{"jsonrpc"#).unwrap_or(raw.len());
    raw[start..].to_vec()
}

/// The requests in a case that gives raw bytes.
fn sent_messages(case: &RequestCase) -> Vec<Message> {
    let Ok(Some(raw)) = case.raw() else {
        return Vec::new();
    };
    let mut rest = raw.as_slice();
    let mut messages = Vec::new();
    while let Parsed::Whole(message, used) = http1::request(rest) {
        messages.push(message);
        rest = &rest[used..];
    }
    messages
}

fn judge_each(case: &RequestCase, observed: &Observed) -> Verdict {
    // A proxy may close after a refusal; what it did not answer then must not be forwarded either.
    let refused = |expect: &Expect| *expect != Expect::AllowSameAsCanonical;
    let answers = match &observed.outcome {
        Outcome::Answered(answers) => answers,
        Outcome::Cut(answers, _)
            if case.each[..answers.len().min(case.each.len())]
                .last()
                .is_some_and(refused) =>
        {
            answers
        }
        _ => return Verdict::Crash(describe(&observed.outcome)),
    };
    let sent = sent_messages(case);
    if sent.len() != case.each.len() {
        return Verdict::WrongForm(format!(
            "the case holds {} requests but {} expectations",
            sent.len(),
            case.each.len()
        ));
    }
    let answered = case.each.iter().take(answers.len());
    let permitted = answered.filter(|expect| !refused(expect)).count();
    if observed.upstream.requests.len() > permitted || !observed.upstream.loose.is_empty() {
        return Verdict::Bypass(received(&observed.upstream));
    }
    let mut forwarded = observed.upstream.requests.iter();
    for ((message, expect), answer) in sent.iter().zip(&case.each).zip(answers) {
        let verdict = match expect {
            Expect::AllowSameAsCanonical => match forwarded.next() {
                None => Verdict::FalseBlock(describe(&observed.outcome)),
                Some(request) => same(&message.body, &message.headers, request)
                    .map_or_else(Verdict::Altered, |()| Verdict::Right),
            },
            expect => judge_refusal(&message.body, *expect, std::slice::from_ref(answer)),
        };
        if verdict != Verdict::Right {
            return verdict;
        }
    }
    Verdict::Right
}

fn received(seen: &Seen) -> String {
    let request = seen
        .requests
        .first()
        .map(|request| format!("{} {}", request.start, preview(&request.body)));
    format!(
        "{} bytes upstream: {}",
        seen.bytes,
        request.unwrap_or_else(|| preview(&seen.loose))
    )
}

/// Whether the upstream got the client's body and headers. Hop-by-hop fields are the proxy's own business, and so are the
/// ones it adds; `accept-encoding` may go, because the gate reads replies.
fn same(body: &[u8], fields: &Fields, request: &Message) -> Result<(), String> {
    if request.body != body {
        return Err(format!(
            "the body differs: sent {}, received {}",
            preview(body),
            preview(&request.body)
        ));
    }
    let (sent, received) = (comparable(fields), comparable(&request.headers));
    for name in sent.keys().chain(received.keys()) {
        if sent.get(name) != received.get(name) {
            return Err(format!(
                "header `{name}`: sent {:?}, received {:?}",
                sent.get(name),
                received.get(name)
            ));
        }
    }
    Ok(())
}

fn comparable(fields: &Fields) -> BTreeMap<String, String> {
    const PROXYS_OWN: [&str; 19] = [
        "host",
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
        "content-length",
        "accept-encoding",
        "x-request-id",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-client-cert",
        "http2-settings",
        "x-client-trace-id",
    ];
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in fields {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        if PROXYS_OWN.contains(&name.as_str())
            || name.starts_with("x-envoy-")
            || name.starts_with(':')
        {
            continue;
        }
        let value = value.trim_ascii().escape_ascii().to_string();
        map.entry(name)
            .and_modify(|all| *all = format!("{all},{value}"))
            .or_insert(value);
    }
    map
}

#[cfg(test)]
mod tests {
    use super::{Observed, Verdict, judge};
    use crate::wire::client1::{Answer, Outcome};
    use crate::wire::{RequestCase, Seen};

    const DENIAL: &str = r#"{"jsonrpc":"2.0","id":1.0,"result":{"resultType":"complete","isError":true,"content":[{"type":"text","text":"no"}],"_meta":{"toolgate/denial":{"rule":"/default"}}}}"#;

    fn case(expect: &str) -> RequestCase {
        let body = r#"{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"x"}}"#;
        serde_json::from_value(
            serde_json::json!({"id": "c", "class": "c", "body": body, "expect": expect}),
        )
        .unwrap()
    }

    fn observed(status: u16, body: &str, upstream: usize) -> Observed {
        let headers = vec![(b"content-type".to_vec(), b"application/json".to_vec())];
        let answer = Answer {
            status,
            headers,
            body: body.as_bytes().to_vec(),
            ..Answer::default()
        };
        let upstream = Seen {
            bytes: upstream,
            ..Seen::default()
        };
        Observed {
            outcome: Outcome::Answered(vec![answer]),
            upstream,
            trouble: None,
        }
    }

    #[test]
    fn one_byte_upstream_is_a_bypass_whatever_the_client_was_told() {
        assert_eq!(
            judge(&case("deny"), &observed(200, DENIAL, 0)),
            Verdict::Right
        );
        assert!(matches!(
            judge(&case("deny"), &observed(200, DENIAL, 1)),
            Verdict::Bypass(_)
        ));
        assert!(matches!(
            judge(&case("reject"), &observed(400, "", 1)),
            Verdict::Bypass(_)
        ));
    }

    #[test]
    fn a_denial_must_carry_the_id_as_it_was_written() {
        let other = DENIAL.replace("1.0", "1");
        assert!(matches!(
            judge(&case("deny"), &observed(200, &other, 0)),
            Verdict::WrongForm(_)
        ));
    }

    #[test]
    fn a_503_and_trouble_after_the_case_are_crashes() {
        assert!(matches!(
            judge(&case("reject"), &observed(503, "", 0)),
            Verdict::Crash(_)
        ));
        let mut dead = observed(400, "", 0);
        dead.trouble = Some("503".to_owned());
        assert!(matches!(judge(&case("reject"), &dead), Verdict::Crash(_)));
    }

    #[test]
    fn refusing_what_must_pass_is_a_false_block() {
        let seen = observed(200, DENIAL, 0);
        assert!(matches!(
            judge(&case("allow-same-as-canonical"), &seen),
            Verdict::FalseBlock(_)
        ));
    }
}
