//! API keys of Google.

use std::ops::Range;

use crate::scan::Look;
use crate::text::BASE64_URL;

/// `AIza` and 35 more. It triggers at the `A`.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    let (text, place) = (look.text, look.place);
    let end = place.saturating_add(39);
    let known = text.has(place.saturating_add(1), b"Iza") && text.begins_word(place);
    (known && text.run(place, BASE64_URL, 40) == end).then_some(place..end)
}
