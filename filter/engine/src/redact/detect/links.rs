//! Addresses of people and of pages.

use std::ops::Range;

use super::text::{BASE64_URL, DASH, DELIMITER, DIGIT, LOCAL, LOWER, Text, UPPER, WIDE, WORD, is};
use crate::policy::UrlTest;

/// Longest local part of an email address.
const LOCAL_PART: usize = 64;

/// Longest authority of a link that may be allowed.
const AUTHORITY: usize = 300;

/// Longest domain.
const DOMAIN: usize = 253;

/// An email address: `place` is at its `@`, or at the `%40` that stands for it in a query. Letters of alphabets with
/// two-byte characters (Latin, Greek, Cyrillic, …) belong to it.
pub fn email(text: Text<'_>, place: usize) -> Option<Range<usize>> {
    let domain = match text.at(place) {
        b'@' => place.saturating_add(1),
        _ if text.has(place, b"%40") => place.saturating_add(3),
        _ => return None,
    };
    let end = domain_end(text, domain)?;
    let mut start = local_start(text, place);
    // Neither the quote nor the bullet before an address is part of it.
    while start < place && !is(text.at(start), WORD | WIDE) {
        start = start.saturating_add(1);
    }
    // Remotes of Git (`git@host.org:path`), images for dense screens (`icon@2x.png`), and products of matrices.
    let remote = text.at(end) == b':' && text.part(start..place) == b"git";
    let image = is(text.at(domain), DIGIT)
        && text.at(domain.saturating_add(1)) == b'x'
        && text.at(domain.saturating_add(2)) == b'.';
    let call = text.at(end) == b'(';
    let ends_plain = !matches!(text.before(place, 1), b'.' | b'\'');
    (start < place && ends_plain && !remote && !image && !call).then_some(start..end)
}

fn local_start(text: Text<'_>, place: usize) -> usize {
    let (first, mut start) = (place.saturating_sub(LOCAL_PART), place);
    while start > first {
        let byte = text.before(start, 1);
        // Symbols, and characters of three and four bytes, end it.
        if byte == 0xc2 || byte >= 0xe0 || !is(byte, BASE64_URL | LOCAL | WIDE) {
            break;
        }
        start = start.saturating_sub(1);
    }
    // Within a character.
    while (0x80..0xc0).contains(&text.at(start)) {
        start = start.saturating_add(1);
    }
    start
}

/// Where the domain that begins here ends: labels of letters, digits and hyphens, the last one of letters.
fn domain_end(text: Text<'_>, place: usize) -> Option<usize> {
    let mut end = None;
    let mut label = place;
    loop {
        let stop = label_end(text, label, WORD | DASH);
        if stop == label || is(text.at(label), DASH) || stop.saturating_sub(place) > DOMAIN {
            return end;
        }
        let top = label_end(text, label, UPPER | LOWER);
        let long = top.saturating_sub(label) > 1 && !is(text.at(top), DIGIT);
        if label > place && long {
            let puny = text.has(label, b"xn--");
            end = Some(if puny { stop } else { top });
        }
        if text.at(stop) != b'.' {
            return end;
        }
        label = stop.saturating_add(1);
    }
}

/// Where the run of these classes and of two-byte letters ends, or somewhere beyond the longest domain.
fn label_end(text: Text<'_>, place: usize, classes: u8) -> usize {
    let most = DOMAIN.saturating_add(1);
    let mut end = text.run(place, classes, most);
    while (0xc3..0xe0).contains(&text.at(end)) && end.saturating_sub(place) < most {
        end = text.run(end.saturating_add(2), classes, most);
    }
    end
}

/// A link to a host that is not allowed, and the first of these rules that does not allow it. `place` is at the `:` of its
/// scheme, or at the first `/` of one without a scheme (`//host` as the target of a Markdown link or in an attribute).
///
/// Links with `http` or `https` count with any number and kind of slashes, as browsers read them; of other schemes, those
/// with `://` and a host with a dot or with user info. What is no plain URL is not allowed.
pub fn url(
    text: Text<'_>,
    place: usize,
    rules: &[(usize, UrlTest)],
) -> Option<(usize, Range<usize>)> {
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
    let link = ["https://", readable].concat();
    let (rule, _) = rules
        .iter()
        .find(|(_, test)| !plain || test.matches(&link) != Some(true))?;
    Some((*rule, start..extent(text, host, Part::Link)))
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
