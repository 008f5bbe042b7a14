//! Answers the proxy gives itself, for the module or for its own reasons, and how streams are cut.

use super::headers::Headers;
use super::pipeline::{Piece, to_downstream};
use super::state::{Dir, LocalReply, StreamState};
use super::worker::{Phase, Worker};

impl Worker<'_> {
    /// The proxy answers. Before any response this runs through the module's own response callbacks; with response
    /// headers held it goes out past them; after they have left, all that remains is a reset.
    pub fn local_reply(&mut self, id: u32, reply: LocalReply, phase: Phase) {
        let is_decoding = self.state().running.contains(&Phase::Decoding(id));
        let Some(stream) = self.live(id) else { return };
        if stream.response.headers.is_none() {
            if phase == Phase::Decoding(id) || is_decoding {
                // The first answer wins.
                stream.prepared.get_or_insert(reply);
            } else {
                self.reply_through_filter(id, reply);
            }
        } else if stream.downstream.status == 0 {
            stream.downstream.local_reply = true;
            stream.downstream.details = reply.details.clone();
            let (headers, body) = reply_message(stream, reply);
            stream.response.headers = Some(headers);
            let end = body.is_empty();
            to_downstream(stream, Piece::Headers { end });
            if !end {
                let piece = Piece::Data {
                    bytes: body,
                    end: true,
                };
                to_downstream(stream, piece);
            }
        } else {
            stream.downstream.details = reply.details;
            self.reset(id);
        }
    }

    fn reply_through_filter(&mut self, id: u32, reply: LocalReply) {
        let Some(stream) = self.live(id) else { return };
        stream.downstream.local_reply = true;
        stream.downstream.details = reply.details.clone();
        let (headers, body) = reply_message(stream, reply);
        let end = body.is_empty();
        self.encode_headers(id, headers, end);
        if !end {
            self.data(id, Dir::Response, body, true);
        }
    }

    /// Sends the local reply a request callback asked for, now that it has returned. True when there was one or the
    /// stream is over: nothing more happens to the request.
    pub fn run_prepared(&mut self, id: u32) -> bool {
        let Some(stream) = self.live(id) else {
            return true;
        };
        match stream.prepared.take() {
            Some(reply) => {
                self.reply_through_filter(id, reply);
                true
            }
            None => false,
        }
    }

    /// The VM is dead and a callback of this stream is due: 503, once, past the module.
    pub fn fail_stream(&mut self, phase: Phase) {
        let (Phase::Decoding(id) | Phase::Encoding(id)) = phase else {
            return;
        };
        let Some(stream) = self.live(id) else { return };
        if std::mem::replace(&mut stream.failure_reply, true) {
            return;
        }
        let reply = LocalReply {
            status: 503,
            headers: Headers::new(),
            body: Vec::new(),
            details: "wasm_fail_stream".to_owned(),
        };
        self.local_reply(id, reply, phase);
    }

    /// An answer Envoy gives for the upstream: no connection, or a reset before the response.
    pub fn upstream_failed(&mut self, id: u32, details: &str, body: &str, flags: u64) {
        let Some(stream) = self.live(id) else { return };
        stream
            .properties
            .set(&["response", "flags"], flags.to_le_bytes());
        let reply = LocalReply {
            status: 503,
            headers: Headers::new(),
            body: body.as_bytes().to_vec(),
            details: details.to_owned(),
        };
        self.local_reply(id, reply, Phase::None);
    }

    /// Both sides are cut.
    pub fn reset(&mut self, id: u32) {
        let Some(stream) = self.live(id) else { return };
        stream.downstream.reset = true;
        end_stream(stream);
    }

    /// A host call made a held buffer larger than the limit. Where that ends the stream the guest hears of it at once, with
    /// the call that did it still running.
    pub fn outgrown(&mut self, id: u32, dir: Dir) {
        self.too_large(id, dir, Phase::None);
        if self.stream(id).is_some_and(|s| s.terminated && !s.finished) {
            self.finish(id);
        }
    }

    /// A buffer over the limit: 413 for a request; for a reply 500, or a cut when its headers have left.
    pub fn too_large(&mut self, id: u32, dir: Dir, phase: Phase) {
        let (status, body, details) = match dir {
            Dir::Request => (413, "Payload Too Large", "request_payload_too_large"),
            Dir::Response => (500, "Internal Server Error", "response_payload_too_large"),
        };
        let reply = LocalReply {
            status,
            headers: Headers::new(),
            body: body.as_bytes().to_vec(),
            details: details.to_owned(),
        };
        self.local_reply(id, reply, phase);
    }
}

/// The stream is over. What the upstream has not finished by now is reset.
pub(crate) fn end_stream(stream: &mut StreamState) {
    stream.terminated = true;
    let answered = stream.upstream_complete;
    if let Some(sent) = &mut stream.upstream {
        sent.reset = !(sent.ended && answered);
    }
}

/// A local reply as Envoy writes it: a body gets a content-length and, unless it has one, the type `text/plain`;
/// without a body both are removed. HEAD gets no body.
fn reply_message(stream: &StreamState, reply: LocalReply) -> (Headers, Vec<u8>) {
    let mut headers = Headers::from([(":status", reply.status.to_string())]);
    for (name, value) in reply.headers.iter() {
        headers.add(name, value);
    }
    if reply.body.is_empty() {
        headers.remove("content-length");
        headers.remove("content-type");
        return (headers, reply.body);
    }
    headers.set("content-length", reply.body.len().to_string());
    if !headers.contains("content-type") {
        headers.push("content-type", "text/plain");
    }
    let method = stream
        .request
        .headers
        .as_ref()
        .and_then(|h| h.get(":method"));
    let body = if method == Some(b"HEAD") {
        Vec::new()
    } else {
        reply.body
    };
    (headers, body)
}
