//! Who asks, and is it a request the console takes? Everything is refused that a browser could be tricked into.
//!
//! Without a token there is the page and nothing else, not even a "not found".

use super::{Answer, Approver, Body, Context, api, page, reply};
use crate::audit::{Outcome, Record};
use crate::headers::{Headers, header, is_json};
use crate::identity::TokenHash;
use crate::text::clip;

/// Headers that decide how a request is read. A second one is a second reading.
const ONCE: [&str; 11] = [
    ":method",
    ":path",
    ":authority",
    "host",
    "authorization",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "origin",
    "sec-fetch-site",
];

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    /// HTTP status.
    pub(super) status: u32,
    /// Ends the rule pointer `/console/<word>` and stands in the reply as `error`.
    pub(super) word: &'static str,
    /// What is wrong.
    pub(super) message: &'static str,
    /// What to do about it.
    pub(super) hint: &'static str,
}

/// The outcome of a step.
pub(super) type Checked<T> = Result<T, Refusal>;

/// A refusal.
#[inline(never)]
pub(super) fn refuse<T>(
    status: u32,
    word: &'static str,
    message: &'static str,
    hint: &'static str,
) -> Checked<T> {
    Err(Refusal {
        status,
        word,
        message,
        hint,
    })
}

/// A request whose sender is known.
pub(super) struct Request<'a> {
    /// Who asks.
    pub(super) approver: &'a Approver,
    /// A POST; a GET otherwise.
    pub(super) post: bool,
    /// The path below `/api/v1/`.
    pub(super) path: &'a str,
    /// What follows `?`.
    pub(super) query: &'a str,
}

/// See [`super::respond`].
pub(super) fn answer(cx: &mut Context<'_>, headers: &Headers, body: Body<'_>) -> Option<Answer> {
    let console = cx.console;
    let target = text(headers, ":path");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let method = text(headers, ":method");
    if let Err(refusal) = check_headers(headers) {
        return Some(refused(cx, "unknown", method, path, refusal));
    }
    if method == "GET" && path == "/" {
        return Some(Answer {
            reply: page::reply(),
            records: Vec::new(),
        });
    }
    let Some(approver) = find(&console.approvers, headers) else {
        let refusal = Refusal {
            status: 401,
            word: "token",
            message: "no token, or none that is known here",
            hint: "send `Authorization: Bearer …` with the token of an approver of this console",
        };
        return Some(refused(cx, "unknown", method, path, refusal));
    };
    let checked = check(headers, approver, method, path, query, body);
    let request = match checked {
        Ok(request) => request,
        Err(refusal) => return Some(refused(cx, &approver.id, method, path, refusal)),
    };
    let body: &[u8] = match body {
        Body::Whole(bytes) => bytes,
        Body::Awaited if request.post => return None,
        Body::Awaited | Body::TooLarge => &[],
    };
    match api::answer(cx, &request, body) {
        Ok(answer) => Some(answer),
        Err(refusal) => Some(refused(cx, &approver.id, method, path, refusal)),
    }
}

/// The approver of a request's token. Every approver is compared with, whoever it is.
fn find<'c>(approvers: &'c [Approver], headers: &Headers) -> Option<&'c Approver> {
    let authorization = header(headers, "authorization").unwrap_or_default();
    let (scheme, token) = authorization.split_at_checked(7)?;
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return None;
    }
    let token = TokenHash::of(token.trim_ascii());
    let mut found = None;
    for approver in approvers {
        if approver.token.equals(&token) {
            found = Some(approver);
        }
    }
    found
}

fn check_headers(headers: &Headers) -> Checked<()> {
    let times = |once: &str| {
        let same = |(name, _): &&(Vec<u8>, Vec<u8>)| name.eq_ignore_ascii_case(once.as_bytes());
        headers.iter().filter(same).count()
    };
    // Hosts join repeated values with a comma, which no bearer token holds (RFC 6750).
    let joined = header(headers, "authorization").is_some_and(|value| value.contains(&b','));
    if joined || ONCE.into_iter().any(|once| times(once) > 1) {
        return refuse(
            400,
            "header",
            "a header that matters is repeated",
            "send each header once",
        );
    }
    Ok(())
}

