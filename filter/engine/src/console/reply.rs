//! What the console says, and the headers it says it with.

use super::request::Refusal;
use crate::json::write_text;
use crate::pep::Reply;

/// On every reply: nothing is cached, framed, sniffed, shared with other origins or told to other sites.
const SAFE: [(&str, &str); 7] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
];

/// A reply with the headers every reply has.
pub(super) fn with(status: u32, content_type: &str, policy: &str, body: Vec<u8>) -> Reply {
    let mut headers = vec![
        ("content-type", content_type.to_owned()),
        ("content-security-policy", policy.to_owned()),
    ];
    for (name, value) in SAFE {
        headers.push((name, value.to_owned()));
    }
    Reply {
        status,
        headers,
        body,
    }
}

/// A reply with a JSON object: its members as text.
pub(super) fn json(status: u32, members: &str) -> Reply {
    let body = ["{", members, "}"].concat();
    let policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    with(status, "application/json", policy, body.into_bytes())
}

/// What a refused request is answered with.
pub(super) fn error(refusal: &Refusal) -> Reply {
    let mut members = String::new();
    for (key, value) in [
        ("error", refusal.word),
        ("message", refusal.message),
        ("hint", refusal.hint),
    ] {
        member(&mut members, key, value);
    }
    let mut reply = json(refusal.status, &members);
    match refusal.status {
        401 => reply.headers.push((
            "www-authenticate",
            "Bearer realm=\"toolgate console\"".to_owned(),
        )),
        405 => reply.headers.push(("allow", "GET, POST".to_owned())),
        _ => {}
    }
    reply
}

/// Adds the name of a member, with the comma before it.
pub(super) fn key(out: &mut String, name: &str) {
    if !out.is_empty() && !out.ends_with('{') {
        out.push(',');
    }
    write_text(name, out);
    out.push(':');
}

/// Adds a member with a text.
pub(super) fn member(out: &mut String, name: &str, value: &str) {
    key(out, name);
    write_text(value, out);
}

/// Adds a member with a text, or null.
pub(super) fn optional(out: &mut String, name: &str, value: Option<&str>) {
    match value {
        Some(value) => member(out, name, value),
        None => raw(out, name, "null"),
    }
}

/// Adds a member whose value is JSON already.
pub(super) fn raw(out: &mut String, name: &str, json: &str) {
    key(out, name);
    out.push_str(json);
}
