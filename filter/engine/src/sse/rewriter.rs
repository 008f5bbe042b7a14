//! Cuts a byte stream into events, has each judged, and passes it on or replaces it.
//!
//! Events leave as soon as their last byte is there, comments at once. Whatever the chunks, the bytes that
//! leave are the same. An event that is too large, or not UTF-8, is never passed.

use super::event::Event;

/// What to do with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Pass it byte for byte.
    Pass,
    /// Pass it with another payload.
    Replace(String),
    /// Pass this in its place, a whole event.
    Rewrite(String),
    /// Pass this payload as an event of its own in its place.
    Withhold(String),
    /// Pass nothing.
    Drop,
    /// Pass this payload in its place, and nothing of the stream after it.
    End(String),
}

/// Memory that is kept from one event to the next, in bytes.
const KEPT: usize = 4096;

/// The state of one stream.
#[derive(Debug)]
pub struct Rewriter {
    /// Bytes of the event that is not complete yet.
    pending: Vec<u8>,
    /// Bytes since the last line end.
    line_len: usize,
    /// The last byte was CR: an LF now would belong to it.
    after_cr: bool,
    /// What that LF would belong to has been dropped.
    swallow_lf: bool,
    /// The current event is over the limit: it is dropped up to its end.
    oversized: bool,
    ended: bool,
    limit: usize,
}

impl Rewriter {
    /// `limit` is the size of the largest event, in bytes.
    pub fn new(limit: usize) -> Self {
        Rewriter {
            pending: Vec::new(),
            line_len: 0,
            after_cr: false,
            swallow_lf: false,
            oversized: false,
            ended: false,
            limit,
        }
    }

    /// Takes the next bytes of the stream and returns what may leave. `judge` sees `None` for an event that
    /// cannot be read.
    pub fn push(
        &mut self,
        chunk: &[u8],
        judge: &mut dyn FnMut(Option<Event<'_>>) -> Edit,
    ) -> Vec<u8> {
        let mut out = Vec::with_capacity(chunk.len());
        let mut rest = chunk;
        while let Some(&first) = rest.first() {
            if self.ended {
                break;
            }
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                rest = rest.get(1..).unwrap_or_default();
                if !self.pending.is_empty() {
                    self.keep(b"\n");
                } else if !self.swallow_lf {
                    out.push(b'\n');
                }
                continue;
            }
            let text = rest
                .iter()
                .position(|&byte| byte == b'\n' || byte == b'\r')
                .unwrap_or(rest.len());
            let (line, tail) = rest.split_at_checked(text).unwrap_or((rest, &[]));
            self.keep(line);
            self.line_len = self.line_len.saturating_add(line.len());
            let Some((&end, tail)) = tail.split_first() else {
                break;
            };
            rest = tail;
            self.keep(&[end]);
            self.after_cr = end == b'\r';
            // A blank line ends the event; a comment before any field needs no event to end.
            let comment = self.pending.first() == Some(&b':')
                && self.line_len.saturating_add(1) == self.pending.len();
            if std::mem::take(&mut self.line_len) == 0 || comment {
                self.dispatch(judge, &mut out);
            }
        }
        out
    }

    /// The stream is over: judges what has no final blank line, which lenient clients read all the same.
    pub fn finish(&mut self, judge: &mut dyn FnMut(Option<Event<'_>>) -> Edit) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.ended && (!self.pending.is_empty() || self.oversized) {
            self.dispatch(judge, &mut out);
        }
        out
    }

    /// Whether nothing more of the stream is passed.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// How much memory the event that is not complete takes, in bytes.
    pub fn kept(&self) -> usize {
        self.pending.capacity()
    }

