//! Steps to host calls: what a stream's callbacks and the tick have in common.

use toolgate_engine::exchange::{Exchange, Step, header};
use toolgate_engine::pep::Rejection;

use crate::host::{self, Buffer, Flow, Map};
use crate::plugin::Plugin;

/// Makes a paused request what is to be forwarded: without these headers, and with this body in place of the `size` bytes
/// the host has.
///
/// # Errors
/// Why it must not go on.
pub fn make_ready(
    plugin: &Plugin,
    exchange: &Exchange,
    removals: &[impl AsRef<str>],
    (body, size): (Option<&[u8]>, usize),
) -> Result<(), Rejection> {
    if !removals.is_empty() && plugin.leaves_route(exchange) {
        return Err(Rejection::Route);
    }
    let changed = remove_all(Map::Request, removals)
        && body.is_none_or(|body| replace_body(body, size).is_ok());
    changed.then_some(()).ok_or(Rejection::Host)
}

fn replace_body(body: &[u8], size: usize) -> host::Result<()> {
    const LENGTH: &str = "content-length";
    // Without one the body came in chunks, and leaves in chunks.
    if header(&host::headers(Map::Request)?, LENGTH).is_some() {
        host::set_header(Map::Request, LENGTH, &body.len().to_string())?;
    }
    host::set_buffer(Buffer::RequestBody, Flow::Held, size, body)
}

/// Answers the caller, if the step is a reply. Nothing goes upstream.
pub fn answer(step: &Step) {
    let Step::Reply(reply) = step else { return };
    // If even closing fails the request stays paused, and the host's timeout ends it.
    if host::send_local_response(reply.status, &reply.headers, &reply.body).is_err() {
        let _paused = host::close_downstream();
    }
}

/// Takes headers off; false if one could not be.
pub fn remove_all(map: Map, names: &[impl AsRef<str>]) -> bool {
    names
        .iter()
        .all(|name| host::remove_header(map, name.as_ref()).is_ok())
}

/// The status among a reply's headers.
pub fn status(headers: &[(Vec<u8>, Vec<u8>)]) -> Option<u32> {
    let status = header(headers, ":status")?;
    std::str::from_utf8(status).ok()?.parse().ok()
}
