//! Keys and tokens: what their issuers' prefixes and alphabets give away.

use std::ops::Range;

use super::text::{BASE64, BASE64_URL, DASH, DIGIT, LOWER, Text, UPPER, WORD, is};

/// Longest header of a token, in bytes: four times what servers take for all headers of a request.
const HEADER: usize = 65_536;

/// Longest label of a PEM line, in bytes.
const LABEL: usize = 59;

/// As far as it goes: where no two runs hold the same byte, because none begins behind a byte of its own alphabet.
const WHOLE: usize = usize::MAX;

/// A JSON Web Token: a header that decodes to an object with `alg`, a payload, a signature. With `enc` in its header it is
/// an encrypted one, of five parts. `place` is at the `J` of `eyJ`.
pub fn jwt(text: Text<'_>, place: usize) -> Option<Range<usize>> {
    let start = text.ended_by(place, b"ey")?;
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

/// How far a text has been searched for private keys.
#[derive(Default)]
pub struct Keys {
    /// Where the last one ends: what begins in it is no key of its own.
    until: usize,
    /// No last line stands further on.
    ended: bool,
}

/// A private key as PEM, or what is left of one: without its last line it goes on to the end of the text. Line ends may be
/// written as `\n`. `place` is at the `B` of `BEGIN`.
pub fn private_key(text: Text<'_>, place: usize, keys: &mut Keys) -> Option<Range<usize>> {
    if place < keys.until {
        return None;
    }
    let start = text.ended_by(place, b"-----")?;
    if !text.has(place, b"BEGIN ") {
        return None;
    }
    let body = private_label(text, place.saturating_add(6))?;
    let end = last_line(text, body, keys).or_else(|| rest_of_key(text, body))?;
    keys.until = end;
    Some(start..end)
}

/// Where the next last line of a private key ends.
fn last_line(text: Text<'_>, mut place: usize, keys: &mut Keys) -> Option<usize> {
    const LINE: &[u8] = b"-----END ";
    while !keys.ended {
        let Some(found) = text.find(place, LINE) else {
            keys.ended = true;
            break;
        };
        place = found.saturating_add(LINE.len());
        if let Some(end) = private_label(text, place) {
            return Some(end);
        }
    }
    None
}

/// Where the text ends, if there is a key behind its first line: a text that only speaks of such a line has none.
fn rest_of_key(text: Text<'_>, body: usize) -> Option<usize> {
    let rest = text.part(body..body.saturating_add(64).min(text.len()));
    let between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'\\' | b'"' | b'\'');
    let mut skipped = rest
        .iter()
        .take(16)
        .take_while(|byte| between(byte))
        .count();
    // The letters of `\r\n`.
    while matches!(rest.get(skipped), Some(b'r' | b'n'))
        && rest.get(skipped.wrapping_sub(1)) == Some(&b'\\')
    {
        skipped = skipped.saturating_add(1);
        skipped = skipped.saturating_add(usize::from(rest.get(skipped) == Some(&b'\\')));
    }
    let first = body.saturating_add(skipped);
    let long = || text.run(first, WORD | BASE64, 16) == first.saturating_add(16);
    let headed = || text.has(first, b"Proc-Type:") || text.has(first, b"Version:");
    (long() || headed()).then_some(text.len())
}

/// Where the line ends whose label begins here, if it is that of a private key.
fn private_label(text: Text<'_>, place: usize) -> Option<usize> {
    let mut end = place;
    while is(text.at(end), UPPER | DIGIT) || text.at(end) == b' ' {
        end = end.saturating_add(1);
        if end > place.saturating_add(LABEL) {
            return None;
        }
    }
    let private = || {
        let label = text.part(place..end);
        label.windows(11).any(|window| window == b"PRIVATE KEY")
    };
    (text.has(end, b"-----") && private()).then(|| end.saturating_add(5))
}

/// An access key id of AWS. `place` is at its `A`.
pub fn aws_id(text: Text<'_>, place: usize) -> Option<Range<usize>> {
    let known = text.has(place, b"AKIA") || text.has(place, b"ASIA");
    let end = place.saturating_add(20);
    let whole = || text.run(place, UPPER | DIGIT, 21) == end && !is(text.at(end), LOWER | DASH);
    (known && text.begins_word(place) && whole()).then_some(place..end)
}

/// A secret access key of AWS behind its name (`aws_secret_access_key`, `SecretAccessKey`, `aws_secret_key`).
/// `place` is at the `k` of `key`.
pub fn aws_secret(text: Text<'_>, place: usize) -> Option<Range<usize>> {
    let key = place.saturating_add(3);
    text.ended_by(key, b"key")?;
    let dash = |place: usize| place.saturating_sub(usize::from(is(text.before(place, 1), DASH)));
    let label = dash(place);
    match text.ended_by(label, b"access") {
        Some(access) => text.ended_by(dash(access), b"secret")?,
        None => text.ended_by(dash(text.ended_by(label, b"secret")?), b"aws")?,
    };
    let mut start = key;
    let mut assigned = false;
    while start < key.saturating_add(16) {
        match text.at(start) {
            b'=' | b':' | b'>' => assigned = true,
            b' ' | b'\t' | b'"' | b'\'' | b'\\' | b'`' => {}
            _ => break,
        }
        start = start.saturating_add(1);
    }
    let end = start.saturating_add(40);
    let whole = text.run(start, WORD | BASE64, 41) == end;
    (assigned && whole).then_some(start..end)
}

/// A token of GitHub. `place` is at a `_`.
pub fn github(text: Text<'_>, place: usize) -> Option<Range<usize>> {
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

/// A secret or restricted key of Stripe, or the secret of a webhook. `place` is at a `_`.
pub fn stripe(text: Text<'_>, place: usize) -> Option<Range<usize>> {
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

/// A token of Slack. `place` is at its `x`.
pub fn slack(text: Text<'_>, place: usize) -> Option<Range<usize>> {
    let body = place.saturating_add(5);
    let known = text.has(place, b"xapp-")
        || (text.has(place, b"xox")
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

/// The address of a webhook of Slack, scheme included. `place` is at the `/` behind the host.
pub fn slack_webhook(text: Text<'_>, place: usize) -> Option<Range<usize>> {
    let host = text.ended_by(place, b"hooks.slack.com")?;
    let end = text.run(place, BASE64_URL | BASE64, WHOLE);
    let start = text.ended_by(host, b"https://").unwrap_or(host);
    (end.saturating_sub(place) >= 24).then_some(start..end)
}

/// An API key of Google. `place` is at its `A`.
pub fn google(text: Text<'_>, place: usize) -> Option<Range<usize>> {
    let end = place.saturating_add(39);
    let known = text.has(place, b"AIza") && text.begins_word(place);
    (known && text.run(place, BASE64_URL, 40) == end).then_some(place..end)
}

/// From `start` to the end of the run of these classes that begins at `body`, if it is long enough and begins a word.
fn token(
    text: Text<'_>,
    start: usize,
    body: usize,
    classes: u8,
    least: usize,
) -> Option<Range<usize>> {
    if !text.begins_word(start) {
        return None;
    }
    let end = text.run(body, classes, WHOLE);
    (end.saturating_sub(body) >= least).then_some(start..end)
}
