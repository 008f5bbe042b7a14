//! Did the client see of a reply what it may see, and all of it? The verdict for upstream replies.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::client1::{Answer, Outcome, preview};
use super::http1::{self, Fields};
use super::judge::{Observed, Verdict};
use super::reply::{ReplyCase, ReplyExpect};
use super::rig::describe;
use super::token;
use super::upstream::Reply;

/// Headers that describe a body and are wrong once it changed (`content-length` is checked against the body itself).
const VALIDATORS: [&str; 5] = [
    "etag",
    "digest",
    "content-digest",
    "repr-digest",
    "content-md5",
];

/// Judges a reply case; the probe's trouble includes what followed on the same connection.
#[must_use]
pub fn judge_reply(case: &ReplyCase, reply: &Reply, observed: &Observed) -> Verdict {
    if let Outcome::NotSent(why) = &observed.outcome {
        return Verdict::NotSent(why.clone());
    }
    if let Some(trouble) = &observed.trouble {
        return Verdict::Crash(trouble.clone());
    }
    let (answer, cut) = match &observed.outcome {
        Outcome::Answered(answers) => (answers.first().cloned().unwrap_or_default(), None),
        Outcome::Cut(answers, how) => (
            answers.first().cloned().unwrap_or_default(),
            Some(how.as_str()),
        ),
        Outcome::Hung(_) | Outcome::Aborted | Outcome::NotSent(_) => {
            return Verdict::Crash(describe(&observed.outcome));
        }
    };
    if let Some(leaked) = leak(case, &answer) {
        return Verdict::Bypass(format!(
            "the client got `{leaked}`: {}",
            describe(&observed.outcome)
        ));
    }
    if observed.upstream.requests.is_empty() {
        return Verdict::FalseBlock(format!(
            "the request was not forwarded: {}",
            describe(&observed.outcome)
        ));
    }
    if answer.status == 503 && reply.status != 503 {
        return Verdict::Crash(describe(&observed.outcome));
    }
    let mut first_failure = None;
    for expect in case.acceptable() {
        let result = match expect {
            ReplyExpect::Pass => passed(reply, &answer, cut),
            ReplyExpect::Filtered => filtered(case, reply, &answer, cut)
                .and_then(|()| answered(case, reply, &answer, cut)),
            ReplyExpect::Blocked => {
                blocked(reply, &answer).and_then(|()| answered(case, reply, &answer, cut))
            }
        };
        match result.and_then(|()| streamed(case, &answer, observed)) {
            Ok(()) => return Verdict::Right,
            Err(verdict) => {
                first_failure.get_or_insert(verdict);
            }
        }
    }
    first_failure.unwrap_or(Verdict::Right)
}

fn leak(case: &ReplyCase, answer: &Answer) -> Option<String> {
    let fields = answer.headers.iter().chain(&answer.trailers);
    let mut texts: Vec<Vec<u8>> = fields.map(|(_, value)| value.clone()).collect();
    texts.extend(token::readings(&answer.body));
    let found = |needle: &&String| {
        texts
            .iter()
            .any(|text| http1::find(text, needle.as_bytes()).is_some())
    };
    case.forbid
        .iter()
        .filter(|needle| !needle.is_empty())
        .find(found)
        .cloned()
}

fn passed(reply: &Reply, answer: &Answer, cut: Option<&str>) -> Result<(), Verdict> {
    if let Some(how) = cut {
        return Err(Verdict::FalseBlock(format!("the reply was cut: {how}")));
    }
    if answer.status != reply.status {
        return Err(Verdict::FalseBlock(format!(
            "status {} for {}: {}",
            answer.status,
            reply.status,
            preview(&answer.body)
        )));
    }
    if answer.body != reply.body() {
        return Err(Verdict::Altered(format!(
            "sent {}, received {}",
            preview(&reply.body()),
            preview(&answer.body)
        )));
    }
    let (sent, received) = (comparable(&reply.headers), comparable(&answer.headers));
    if sent != received {
        return Err(Verdict::Altered(format!(
            "headers: sent {sent:?}, received {received:?}"
        )));
    }
    // HTTP/1.1 clients only get trailers where the listener has them on; if any arrive they are the upstream's.
    let (sent, received) = (comparable(&reply.trailers), comparable(&answer.trailers));
    if !received.is_empty() && sent != received {
        return Err(Verdict::Altered(format!(
            "trailers: sent {sent:?}, received {received:?}"
        )));
    }
    Ok(())
}

