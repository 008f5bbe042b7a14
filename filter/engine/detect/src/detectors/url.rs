//! Links to hosts that are not allowed.

use std::ops::Range;

use crate::domain::domain_end;
use crate::plain_url::host_of;
use crate::scan::Look;
use crate::text::{DASH, DELIMITER, LOCAL, LOWER, Text, UPPER, WIDE, WORD, is};

/// Longest authority of a link that may be allowed, in bytes: a domain, a port and some more.
const AUTHORITY: usize = 300;

/// It triggers at the `:` of a scheme, or at the first `/` of a link without one (`//host` as the target of a Markdown link or in
/// an attribute).
///
/// Links with `http` or `https` count with any number and kind of slashes, as browsers read them; of other schemes, those
/// with `://` and a host with a dot or with user info. What is no plain URL is not allowed. What stands in a link is no link of
/// its own.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    let (text, place) = (look.text, look.place);
    if place < look.past().until {
        return None;
    }
    let relative = text.at(place) == b'/';
    let after = place.saturating_add(usize::from(!relative));
    if !matches!(text.at(after), b'/' | b'\\') {
        return None;
    }
    // Whatever is written in front of them: readers that look for links find these schemes anywhere.
    let web = text
        .ended_by(place, b"https")
        .or_else(|| text.ended_by(place, b"http"));
    let http = web.is_some();
    if relative {
        let opened = matches!(text.before(place, 1), b'(' | b'"' | b'\'' | b'=' | b'<')
            || text.ended_by(place, b"]: ").is_some();
        domain_end(text, place.saturating_add(2)).filter(|_| opened)?;
    }
    let slash = |byte| matches!(byte, b'/' | b'\\');
    let host = text
        .position(after, |byte| !slash(byte))
        .unwrap_or(text.len());
    let escaped = text.has(after, br"\/\/");
    let usual = match host.saturating_sub(after) {
        2 => text.has(after, b"//"),
        4 => escaped,
        _ => false,
    };
    if !(usual || http) {
        return None;
    }
    let start = match web {
        _ if relative => place,
        Some(start) => start,
        None => scheme_start(text, place),
    };
    if !(relative || is(text.at(start), WORD)) {
        return None;
    }
    // Who takes a backslash for a slash in front of a host takes it for one behind it.
    let part = if usual {
        Part::Authority
    } else {
        Part::WebAuthority
    };
    let authority = text.part(host..extent(text, host, part));
    let authority = match authority.strip_suffix(b"\\") {
        Some(inner) if escaped => inner,
        _ => authority,
    };
    let user = authority.contains(&b'@');
    // `[` begins an address of version 6, and nothing else: `https://[redacted:url]` is no link.
    let hostly = match authority {
        [b'[', next, ..] => next.is_ascii_hexdigit() || *next == b':',
        [first, ..] => is(*first, WORD | WIDE | DASH) || *first == b'%',
        [] => false,
    };
    let dotted = |byte: &u8| matches!(byte, b'.' | b'[' | 0x80..);
    let remote = http || relative || user || authority.iter().any(dotted);
    if !(user || hostly) || !remote {
        return None;
    }
    let readable = std::str::from_utf8(authority).unwrap_or_default();
    let plain = usual && authority.len() <= AUTHORITY;
    let host_name = plain.then(|| host_of(readable)).flatten();
    text.count(authority.len());
    if look.all_allow(host_name.as_deref()) {
        return None;
    }
    Some(start..extent(text, host, Part::Link))
}

/// How far a link is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// To the end of its authority.
    Authority,
    /// To the end of its authority as browsers see it, for whom a backslash ends it.
    WebAuthority,
    /// To its own end.
    Link,
}

fn scheme_start(text: Text<'_>, place: usize) -> usize {
    let mut start = text.run_back(place, WORD | LOCAL | DASH, 32);
    while start < place && !is(text.at(start), UPPER | LOWER) {
        start = start.saturating_add(1);
    }
    start
}

/// Where the link ends whose host begins here, or a part of it: before white space, a quote or a closing bracket that was not
/// opened in it, and without the punctuation of the sentence around it.
fn extent(text: Text<'_>, host: usize, part: Part) -> usize {
    let (mut end, mut open) = (host, 0_usize);
    let mut path = false;
    let authority = part != Part::Link;
    loop {
        match text.at(end) {
            b'(' | b'[' | b'{' => open = open.saturating_add(1),
            b')' | b']' | b'}' => match open.checked_sub(1) {
                Some(left) => open = left,
                None => break,
            },
            b'/' | b'?' | b'#' if authority => return end,
            b'\\' if part == Part::WebAuthority => return end,
            b'/' | b'?' | b'#' => path = true,
            // Escapes of a text within a text.
            b'\\' if path && text.at(end.saturating_add(1)) != b'/' => break,
            byte if is(byte, DELIMITER) => break,
            _ => {}
        }
        end = end.saturating_add(1);
        if authority && end > host.saturating_add(AUTHORITY) {
            return end;
        }
    }
    while end > host
        && matches!(
            text.before(end, 1),
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'*' | b'_' | b'~' | b'|' | b'\\'
        )
    {
        end = end.saturating_sub(1);
    }
    end
}
