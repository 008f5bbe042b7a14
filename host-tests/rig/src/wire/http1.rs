//! HTTP/1.1 messages as bytes: just enough parsing to see what really crossed a socket.
//!
//! Used on both ends, by the client for replies and by the raw upstream for requests. It keeps names and values as they
//! were written and never repairs anything: what it cannot read is an error that the judge reports.

/// Header fields as sent, in order.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// One message, framing removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The request or status line, without its line end.
    pub start: String,
    pub headers: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
}

/// How far parsing came.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The message and how many bytes it took.
    Whole(Message, usize),
    /// More bytes are needed; the head, where it is complete.
    Partial(Option<Message>),
    /// Not HTTP/1.1, and why.
    Broken(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request,
    Response { ended: bool, bodiless: bool },
}

/// Reads a request from the start of `bytes`.
#[must_use]
pub fn request(bytes: &[u8]) -> Parsed {
    parse(bytes, Kind::Request)
}

/// Reads a reply; `ended` says that the peer closed, which ends a reply without other framing, `bodiless` that the request
/// was one whose reply has no body (HEAD).
#[must_use]
pub fn response(bytes: &[u8], ended: bool, bodiless: bool) -> Parsed {
    parse(bytes, Kind::Response { ended, bodiless })
}

/// The value of a header, several joined by a comma as HTTP allows.
#[must_use]
pub fn field(fields: &Fields, name: &str) -> Option<String> {
    let values: Vec<_> = fields
        .iter()
        .filter(|(given, _)| given.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| String::from_utf8_lossy(value).trim().to_owned())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

impl Message {
    /// The status of a reply, 0 when the first line is not a status line.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.start
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0)
    }

    /// Method and target of a request.
    #[must_use]
    pub fn target(&self) -> (&str, &str) {
        let mut parts = self.start.split(' ');
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""))
    }
}

fn parse(bytes: &[u8], kind: Kind) -> Parsed {
    let Some(head_end) = find(bytes, b"\r\n\r\n") else {
        return Parsed::Partial(None);
    };
    let mut lines = bytes[..head_end]
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let start = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut message = Message {
        start,
        ..Message::default()
    };
    for line in lines {
        if (line.starts_with(b" ") || line.starts_with(b"\t"))
            && let Some((_, value)) = message.headers.last_mut()
        {
            value.push(b' ');
            value.extend(line.trim_ascii());
            continue;
        }
        match field_line(line) {
            Some(field) => message.headers.push(field),
            None => {
                return Parsed::Broken(format!("header line `{}`", String::from_utf8_lossy(line)));
            }
        }
    }
    let body_at = head_end + 4;
    if let Kind::Response { bodiless, .. } = kind {
        let status = message.status();
        if bodiless || (100..200).contains(&status) || status == 204 || status == 304 {
            return Parsed::Whole(message, body_at);
        }
    }
    if field(&message.headers, "transfer-encoding")
        .is_some_and(|te| te.to_ascii_lowercase().ends_with("chunked"))
    {
        return chunked(bytes, body_at, message);
    }
    if let Some(length) = field(&message.headers, "content-length") {
        let Ok(length) = length.parse::<usize>() else {
            return Parsed::Broken(format!("content-length `{length}`"));
        };
        return match bytes.get(body_at..body_at.saturating_add(length)) {
            Some(body) => {
                message.body = body.to_vec();
                Parsed::Whole(message, body_at + length)
            }
            None => {
                message.body = bytes[body_at..].to_vec();
                Parsed::Partial(Some(message))
            }
        };
    }
    match kind {
        Kind::Request => Parsed::Whole(message, body_at),
        Kind::Response { ended, .. } => {
            message.body = bytes[body_at..].to_vec();
            if ended {
                Parsed::Whole(message, bytes.len())
            } else {
                Parsed::Partial(Some(message))
            }
        }
    }
}

fn chunked(bytes: &[u8], mut at: usize, mut message: Message) -> Parsed {
    loop {
        let Some(line_end) = find(&bytes[at..], b"\r\n") else {
            return Parsed::Partial(Some(message));
        };
        let line = String::from_utf8_lossy(&bytes[at..at + line_end]).into_owned();
        let Ok(size) = usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16)
        else {
            return Parsed::Broken(format!("chunk size `{line}`"));
        };
        at += line_end + 2;
        if size == 0 {
            break;
        }
        match bytes.get(at..at.saturating_add(size)) {
            Some(chunk) => message.body.extend(chunk),
            None => {
                message.body.extend(&bytes[at..]);
                return Parsed::Partial(Some(message));
            }
        }
        at += size;
        match bytes.get(at..at + 2) {
            Some(b"\r\n") => at += 2,
            Some(_) => return Parsed::Broken("a chunk longer than its size".to_owned()),
            None => return Parsed::Partial(Some(message)),
        }
    }
    loop {
        let Some(line_end) = find(&bytes[at..], b"\r\n") else {
            return Parsed::Partial(Some(message));
        };
        let line = &bytes[at..at + line_end];
        at += line_end + 2;
        if line.is_empty() {
            return Parsed::Whole(message, at);
        }
        match field_line(line) {
            Some(field) => message.trailers.push(field),
            None => return Parsed::Broken("trailer line".to_owned()),
        }
    }
}

fn field_line(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    Some((
        line[..colon].to_vec(),
        line[colon + 1..].trim_ascii().to_vec(),
    ))
}

/// Where `needle` first occurs.
#[must_use]
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::{Parsed, field, request, response};

    #[test]
    fn chunked_bodies_and_trailers_are_unwrapped() {
        let bytes = b"POST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nx-t: 1\r\n\r\nNEXT";
        let Parsed::Whole(message, used) = request(bytes) else {
            panic!("not whole")
        };
        assert_eq!(
            (message.body.as_slice(), &bytes[used..]),
            (&b"abcd"[..], &b"NEXT"[..])
        );
        assert_eq!(field(&message.trailers, "X-T").unwrap(), "1");
    }

    #[test]
    fn a_reply_without_framing_ends_with_the_connection() {
        let bytes = b"HTTP/1.1 200 OK\r\na: b\r\n\r\nrest";
        assert!(matches!(
            response(bytes, false, false),
            Parsed::Partial(Some(_))
        ));
        assert!(
            matches!(response(bytes, true, false), Parsed::Whole(message, _) if message.body == b"rest")
        );
    }
}
