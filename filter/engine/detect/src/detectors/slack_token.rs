//! Tokens of Slack, and addresses of its webhooks.

use std::ops::Range;

use crate::scan::Look;
use crate::text::{BASE64, BASE64_URL, DIGIT, LOWER, Text, WHOLE, is};

/// It triggers at the `x` of a token and at the `/` behind the host of a webhook.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    match look.text.at(look.place) {
        b'x' => token(look.text, look.place),
        _ => webhook(look.text, look.place),
    }
}

/// `xoxb-` and its kin, and `xapp-`.
fn token(text: Text<'_>, place: usize) -> Option<Range<usize>> {
    let body = place.saturating_add(5);
    let rest = place.saturating_add(1);
    let known = text.has(rest, b"app-")
        || (text.has(rest, b"ox")
            && is(text.before(body, 2), LOWER)
            && text.before(body, 1) == b'-');
    let before = text.before(place, 1);
    let cookie = text.before(body, 2) == b'd';
    // Nor what a token may hold, so that no byte is read twice.
    if !known
        || is(before, BASE64_URL)
        || before == b'%'
        || (cookie && matches!(before, b'/' | b'+'))
    {
        return None;
    }
    // Only the cookie, `xoxd-`, is more than a word; in a link, what follows the others belongs to the link.
    let joins = |byte: u8| byte == b'%' || (cookie && matches!(byte, b'/' | b'+'));
    let mut end = text.run(body, BASE64_URL, WHOLE);
    while joins(text.at(end)) {
        end = text.run(end.saturating_add(1), BASE64_URL, WHOLE);
    }
    // Every one has a number in it; `xoxb-your-token-goes-here` has none.
    let mut body = text.part(body..end).iter();
    (body.len() >= 18 && body.any(|byte| is(*byte, DIGIT))).then_some(place..end)
}

/// The address of a webhook, scheme included. `place` is at the `/` behind the host.
fn webhook(text: Text<'_>, place: usize) -> Option<Range<usize>> {
    let host = text.ended_by(place, b"hooks.slack.com")?;
    let end = text.run(place, BASE64_URL | BASE64, WHOLE);
    let start = text.ended_by(host, b"https://").unwrap_or(host);
    (end.saturating_sub(place) >= 24).then_some(start..end)
}
