//! Finds the key that stands twice: the engine says that one does, where the object ends.

use std::collections::HashMap;

/// The offsets of the first key that repeats another of its object, and of that other. `None` where there is none.
pub(super) fn repeated(json: &str) -> Option<(usize, usize)> {
    let bytes = json.as_bytes();
    // For each open collection: its keys so far; none for a list.
    let mut open: Vec<Option<HashMap<String, usize>>> = Vec::new();
    let mut key_next = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => {
                open.push(Some(HashMap::new()));
                key_next = true;
            }
            b'[' => open.push(None),
            b'}' | b']' => {
                open.pop();
            }
            b',' => key_next = matches!(open.last(), Some(Some(_))),
            b'"' => {
                let end = string_end(bytes, at);
                let text = json.get(at..end)?;
                if let (true, Some(Some(keys))) = (key_next, open.last_mut()) {
                    let key: String = serde_json::from_str(text).ok()?;
                    if let Some(first) = keys.insert(key, at) {
                        return Some((at, first));
                    }
                }
                key_next = false;
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The offset behind the quote that ends the string which begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'\\' => at += 1,
            b'"' => break,
            _ => {}
        }
    }
    at.min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::repeated;

    #[test]
    fn the_second_key_is_found() {
        for (json, found) in [
            (r#"{"a":1,"b":{"a":2},"a":3}"#, Some((19, 1))),
            (r#"[{"a":"a"},{"a":[1,"a"]}]"#, None),
            (r#"{"x":{"b\"":1,"b\u0022":2}}"#, Some((14, 6))),
            (r#"{"a":{},"b":["a","a"],"b":1"#, Some((22, 8))),
            (r#"{"a"#, None),
        ] {
            assert_eq!(repeated(json), found, "{json}");
        }
    }
}
