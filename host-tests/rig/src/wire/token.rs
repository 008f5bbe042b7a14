//! A tolerant cursor over JSON text that keeps the raw bytes of members.
//!
//! The judge must know the caller's id digit for digit, so it cannot go through a parsed number, and it must not share a
//! parser with the gate it judges. It refuses nothing: text that is not JSON simply has no members.

use std::ops::Range;

/// The members of the outermost object, in order, duplicates included: raw key (without quotes) and raw value.
#[must_use]
pub fn members(text: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut at = skip_space(text, 0);
    if *text.get(at)? != b'{' {
        return None;
    }
    at = skip_space(text, at + 1);
    let mut found = Vec::new();
    if text.get(at) == Some(&b'}') {
        return Some(found);
    }
    loop {
        let key = value(text, at)?;
        let raw = text.get(key.start + 1..key.end - 1)?;
        at = skip_space(text, key.end);
        if *text.get(at)? != b':' {
            return None;
        }
        let value = value(text, skip_space(text, at + 1))?;
        found.push((raw, &text[value.clone()]));
        at = skip_space(text, value.end);
        match text.get(at)? {
            b',' => at = skip_space(text, at + 1),
            b'}' => return Some(found),
            _ => return None,
        }
    }
}

/// The raw elements of the outermost array.
#[must_use]
pub fn elements(text: &[u8]) -> Option<Vec<&[u8]>> {
    let mut at = skip_space(text, 0);
    if *text.get(at)? != b'[' {
        return None;
    }
    at = skip_space(text, at + 1);
    let mut found = Vec::new();
    if text.get(at) == Some(&b']') {
        return Some(found);
    }
    loop {
        let element = value(text, at)?;
        found.push(&text[element.clone()]);
        at = skip_space(text, element.end);
        match text.get(at)? {
            b',' => at = skip_space(text, at + 1),
            b']' => return Some(found),
            _ => return None,
        }
    }
}

/// The raw token of one member, the last one when there are several.
#[must_use]
pub fn member<'a>(text: &'a [u8], key: &str) -> Option<&'a [u8]> {
    members(text)?
        .into_iter()
        .rev()
        .find(|(name, _)| *name == key.as_bytes())
        .map(|(_, value)| value)
}

/// The ids of a message or of every message in a batch, as written.
#[must_use]
pub fn ids(text: &[u8]) -> Vec<Vec<u8>> {
    match elements(text) {
        Some(batch) => batch
            .iter()
            .filter_map(|one| member(one, "id"))
            .map(<[u8]>::to_vec)
            .collect(),
        None => member(text, "id").map(<[u8]>::to_vec).into_iter().collect(),
    }
}

/// Every reading of a body that a client might arrive at, so that a forbidden name cannot hide behind `\u005f`: the text
/// itself and the text with its JSON escapes undone.
#[must_use]
pub fn readings(text: &[u8]) -> Vec<Vec<u8>> {
    let plain = unescape(text);
    if plain == text {
        vec![plain]
    } else {
        vec![text.to_vec(), plain]
    }
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'\\' || at + 1 >= text.len() {
            out.push(text[at]);
            at += 1;
            continue;
        }
        let hex = || {
            let digits = std::str::from_utf8(text.get(at + 2..at + 6)?).ok()?;
            char::from_u32(u32::from_str_radix(digits, 16).ok()?)
        };
        match (text[at + 1], hex()) {
            (b'u', Some(letter)) => {
                out.extend(letter.to_string().bytes());
                at += 6;
            }
            (other, _) => {
                out.push(other);
                at += 2;
            }
        }
    }
    out
}

fn skip_space(text: &[u8], mut at: usize) -> usize {
    while text
        .get(at)
        .is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
    {
        at += 1;
    }
    at
}

fn value(text: &[u8], start: usize) -> Option<Range<usize>> {
    let mut at = start;
    let mut depth = 0usize;
    loop {
        match text.get(at)? {
            b'"' => {
                at += 1;
                while *text.get(at)? != b'"' {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            _ if depth > 0 => at += 1,
            _ => {
                while text
                    .get(at)
                    .is_some_and(|byte| !b",]} \t\r\n".contains(byte))
                {
                    at += 1;
                }
                return (at > start).then_some(start..at);
            }
        }
        if depth == 0 {
            return Some(start..at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{elements, ids, member, readings};

    #[test]
    fn ids_keep_their_spelling() {
        assert_eq!(ids(br#"{"id": 1.0e2 ,"method":"x"}"#), [b"1.0e2".to_vec()]);
        assert_eq!(
            ids(br#"[{"id":"a\"b"},{"method":"n"},{"id":-7}]"#),
            [br#""a\"b""#.to_vec(), b"-7".to_vec()]
        );
        assert!(ids(b"nonsense").is_empty());
    }

    #[test]
    fn nested_values_are_whole() {
        assert_eq!(
            member(br#"{"a":{"id":1,"b":[1,"}"]},"id":2}"#, "a").unwrap(),
            br#"{"id":1,"b":[1,"}"]}"#
        );
        assert_eq!(elements(b"[ 1 , [2,3] ]").unwrap(), [&b"1"[..], b"[2,3]"]);
    }

    #[test]
    fn escapes_are_read_as_a_client_reads_them() {
        assert!(
            readings(br"delete\u005feverything")
                .iter()
                .any(|text| text == b"delete_everything")
        );
    }
}