fn filtered(
    case: &ReplyCase,
    reply: &Reply,
    answer: &Answer,
    cut: Option<&str>,
) -> Result<(), Verdict> {
    if let Some(how) = cut {
        return Err(Verdict::FalseBlock(format!("the reply was cut: {how}")));
    }
    let body = preview(&answer.body);
    if answer.status != reply.status {
        return Err(Verdict::FalseBlock(format!(
            "status {} for {}: {body}",
            answer.status, reply.status
        )));
    }
    if answer.body == reply.body() && !case.forbid.is_empty() {
        return Err(Verdict::Bypass(format!("the reply passed unread: {body}")));
    }
    let readings = token::readings(&answer.body);
    for needle in &case.require {
        if !readings
            .iter()
            .any(|text| http1::find(text, needle.as_bytes()).is_some())
        {
            return Err(Verdict::FalseBlock(format!("`{needle}` is gone: {body}")));
        }
    }
    let kind = http1::field(&answer.headers, "content-type").unwrap_or_default();
    // A server may stream one value after another.
    let is_json = |body: &[u8]| {
        let mut values = serde_json::Deserializer::from_slice(body).into_iter::<IgnoredAny>();
        values.all(|value| value.is_ok())
    };
    if kind.starts_with("application/json") && is_json(&reply.body()) && !is_json(&answer.body) {
        return Err(Verdict::WrongForm(format!(
            "the filtered reply is not JSON: {body}"
        )));
    }
    headers_fit(case, reply, answer)
}

fn headers_fit(case: &ReplyCase, reply: &Reply, answer: &Answer) -> Result<(), Verdict> {
    let given = |name: &str| http1::field(&answer.headers, name);
    if let Some(length) = given("content-length")
        && length != answer.body.len().to_string()
    {
        let bytes = answer.body.len();
        return Err(Verdict::WrongForm(format!(
            "content-length {length} on {bytes} bytes"
        )));
    }
    if answer.body != reply.body()
        && let Some(stale) = VALIDATORS.iter().find(|name| given(name).is_some())
    {
        return Err(Verdict::WrongForm(format!(
            "`{stale}` of the unfiltered reply"
        )));
    }
    match case
        .forbid_headers
        .iter()
        .find(|name| given(name).is_some())
    {
        Some(name) => Err(Verdict::WrongForm(format!("`{name}` came through"))),
        None => Ok(()),
    }
}

/// Withheld: anything that is not the upstream's reply. What is forbidden was already looked for.
fn blocked(reply: &Reply, answer: &Answer) -> Result<(), Verdict> {
    if answer.body == reply.body() && !answer.body.is_empty() {
        return Err(Verdict::Bypass(format!(
            "the reply passed unread: {}",
            preview(&answer.body)
        )));
    }
    Ok(())
}

/// A client that waits for an answer must get one, if only an error: silence makes it hang.
fn answered(
    case: &ReplyCase,
    reply: &Reply,
    answer: &Answer,
    cut: Option<&str>,
) -> Result<(), Verdict> {
    let (method, _, asked) = case.asks();
    if method == "GET" || cut.is_some() || answer.status >= 400 {
        return Ok(());
    }
    let given = reply.body();
    let readable = http1::find(&given, b"jsonrpc").is_some();
    for id in token::ids(&asked) {
        let mine = [&b"\"id\":"[..], &id].concat();
        // An upstream that answered something else left the client waiting by itself.
        let owed = !readable || http1::find(&given, &mine).is_some();
        if owed && http1::find(&answer.body, &mine).is_none() {
            let body = preview(&answer.body);
            return Err(Verdict::WrongForm(format!(
                "the client is left without an answer: {body}"
            )));
        }
    }
    Ok(())
}

fn streamed(case: &ReplyCase, answer: &Answer, observed: &Observed) -> Result<(), Verdict> {
    if !case.streams {
        return Ok(());
    }
    match (answer.first, observed.upstream.written.last()) {
        (Some(first), Some(last)) if first < *last => Ok(()),
        _ => Err(Verdict::Altered(
            "the reply was held back to its end".to_owned(),
        )),
    }
}

fn comparable(fields: &Fields) -> BTreeMap<String, Vec<String>> {
    const PROXYS_OWN: [&str; 7] = [
        "connection",
        "keep-alive",
        "transfer-encoding",
        "content-length",
        "date",
        "server",
        "trailer",
    ];
    let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in fields {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        if !PROXYS_OWN.contains(&name.as_str()) && !name.starts_with("x-envoy-") {
            map.entry(name)
                .or_default()
                .push(value.trim_ascii().escape_ascii().to_string());
        }
    }
    map
}
