//! The console: a page and a JSON interface with which people decide, revoke and stop.
//!
//! A pure function from a request to its reply. All it knows stands in the shared store, where the gates of the
//! proxy keep their questions and their switches; nothing here reaches a gate in any other way.

mod act;
mod api;
mod context;
mod page;
mod query;
mod record;
mod refusal;
mod reply;
mod request;
mod settings;
mod show;

use crate::audit::Outcome;
use crate::headers::Headers;
use crate::text::clip;
pub use context::{Answer, Body, Context, MAX_BODY};
use record::record;
use refusal::Refusal;
use request::{check, check_headers, find, text};
pub use settings::{Approver, Console};

/// Answers a request; `None` asks for its whole body first. Strangers are answered on their headers.
pub fn respond(cx: &mut Context<'_>, headers: &Headers, body: Body<'_>) -> Option<Answer> {
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