    /// Keeps no more of the event that is not complete: nothing of it is passed.
    pub fn give_up(&mut self) {
        if !self.pending.is_empty() {
            self.oversized = true;
            self.pending = vec![b'x'];
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.pending.len().saturating_add(bytes.len()) > self.limit {
            self.oversized = true;
        }
        if self.oversized {
            // Only whether anything is pending matters from here on.
            self.pending = vec![b'x'];
        } else {
            self.pending.extend_from_slice(bytes);
        }
    }

    fn dispatch(&mut self, judge: &mut dyn FnMut(Option<Event<'_>>) -> Edit, out: &mut Vec<u8>) {
        let oversized = std::mem::take(&mut self.oversized);
        let event = if oversized {
            None
        } else {
            Event::new(&self.pending)
        };
        self.swallow_lf = false;
        match (judge(event), event) {
            (Edit::Pass, Some(_)) => out.extend_from_slice(&self.pending),
            (Edit::Replace(payload), Some(event)) => {
                out.extend_from_slice(event.with_data(&payload).as_bytes())
            }
            (Edit::Rewrite(text), Some(_)) => out.extend_from_slice(text.as_bytes()),
            (Edit::Withhold(payload), _)
            | (Edit::Replace(payload) | Edit::Rewrite(payload), None) => {
                self.swallow_lf = true;
                out.extend_from_slice(format!("data: {payload}\n\n").as_bytes());
            }
            (Edit::End(payload), _) => {
                self.ended = true;
                out.extend_from_slice(format!("event: error\ndata: {payload}\n\n").as_bytes());
            }
            (Edit::Pass, None) | (Edit::Drop, _) => self.swallow_lf = true,
        }
        // What a large event took is not kept for the next.
        match self.pending.capacity() > KEPT {
            true => self.pending = Vec::new(),
            false => self.pending.clear(),
        }
        self.line_len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes everything but payloads with `bad` (dropped) and `new` (replaced).
    fn edit(event: Option<Event<'_>>) -> Edit {
        match event.map(|event| event.data().into_owned()) {
            None => Edit::Withhold("withheld".to_owned()),
            Some(data) if data.contains("bad") => Edit::Drop,
            Some(data) if data.contains("new") => Edit::Replace("replaced".to_owned()),
            Some(_) => Edit::Pass,
        }
    }

    fn run(chunks: &[&[u8]], limit: usize) -> String {
        let mut rewriter = Rewriter::new(limit);
        let mut out = Vec::new();
        for chunk in chunks {
            out.extend(rewriter.push(chunk, &mut edit));
        }
        out.extend(rewriter.finish(&mut edit));
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn every_dialect_split_everywhere() {
        let cases = [
            ("data: a\n\ndata: b\n\n", "data: a\n\ndata: b\n\n"),
            (
                "data: a\r\n\r\ndata: b\r\n\r\n",
                "data: a\r\n\r\ndata: b\r\n\r\n",
            ),
            ("data: a\r\rdata: b\r\r", "data: a\r\rdata: b\r\r"),
            ("data: a\n\r\ndata: b\r\n\n", "data: a\n\r\ndata: b\r\n\n"),
            ("data: bad\r\n\r\ndata: b\r\n\r\n", "data: b\r\n\r\n"),
            ("data: bad\r\rdata: b\r\r", "data: b\r\r"),
            (
                "event: m\r\ndata: new\r\nid: 1\r\n\r\n",
                "event: m\r\ndata: replaced\r\nid: 1\r\n\r\n",
            ),
            (
                "data: n\ndata: new\ndata\nid: 1\n\nx",
                "data: replaced\nid: 1\n\nx",
            ),
            (
                "data: n\rdata: new\n\ndata: b\n\n",
                "data: replaced\r\n\ndata: b\n\n",
            ),
            ("\u{feff}data: bad\n\ndata:b\n\n", "data:b\n\n"),
            (
                ": keep-alive\n\n: x\ndata: a\n\n",
                ": keep-alive\n\n: x\ndata: a\n\n",
            ),
            (
                "id: 1\nretry: 5000\ndata: \n\n",
                "id: 1\nretry: 5000\ndata: \n\n",
            ),
            ("data: a", "data: a"),
            ("data: bad", ""),
            ("data: new", "data: replaced"),
            ("\n\n\n", "\n\n\n"),
            (
                "data: 0123456789012345678901234567890123456789012345678901234567890123456789\n\ndata: a\n\n",
                "data: withheld\n\ndata: a\n\n",
            ),
            ("data: é\r\n\r\n", "data: é\r\n\r\n"),
        ];
        for (input, expected) in cases {
            let bytes = input.as_bytes();
            assert_eq!(run(&[bytes], 64), expected, "{input:?} whole");
            let singles: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(run(&singles, 64), expected, "{input:?} byte by byte");
            for at in 0..bytes.len() {
                assert_eq!(
                    run(&[&bytes[..at], &bytes[at..]], 64),
                    expected,
                    "{input:?} split at {at}"
                );
            }
        }
    }

    #[test]
    fn events_and_comments_leave_at_once() {
        let mut rewriter = Rewriter::new(64);
        for chunk in ["data: a\n\n", ": ping\n", "\n", "data: b\r\n\r", "\n"] {
            assert_eq!(
                rewriter.push(chunk.as_bytes(), &mut edit),
                chunk.as_bytes(),
                "{chunk:?}"
            );
        }
    }
}
