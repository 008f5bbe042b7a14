//! One event as it stood on the wire.

use std::borrow::Cow;

/// The bytes of one event, its final blank line included.
#[derive(Clone, Copy, Debug)]
pub struct Event<'b> {
    bytes: &'b str,
}

/// One line: its field, its value, and its whole text with the line end.
struct Line<'b> {
    field: &'b str,
    value: &'b str,
    whole: &'b str,
}

impl<'b> Event<'b> {
    /// `None` if the bytes are not UTF-8.
    pub(super) fn new(bytes: &'b [u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().map(|bytes| Event { bytes })
    }

    /// The payload: the values of all `data` lines, joined by line feeds. Empty if there are none.
    pub fn data(&self) -> Cow<'b, str> {
        let mut values = self
            .lines()
            .filter(|line| line.field == "data")
            .map(|line| line.value);
        let first = values.next().unwrap_or_default();
        let mut rest = values.peekable();
        if rest.peek().is_none() {
            return Cow::Borrowed(first);
        }
        let mut joined = first.to_owned();
        for value in rest {
            joined.push('\n');
            joined.push_str(value);
        }
        Cow::Owned(joined)
    }

    /// Whether it is nothing but line ends.
    pub fn is_blank(&self) -> bool {
        self.bytes
            .bytes()
            .all(|byte| byte == b'\n' || byte == b'\r')
    }

    /// The event's type.
    pub fn name(&self) -> &'b str {
        self.lines()
            .filter(|line| line.field == "event")
            .last()
            .map_or("", |line| line.value)
    }

    /// Whether lenient clients might read more than one meaning into it: a field that is no word (a JSON
    /// text without `data:`) or is spelled `Data`, or a `data` line that only begins after a character which Python's
    /// `splitlines` takes for a line end.
    pub fn is_ambiguous(&self) -> bool {
        self.lines().any(|line| {
            let word = line
                .field
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            let cased = line.field != "data" && line.field.eq_ignore_ascii_case("data");
            let hidden = line.whole.split(is_lenient_line_end).skip(1).any(|part| {
                part.trim_start()
                    .get(..4)
                    .is_some_and(|start| start.eq_ignore_ascii_case("data"))
            });
            !word || cased || hidden
        })
    }

    /// How many lines of its payload have no space behind their colon, so that they would grow by one.
    pub fn unspaced_lines(&self) -> usize {
        let data = self.lines().filter(|line| line.field == "data");
        data.filter(|line| !line.whole.starts_with("data: "))
            .count()
    }

    /// The event as it stood on the wire.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes.as_bytes()
    }

    /// The event with another payload in place of its `data` lines; every other line stays as it is.
    pub(super) fn with_data(&self, payload: &str) -> String {
        self.edited(Some(payload), &mut |_| None)
            .unwrap_or_default()
    }

    /// The event with this payload, if there is one, in place of its `data` lines, and with its other texts
    /// changed: `edit` sees comments, types of events and fields of which nothing is known, and says what each becomes.
    /// `id` and `retry` stay: clients send them back or act on them. `None` where nothing changes.
    ///
    /// The payload may have several lines, ended by LF; what `edit` returns must not hold line ends.
    pub fn edited(
        &self,
        payload: Option<&str>,
        edit: &mut dyn FnMut(&str) -> Option<String>,
    ) -> Option<String> {
        let mut out = String::with_capacity(self.bytes.len());
        let mut changed = payload.is_some();
        let mut written = false;
        for line in self.lines() {
            let text = line.whole.trim_end_matches(['\r', '\n']);
            let end = line.whole.get(text.len()..).unwrap_or_default();
            // With the lines between them gone, a CR and the LF of the final blank line would be one line end.
            if out.ends_with('\r') && line.whole.starts_with('\n') {
                out.push('\n');
            }
            match (line.field, payload) {
                ("data", Some(_)) if written => {}
                ("data", Some(payload)) => {
                    written = true;
                    for (index, part) in payload.split('\n').enumerate() {
                        if index > 0 {
                            out.push('\n');
                        }
                        out.push_str("data: ");
                        out.push_str(part);
                    }
                    out.push_str(end);
                }
                ("data" | "id" | "retry", _) => out.push_str(line.whole),
                (field, _) => {
                    // Of a field nobody knows the name is text as well.
                    let value = match field {
                        "" | "event" => line.value,
                        _ => text,
                    };
                    match edit(value) {
                        Some(value_after) => {
                            changed = true;
                            let before = text.len().saturating_sub(value.len());
                            out.push_str(text.get(..before).unwrap_or_default());
                            out.push_str(&value_after);
                            out.push_str(end);
                        }
                        None => out.push_str(line.whole),
                    }
                }
            }
        }
        changed.then_some(out)
    }

    fn lines(&self) -> impl Iterator<Item = Line<'b>> + use<'b> {
        // The stream's byte order mark belongs to no field.
        let mut rest = self.bytes.strip_prefix('\u{feff}').unwrap_or(self.bytes);
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
            let (text, tail) = rest.split_at_checked(end)?;
            let tail_len = if tail.starts_with("\r\n") {
                2
            } else {
                usize::from(!tail.is_empty())
            };
            let (whole, next) = rest.split_at_checked(end.saturating_add(tail_len))?;
            rest = next;
            let (field, value) = text.split_once(':').unwrap_or((text, ""));
            Some(Line {
                field,
                value: value.strip_prefix(' ').unwrap_or(value),
                whole,
            })
        })
    }
}

/// What Python's `str.splitlines` splits at and the specification does not.
fn is_lenient_line_end(char: char) -> bool {
    matches!(
        char,
        '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}
