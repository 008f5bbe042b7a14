//! Envoy's filter manager for one filter: what each callback's answer does to the bytes.
//!
//! Written after Envoy's `filter_manager.cc` and the wasm extension's `context.cc`, and held against measurements on
//! Envoy 1.40. The two directions run through the same code; where they differ is at the ends, in [`Worker::forward`].

use super::headers::Headers;
use super::message::SentUpstream;
use super::replies::end_stream;
use super::state::{Dir, Iteration, StreamState};
use super::worker::{Phase, Worker};

/// What a data callback's answer means once a local reply has been taken into account.
enum Verdict {
    Continue,
    Buffer,
    /// A local reply stopped the stream: the data is dropped.
    Drop,
}

/// A piece of a message on its way out.
pub(crate) enum Piece {
    Headers { end: bool },
    Data { bytes: Vec<u8>, end: bool },
    Trailers,
}

impl Worker<'_> {
    /// The client's headers arrive.
    pub fn request_headers(&mut self, id: u32, headers: Headers, end: bool) {
        let dead = self.is_dead();
        let Some(stream) = self.live(id) else { return };
        stream.request.headers = Some(headers);
        stream.request.complete = end;
        stream.in_vm = !dead;
        let root = stream.root;
        let phase = Phase::Decoding(id);
        self.call::<_, ()>("proxy_on_context_create", id, (id, root), phase);
        if !self.run_prepared(id) {
            self.headers(id, Dir::Request, end);
        }
    }

    /// The upstream's headers arrive.
    pub fn response_headers(&mut self, id: u32, headers: Headers, end: bool) {
        let Some(stream) = self.live(id) else { return };
        stream.downstream.details = "via_upstream".to_owned();
        stream.upstream_complete |= end;
        self.encode_headers(id, headers, end);
    }

    /// Body bytes arrive in either direction.
    pub fn data(&mut self, id: u32, dir: Dir, bytes: Vec<u8>, end: bool) {
        let Some(stream) = self.live(id) else { return };
        if dir == Dir::Request && stream.local_complete {
            return;
        }
        stream.side(dir).complete |= end;
        stream.local_complete |= dir == Dir::Response && end;
        stream.upstream_complete |= dir == Dir::Response && end && !stream.downstream.local_reply;
        let side = stream.side(dir);
        if side.iteration == Iteration::StopAll {
            side.buffered.get_or_insert_default().extend(bytes);
            return;
        }
        self.data_callback(id, dir, bytes, end);
    }

    /// Trailers arrive in either direction.
    pub fn trailers(&mut self, id: u32, dir: Dir, trailers: Headers) {
        let Some(stream) = self.live(id) else { return };
        if dir == Dir::Request && stream.local_complete {
            return;
        }
        stream.local_complete |= dir == Dir::Response;
        stream.upstream_complete |= dir == Dir::Response && !stream.downstream.local_reply;
        let side = stream.side(dir);
        side.trailers = Some(trailers);
        side.complete = true;
        if side.iteration != Iteration::StopAll {
            self.trailers_callback(id, dir);
        }
    }

    /// Response headers enter the filter chain, the upstream's or a local reply's.
    pub fn encode_headers(&mut self, id: u32, headers: Headers, end: bool) {
        let Some(stream) = self.live(id) else { return };
        stream.response.headers = Some(headers);
        stream.response.complete = end;
        stream.local_complete |= end;
        self.headers(id, Dir::Response, end);
    }

    fn headers(&mut self, id: u32, dir: Dir, end: bool) {
        let Some(stream) = self.live(id) else { return };
        let skip = stream.failure_reply;
        let side = stream.side(dir);
        side.headers_visible = true;
        side.end_of_stream = end;
        let count = side.headers.as_ref().map_or(0, Headers::len);
        let name = match dir {
            Dir::Request => "proxy_on_request_headers",
            Dir::Response => "proxy_on_response_headers",
        };
        let (count, end_flag) = (u32::try_from(count).unwrap_or(u32::MAX), u32::from(end));
        let phase = phase(dir, id);
        let answer = if skip || !self.exports(name) {
            Some((0, false))
        } else {
            self.call::<_, u32>(name, id, (id, count, end_flag), phase)
        };
        if self.run_prepared(id) {
            return;
        }
        let allowed = self.state().options.allow_on_headers_stop_iteration;
        let Some(stream) = self.live(id) else { return };
        let side = stream.side(dir);
        side.iteration = match answer {
            Some((0, false)) => Iteration::Continue,
            Some((1, false)) if allowed => Iteration::StopSingle,
            _ => Iteration::StopAll,
        };
        if side.iteration == Iteration::Continue {
            side.headers_visible = false;
            side.headers_continued = true;
            self.forward(id, dir, Piece::Headers { end });
        }
    }

    fn data_callback(&mut self, id: u32, dir: Dir, bytes: Vec<u8>, end: bool) {
        let limit = self.state().options.buffer_limit;
        let Some(stream) = self.live(id) else { return };
        let skip = stream.failure_reply;
        let side = stream.side(dir);
        let mut bytes = bytes;
        if side.buffering {
            side.buffered.get_or_insert_default().append(&mut bytes);
            if side.is_over(limit) {
                // A request's callback still runs, with the whole of it, but nothing it says counts any more; a
                // reply's does not run (both measured on Envoy 1.40).
                self.too_large(id, dir, phase(dir, id));
            }
        }
        let Some(stream) = self.live(id) else { return };
        let side = stream.side(dir);
        side.chunk = Some(bytes);
        side.end_of_stream = end;
        let had_trailers = side.trailers.is_some();
        let size = u32::try_from(side.body().len()).unwrap_or(u32::MAX);
        let name = match dir {
            Dir::Request => "proxy_on_request_body",
            Dir::Response => "proxy_on_response_body",
        };
        let answer = if skip || !self.exports(name) {
            Some((0, false))
        } else {
            self.call::<_, u32>(name, id, (id, size, u32::from(end)), phase(dir, id))
        };
        if self.run_prepared(id) {
            return;
        }
        let verdict = match answer {
            Some((0, false)) => Verdict::Continue,
            Some((1 | 2, false)) => Verdict::Buffer,
            _ => Verdict::Drop,
        };
        let Some(stream) = self.live(id) else { return };
        let side = stream.side(dir);
        side.buffering = matches!(verdict, Verdict::Buffer);
        let bytes = side.chunk.take().unwrap_or_default();
        let stopped = side.iteration != Iteration::Continue;
        match verdict {
            Verdict::Continue if stopped => {
                side.buffered.get_or_insert_default().extend(bytes);
                self.resume(id, dir);
            }
            Verdict::Continue => {
                // Trailers that the callback itself has just added follow the data.
                let added = !had_trailers && side.trailers.is_some();
                let end = end && !added;
                self.forward(id, dir, Piece::Data { bytes, end });
                if added {
                    self.forward(id, dir, Piece::Trailers);
                }
            }
            Verdict::Buffer => {
                side.iteration = Iteration::StopSingle;
                side.buffered.get_or_insert_default().extend(bytes);
                if side.is_over(limit) {
                    self.too_large(id, dir, Phase::None);
                }
            }
            Verdict::Drop => side.iteration = Iteration::StopSingle,
        }
    }

    fn trailers_callback(&mut self, id: u32, dir: Dir) {
        let Some(stream) = self.live(id) else { return };
        let skip = stream.failure_reply;
        let side = stream.side(dir);
        side.trailers_visible = true;
        let count = side.trailers.as_ref().map_or(0, Headers::len);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let name = match dir {
            Dir::Request => "proxy_on_request_trailers",
            Dir::Response => "proxy_on_response_trailers",
        };
        let answer = if skip || !self.exports(name) {
            Some((0, false))
        } else {
            self.call::<_, u32>(name, id, (id, count), phase(dir, id))
        };
        if self.run_prepared(id) {
            return;
        }
        let Some(stream) = self.live(id) else { return };
        let side = stream.side(dir);
        if !matches!(answer, Some((0, false))) {
            if side.iteration == Iteration::Continue {
                side.iteration = Iteration::StopSingle;
            }
        } else if side.iteration == Iteration::Continue {
            side.trailers_visible = false;
            self.forward(id, dir, Piece::Trailers);
        } else {
            side.trailers_visible = false;
            self.resume(id, dir);
        }
    }

    /// Lets a stopped direction go on: headers if they are still held, then what is buffered, then trailers. After a
    /// full stop the module sees the data and trailers that arrived meanwhile first.
    pub fn resume(&mut self, id: u32, dir: Dir) {
        let Some(stream) = self.live(id) else { return };
        let over = match dir {
            Dir::Request => stream.local_complete,
            Dir::Response => stream.downstream.ended,
        };
        let side = stream.side(dir);
        if over || side.headers.is_none() || side.iteration == Iteration::Continue {
            return;
        }
        let unseen = side.iteration == Iteration::StopAll;
        side.iteration = Iteration::Continue;
        side.buffering = false;
        let buffered = side.buffered.take();
        let complete = side.complete;
        let had_trailers = side.trailers.is_some();
        if !std::mem::replace(&mut side.headers_continued, true) {
            let end = complete && buffered.is_none() && !had_trailers;
            self.forward(id, dir, Piece::Headers { end });
        }
        if let Some(bytes) = buffered {
            let end = complete && !had_trailers;
            if unseen {
                self.data_callback(id, dir, bytes, end);
            } else {
                self.forward(id, dir, Piece::Data { bytes, end });
            }
        }
        if had_trailers {
            if unseen {
                self.trailers_callback(id, dir);
            } else {
                self.forward(id, dir, Piece::Trailers);
            }
        }
    }

    /// A piece leaves the filter: towards the upstream or the client.
    fn forward(&mut self, id: u32, dir: Dir, piece: Piece) {
        let Some(stream) = self.live(id) else { return };
        match dir {
            Dir::Request => to_upstream(stream, piece),
            Dir::Response => to_downstream(stream, piece),
        }
    }

    /// A stream that still has something to do.
    pub fn live(&mut self, id: u32) -> Option<&mut StreamState> {
        self.stream(id).filter(|s| !s.terminated)
    }
}

