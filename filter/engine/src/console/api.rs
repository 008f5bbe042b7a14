//! The JSON interface below `/api/v1/`, as the page and the command use it. `envoy/approvals/README.md` documents it.
//!
//! Times are seconds since 1970-01-01T00:00:00Z.

use super::context::{Answer, Context};
use super::refusal::{Checked, not_found, refuse};
use super::request::Request;
use super::{act, reply, show};

/// Answers a request that may be made.
///
/// # Errors
/// Why it is refused.
pub(super) fn answer(cx: &mut Context<'_>, request: &Request<'_>, body: &[u8]) -> Checked<Answer> {
    let mut parts = request.path.splitn(3, '/');
    let (first, second, third) = (parts.next(), parts.next(), parts.next());
    let looked = |object: String| Answer {
        reply: reply::json(200, &object),
        records: Vec::new(),
    };
    if request.post {
        let who = request.approver;
        // Each act is called from one place only, for the module's size.
        return match (first, second, third) {
            (Some("approvals"), Some(id), Some(word @ ("approve" | "reject"))) => {
                act::decide(cx, who, id, word == "approve", body)
            }
            (Some(word @ ("stop" | "resume")), None, None) => {
                act::stop(cx, who, word == "stop", body)
            }
            (Some("grants"), Some(word @ ("revoke" | "reinstate")), None) => {
                act::grant(cx, who, word == "revoke", body)
            }
            (Some("state" | "decisions"), None, None) | (Some("approvals"), _, None) => {
                refuse(405, "http-method", "this is read with GET", "use GET")
            }
            _ => not_found(),
        };
    }
    match (first, second, third) {
        (Some("state"), None, None) => Ok(looked(show::state(cx, request)?)),
        (Some("approvals"), None, None) => Ok(looked(show::questions(cx, request)?)),
        (Some("approvals"), Some(id), None) => Ok(looked(show::question(cx, request, id)?)),
        (Some("decisions"), None, None) => Ok(looked(show::decisions(cx, request)?)),
        (Some("stop" | "resume"), None, None)
        | (Some("grants"), Some("revoke" | "reinstate"), None)
        | (Some("approvals"), Some(_), Some("approve" | "reject")) => {
            refuse(405, "http-method", "this is done with POST", "use POST")
        }
        _ => not_found(),
    }
}
