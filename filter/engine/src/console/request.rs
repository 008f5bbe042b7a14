//! Who asks, and is it a request the console takes? Everything is refused that a browser could be tricked into.
//!
//! Without a token there is the page and nothing else, not even a "not found".

use super::context::Body;
use super::refusal::{Checked, not_found, refuse};
use super::settings::Approver;
use crate::headers::{Headers, header, is_json};
use crate::identity::TokenHash;

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

/// The approver of a request's token. Every approver is compared with, whoever it is.
pub(super) fn find<'c>(approvers: &'c [Approver], headers: &Headers) -> Option<&'c Approver> {
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

pub(super) fn check_headers(headers: &Headers) -> Checked<()> {
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
pub(super) fn check<'a>(
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

/// The text of a header; empty where there is none, or none that is UTF-8.
pub(super) fn text<'h>(headers: &'h Headers, name: &str) -> &'h str {
    let value = header(headers, name).unwrap_or_default();
    std::str::from_utf8(value).unwrap_or_default()
}
