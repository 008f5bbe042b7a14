//! What the console says, and the headers it says it with.

use super::refusal::Refusal;
use crate::json::ObjectWriter;
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

/// A reply with a JSON object.
pub(super) fn json(status: u32, object: &str) -> Reply {
    let policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    with(
        status,
        "application/json",
        policy,
        object.as_bytes().to_vec(),
    )
}

/// What a refused request is answered with.
pub(super) fn error(refusal: &Refusal) -> Reply {
    let mut object = ObjectWriter::default();
    object.text("error", refusal.word);
    object.text("message", refusal.message);
    object.text("hint", refusal.hint);
    let mut reply = json(refusal.status, &object.finish());
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
