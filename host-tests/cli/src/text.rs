//! Text from strangers, made fit for a comment, a terminal and a YAML key.

/// One line without control characters or marks that hide or reorder text; those are spelled out. At most `width`
/// characters.
pub fn one_line(text: &str, width: usize) -> String {
    let mut line = String::new();
    let mut space = false;
    for char in text.trim().chars() {
        if char.is_whitespace() && !is_hidden(char) {
            space = true;
            continue;
        }
        if std::mem::take(&mut space) {
            line.push(' ');
        }
        push_visible(char, &mut line);
    }
    shorten(line, width)
}

/// As [`one_line`], with every space kept: for showing what exactly has changed.
pub fn exact(text: &str) -> String {
    let mut line = String::new();
    for char in text.chars() {
        match char {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            char => push_visible(char, &mut line),
        }
    }
    line
}

/// A key or a value of YAML: plain where that is safe, else in double quotes as JSON.
pub fn yaml(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let begins = text.starts_with(|char: char| char.is_ascii_alphabetic());
    let plain = text
        .chars()
        .all(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.' | '/'));
    if begins && plain && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    json(text)
}

/// A JSON string in which nothing is hidden.
pub fn json(text: &str) -> String {
    spell_out(&serde_json::to_string(text).unwrap_or_default())
}

/// JSON with every hidden mark written as an escape. They can stand in strings only, so that the value stays the same.
pub fn spell_out(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if is_hidden(char) || char.is_control() {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(char);
        }
    }
    out
}

/// Whether nothing in it is hidden or a control character: a policy has no keys with those.
pub fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text
            .chars()
            .any(|char| char.is_control() || is_hidden(char))
}

/// Adds a character; a control character or a hidden mark as `\u{…}`.
pub fn push_visible(char: char, line: &mut String) {
    if char.is_control() || is_hidden(char) {
        line.push_str(&format!("\\u{{{:x}}}", u32::from(char)));
    } else {
        line.push(char);
    }
}

fn shorten(line: String, width: usize) -> String {
    if line.chars().count() <= width {
        return line;
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// Marks that take no room, reorder text, or carry text that nobody sees.
fn is_hidden(char: char) -> bool {
    matches!(
        char,
        '\u{ad}' | '\u{85}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_line_or_hides() {
        let text = "Reads.\n  deny: false\r\n\u{1b}[2J \u{202e}x\u{e0041}";
        let line = one_line(text, 100);
        assert_eq!(line, r"Reads. deny: false \u{1b}[2J \u{202e}x\u{e0041}");
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(exact(" a\n b"), r" a\n b");
    }

    #[test]
    fn keys_are_quoted_where_yaml_would_read_something_else() {
        for plain in ["get_issue", "get-sum", "repo/read", "a.b"] {
            assert_eq!(yaml(plain), plain);
        }
        for quoted in [
            "no", "Null", "1", "", "a: b", "*", "a b", "# x", "0x1f", "-",
        ] {
            assert_eq!(yaml(quoted), format!("\"{quoted}\""));
        }
        assert_eq!(yaml("a\u{200b}"), "\"a\\u200b\"");
        assert_eq!(yaml("\u{e0041}"), "\"\\udb40\\udc41\"");
    }
}
