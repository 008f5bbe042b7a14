//! Steps to host calls: what a stream's callbacks and the tick have in common.

use toolgate_engine::exchange::{Context, Exchange, Step, header};
use toolgate_engine::identity::Attributes;
use toolgate_engine::time::Timestamp;

use crate::held;
use crate::host::{self, Buffer, Flow, Map};
use crate::plugin::Plugin;
use crate::store::SharedData;

/// What the engine may use.
pub fn context<'a>(plugin: &'a Plugin, now: Timestamp, store: &'a mut SharedData) -> Context<'a> {
    Context {
        gate: &plugin.gate,
        store,
        now,
        held: if plugin.ticks {
            held::count()
        } else {
            usize::MAX
        },
    }
}

/// Hands the engine what a configuration needs to know of the connection and the route.
pub fn read_attributes(exchange: &mut Exchange, plugin: &Plugin) {
    if plugin.gate.attributes.is_empty() {
        return;
    }
    let read = |name: &'static str| Some((name, host::property(&name.replace('.', "\0")).ok()?));
    let attributes = plugin.gate.attributes.iter().copied().filter_map(read);
    let attributes = Attributes(attributes.collect());
    let bare = std::mem::replace(exchange, Exchange::new(String::new()));
    *exchange = bare.with_attributes(attributes);
}

/// Makes a paused request what is to be forwarded: without these headers, and with this body in place of the `size` bytes
/// the host has. False if it could not be: then it must not go on.
pub fn make_ready(removals: &[impl AsRef<str>], body: Option<&[u8]>, size: usize) -> bool {
    remove_all(Map::Request, removals) && body.is_none_or(|body| replace_body(body, size).is_ok())
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
