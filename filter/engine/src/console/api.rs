//! The JSON interface below `/api/v1/`.

use super::request::{Checked, Request, not_found};
use super::{Answer, Context, reply};

/// Answers a request that may be made.
pub(super) fn answer(cx: &mut Context<'_>, request: &Request<'_>, _body: &[u8]) -> Checked<Answer> {
    match (request.post, request.path) {
        (false, "state") => {
            let mut out = String::new();
            reply::member(&mut out, "now", &cx.now.to_string());
            reply::member(&mut out, "you", &request.approver.id);
            Ok(Answer {
                reply: reply::json(200, &out),
                records: Vec::new(),
            })
        }
        _ => not_found(),
    }
}
