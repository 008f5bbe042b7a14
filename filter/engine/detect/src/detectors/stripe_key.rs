//! Keys of Stripe.

use std::ops::Range;

use crate::scan::Look;
use crate::text::{BASE64, WORD};
use crate::token::token;

/// A secret or restricted key, or the secret of a webhook. It triggers at a `_`.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    let (text, place) = (look.text, look.place);
    let body = place.saturating_add(1);
    match text.before(place, 1) {
        b'c' => {
            let start = text.ended_by(place, b"whsec")?;
            token(text, start, body, WORD | BASE64, 24)
        }
        b'k' => {
            let start = place.checked_sub(2)?;
            let secret = matches!(text.at(start), b's' | b'r');
            let mode = text.has(body, b"live_") || text.has(body, b"test_");
            if !(secret && mode) {
                return None;
            }
            token(text, start, body.saturating_add(5), WORD, 16)
        }
        _ => None,
    }
}
