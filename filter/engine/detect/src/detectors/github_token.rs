//! Tokens of GitHub.

use std::ops::Range;

use crate::scan::Look;
use crate::text::{BASE64_URL, WORD, is};
use crate::token::token;

/// `ghp_` and its kin, and `github_pat_`. It triggers at a `_`.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    let (text, place) = (look.text, look.place);
    let body = place.saturating_add(1);
    let kind = text.before(place, 1);
    if kind == b'b' && text.has(body, b"pat_") {
        let start = text.ended_by(place, b"github")?;
        // What the token itself may hold does not stand before it, so that no byte is read twice.
        if is(text.before(start, 1), BASE64_URL) {
            return None;
        }
        return token(text, start, body.saturating_add(4), BASE64_URL, 36);
    }
    let start = place.checked_sub(3)?;
    let known = matches!(kind, b'p' | b'o' | b'u' | b's' | b'r') && text.has(start, b"gh");
    if known {
        token(text, start, body, WORD, 36)
    } else {
        None
    }
}