fn phase(dir: Dir, id: u32) -> Phase {
    match dir {
        Dir::Request => Phase::Decoding(id),
        Dir::Response => Phase::Encoding(id),
    }
}

fn to_upstream(stream: &mut StreamState, piece: Piece) {
    let side = &mut stream.request;
    match piece {
        Piece::Headers { end } => {
            stream.upstream = Some(SentUpstream {
                headers: side.headers.clone().unwrap_or_default(),
                ended: end,
                headers_left_early: !side.complete,
                ..SentUpstream::default()
            });
        }
        Piece::Data { bytes, end } => {
            if let Some(sent) = &mut stream.upstream {
                sent.body.extend(bytes);
                sent.ended = end;
            }
        }
        Piece::Trailers => {
            if let Some(sent) = &mut stream.upstream {
                sent.trailers = side.trailers.clone();
                sent.ended = true;
            }
        }
    }
}

pub(crate) fn to_downstream(stream: &mut StreamState, piece: Piece) {
    let got = &mut stream.downstream;
    match piece {
        Piece::Headers { end } => {
            got.headers = stream.response.headers.clone().unwrap_or_default();
            got.status = got.headers.status();
            got.ended = end;
        }
        Piece::Data { bytes, end } => {
            if !bytes.is_empty() {
                got.chunks.push(bytes);
            }
            got.ended = end;
        }
        Piece::Trailers => {
            got.trailers = stream.response.trailers.clone();
            got.ended = true;
        }
    }
    if got.ended {
        end_stream(stream);
    }
}
