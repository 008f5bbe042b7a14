//! JSON Web Tokens.

use std::ops::Range;

use crate::scan::Look;
use crate::text::{BASE64_URL, WHOLE, is};

/// Longest header of a token, in bytes: four times what servers take for all headers of a request.
const HEADER: usize = 65_536;

/// A header that decodes to an object with `alg`, a payload, a signature. With `enc` in its header it is an encrypted one, of
/// five parts. It triggers at the `J` of `eyJ`.
///
/// A header begins behind no byte of its alphabet, so that a byte is part of one header and of four other parts at most.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    let text = look.text;
    let start = text.ended_by(look.place, b"ey")?;
    if !text.has(start, b"eyJ") || is(text.before(start, 1), BASE64_URL) {
        return None;
    }
    let header = text.run(start, BASE64_URL, HEADER);
    let mut end = header;
    let parts = if text.at(header) == b'.' {
        jwt_parts(text.part(start..header))?
    } else {
        return None;
    };
    for part in 1..parts {
        if text.at(end) != b'.' {
            return (part > 2).then_some(start..end);
        }
        end = text.run(end.saturating_add(1), BASE64_URL, WHOLE);
    }
    Some(start..end)
}

/// How many parts a token with this header has; `None` if it is no header.
fn jwt_parts(header: &[u8]) -> Option<usize> {
    let (mut bits, mut count, mut window) = (0_u32, 0_u32, 0_u64);
    let (mut signed, mut encrypted) = (false, false);
    for &byte in header {
        let value = match byte {
            b'A'..=b'Z' => byte.wrapping_sub(b'A'),
            b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
            b'-' => 62,
            _ => 63,
        };
        bits = (bits << 6) | u32::from(value);
        count = count.wrapping_add(6);
        if count >= 8 {
            count = count.wrapping_sub(8);
            window = (window << 8) | u64::from((bits >> count) & 0xff);
            signed |= window & 0xff_ffff_ffff == word(*b"\"alg\"");
            encrypted |= window & 0xff_ffff_ffff == word(*b"\"enc\"");
        }
    }
    let closed = window & 0xff == u64::from(b'}');
    (signed && closed).then_some(if encrypted { 5 } else { 3 })
}

fn word(letters: [u8; 5]) -> u64 {
    letters
        .into_iter()
        .fold(0, |word, letter| (word << 8) | u64::from(letter))
}
