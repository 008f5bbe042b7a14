//! Addresses of mail.

use std::ops::Range;

use crate::domain::domain_end;
use crate::scan::Look;
use crate::text::{BASE64_URL, DIGIT, LOCAL, Text, WIDE, WORD, is};

/// Longest local part, in bytes (RFC 5321, 4.5.3.1.1).
const LOCAL_PART: usize = 64;

/// It triggers at the `@` of an address, or at the `%40` that stands for it in a query. Letters of alphabets with two-byte
/// characters (Latin, Greek, Cyrillic, …) belong to it.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    let (text, place) = (look.text, look.place);
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
