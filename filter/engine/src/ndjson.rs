//! A stream of JSON values, judged one at a time: what `application/json` is when it has no length.
//!
//! Most such replies are one value. Some servers stream one per line and never end, so nothing is held beyond the
//! end of the value it belongs to. A value that is too large is never passed.

use crate::sse::Edit;

/// The state of one stream.
#[derive(Debug)]
pub struct Splitter {
    /// Bytes of the value that is not complete yet.
    pending: Vec<u8>,
    /// Open brackets.
    depth: usize,
    in_string: bool,
    after_backslash: bool,
    oversized: bool,
    limit: usize,
}

impl Splitter {
    /// `limit` is the size of the largest value, in bytes.
    pub fn new(limit: usize) -> Self {
        Splitter {
            pending: Vec::new(),
            depth: 0,
            in_string: false,
            after_backslash: false,
            oversized: false,
            limit,
        }
    }

    /// Takes the next bytes and returns what may leave. `judge` sees `None` for a value that is too large.
    pub fn push(&mut self, chunk: &[u8], judge: &mut dyn FnMut(Option<&[u8]>) -> Edit) -> Vec<u8> {
        let mut out = Vec::with_capacity(chunk.len());
        for &byte in chunk {
            if self.pending.is_empty() && byte.is_ascii_whitespace() {
                out.push(byte);
                continue;
            }
            self.keep(byte);
            if self.ends_with(byte) {
                self.dispatch(judge, &mut out);
            }
        }
        out
    }

    /// The stream is over: judges what is left.
    pub fn finish(&mut self, judge: &mut dyn FnMut(Option<&[u8]>) -> Edit) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.pending.is_empty() {
            self.dispatch(judge, &mut out);
        }
        out
    }

    /// How much memory the value that is not complete takes, in bytes.
    pub fn kept(&self) -> usize {
        self.pending.capacity()
    }

    /// Keeps no more of the value that is not complete: nothing of it is passed.
    pub fn give_up(&mut self) {
        if !self.pending.is_empty() {
            self.oversized = true;
            self.pending = vec![b'x'];
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.pending.len() >= self.limit {
            self.oversized = true;
        }
        if !self.oversized {
            self.pending.push(byte);
        }
    }

    /// Whether the value is complete with this byte: its brackets are closed, or it never had any and the line
    /// is over.
    fn ends_with(&mut self, byte: u8) -> bool {
        if self.in_string {
            let escaped = std::mem::take(&mut self.after_backslash);
            self.after_backslash = byte == b'\\' && !escaped;
            self.in_string = escaped || byte != b'"';
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            b'\n' => return self.depth == 0,
            _ => {}
        }
        false
    }

    fn dispatch(&mut self, judge: &mut dyn FnMut(Option<&[u8]>) -> Edit, out: &mut Vec<u8>) {
        let value = (!self.oversized).then_some(self.pending.as_slice());
        match (judge(value), value) {
            (Edit::Pass, Some(value)) => out.extend_from_slice(value),
            (Edit::Pass, None) | (Edit::Drop, _) => {}
            (
                Edit::Replace(text) | Edit::Rewrite(text) | Edit::Withhold(text) | Edit::End(text),
                _,
            ) => out.extend_from_slice(text.as_bytes()),
        }
        *self = Splitter::new(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_leave_when_they_are_complete() {
        let mut judge = |value: Option<&[u8]>| match value {
            None => Edit::Withhold("withheld".to_owned()),
            Some(value) if value.windows(3).any(|window| window == b"bad") => Edit::Drop,
            Some(value) if value.windows(3).any(|window| window == b"new") => {
                Edit::Replace("[1]".to_owned())
            }
            Some(_) => Edit::Pass,
        };
        let cases = [
            (r#"{"a":"}"}"#, r#"{"a":"}"}"#),
            (" {\"a\":[1]}\n{\"b\":2}\n", " {\"a\":[1]}\n{\"b\":2}\n"),
            (r#"{"a":"\"}bad"}{"b":1}"#, r#"{"b":1}"#),
            (r#"{"new":1} [2]"#, "[1] [2]"),
            ("1\n\"x\"\n", "1\n\"x\"\n"),
            ("not json", "not json"),
            ("{\"open\":", "{\"open\":"),
            (
                "{\"long\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}{}",
                "withheld{}",
            ),
            (r#"{"a":"\\"}{"bad":1}"#, r#"{"a":"\\"}"#),
        ];
        for (input, expected) in cases {
            for size in 1..=input.len() {
                let mut splitter = Splitter::new(64);
                let mut out = Vec::new();
                for chunk in input.as_bytes().chunks(size) {
                    out.extend(splitter.push(chunk, &mut judge));
                }
                out.extend(splitter.finish(&mut judge));
                assert_eq!(
                    String::from_utf8_lossy(&out),
                    expected,
                    "{input:?} in chunks of {size}"
                );
            }
        }
    }
}
