//! What follows `?` in a path.

/// The value of a key, unescaped; `None` if it is absent or empty.
pub(super) fn value(query: &str, key: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(name, _)| *name == key)?;
    Some(unescape(value)).filter(|value| !value.is_empty())
}

/// Undoes percent encoding, and `+` for a space. An escape that is none stays as it is.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let escaped = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(match (byte, escaped) {
            (b'%', Some(escaped)) => {
                rest = tail.get(2..).unwrap_or_default();
                escaped
            }
            (b'+', _) => b' ',
            _ => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn values() {
        for (query, key, expected) in [
            ("tool=a%20b+c", "tool", Some("a b c")),
            ("x=1&tool=%C3%A4", "tool", Some("ä")),
            ("tool=", "tool", None),
            ("tool", "tool", None),
            ("", "tool", None),
            ("tool=%zz%4", "tool", Some("%zz%4")),
            ("tool=%ff", "tool", Some("\u{fffd}")),
            ("tools=a&tool=b&tool=c", "tool", Some("b")),
        ] {
            assert_eq!(value(query, key).as_deref(), expected, "{query}");
        }
    }
}