/// What has to be so whatever is asked for.
fn check<'a>(
    headers: &Headers,
    approver: &'a Approver,
    method: &str,
    path: &'a str,
    query: &'a str,
    body: Body<'_>,
) -> Checked<Request<'a>> {
    let site = header(headers, "sec-fetch-site");
    let foreign = site.is_some_and(|site| site != b"same-origin" && site != b"none");
    let origin = header(headers, "origin").map(|_| text(headers, "origin"));
    let same = |origin: &str| {
        let host = origin.split_once("://").map(|(_, host)| host);
        let own = header(headers, ":authority").or(header(headers, "host"));
        host.is_some_and(|host| own.is_some_and(|own| own.eq_ignore_ascii_case(host.as_bytes())))
    };
    if foreign || origin.is_some_and(|origin| !same(origin)) {
        return refuse(
            403,
            "cross-site",
            "the request comes from another site",
            "use the console's own page; a proxy in front of it has to keep the host as the browser sent it",
        );
    }
    let post = match method {
        "GET" => false,
        "POST" => true,
        _ => {
            return refuse(
                405,
                "http-method",
                "the console takes GET and POST",
                "use the method the interface names",
            );
        }
    };
    let Some(path) = path.strip_prefix("/api/v1/") else {
        return not_found();
    };
    if matches!(body, Body::TooLarge) {
        return refuse(
            413,
            "size",
            "the body is too large",
            "send at most 64 KiB; a reason has at most 500 characters",
        );
    }
    if post && !header(headers, "content-type").is_some_and(is_json) {
        return refuse(
            415,
            "content-type",
            "the content type is not application/json",
            "send `content-type: application/json` and a JSON object in UTF-8",
        );
    }
    if header(headers, "content-encoding").is_some() {
        return refuse(
            415,
            "content-encoding",
            "encoded bodies are not accepted",
            "send the body as it is",
        );
    }
    if !post && matches!(body, Body::Whole([_, ..]) | Body::Awaited) {
        return refuse(
            400,
            "unexpected-body",
            "a GET takes no body",
            "send the request without one",
        );
    }
    Ok(Request {
        approver,
        post,
        path,
        query,
    })
}

/// The refusal of a path that leads nowhere.
pub(super) fn not_found<T>() -> Checked<T> {
    refuse(
        404,
        "not-found",
        "there is nothing at this path",
        "the interface is below /api/v1/; the page is at /",
    )
}

/// The reply to a refused request, and its record.
fn refused(cx: &Context<'_>, who: &str, method: &str, path: &str, refusal: Refusal) -> Answer {
    let mut record = record(cx, who, "request", Outcome::Reject);
    record.target = Some(clip(&[method, path].join(" ")));
    record.rule = Some(["/console/", refusal.word].concat());
    record.reason = Some(refusal.message.to_owned());
    record.status = Some(refusal.status);
    Answer {
        reply: reply::error(&refusal),
        records: vec![record],
    }
}

/// A record of the console.
pub(super) fn record(cx: &Context<'_>, who: &str, action: &str, outcome: Outcome) -> Record {
    let mut record = Record::new(cx.now, cx.id, &cx.console.digest);
    record.decision = outcome;
    record.method = Some(["console/", action].concat());
    record.principal = clip(who);
    record.source = "console".to_owned();
    record
}

/// The text of a header; empty where there is none, or none that is UTF-8.
fn text<'h>(headers: &'h Headers, name: &str) -> &'h str {
    let value = header(headers, name).unwrap_or_default();
    std::str::from_utf8(value).unwrap_or_default()
}
