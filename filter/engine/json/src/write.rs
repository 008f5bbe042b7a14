//! Writing small objects, member by member, without a type for each.

/// An object on its way. Keys are the caller's own words and are written as they are.
#[derive(Debug)]
pub struct ObjectWriter {
    out: String,
}

impl Default for ObjectWriter {
    fn default() -> Self {
        ObjectWriter {
            out: "{".to_owned(),
        }
    }
}

impl ObjectWriter {
    /// A member with this JSON text as its value.
    pub fn raw(&mut self, key: &str, json: &str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
        self.out.push_str(json);
    }

    /// A text.
    pub fn text(&mut self, key: &str, text: &str) {
        self.raw(key, &quoted(text));
    }

    /// A text, if there is one.
    pub fn optional(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// A whole number.
    pub fn number(&mut self, key: &str, number: i64) {
        self.raw(key, &number.to_string());
    }

    /// True or false.
    pub fn flag(&mut self, key: &str, flag: bool) {
        self.raw(key, if flag { "true" } else { "false" });
    }

    /// A list of texts.
    pub fn texts(&mut self, key: &str, texts: &[Box<str>]) {
        let mut list = "[".to_owned();
        for text in texts {
            if list.len() > 1 {
                list.push(',');
            }
            list.push_str(&quoted(text));
        }
        list.push(']');
        self.raw(key, &list);
    }

    /// The object.
    pub fn finish(mut self) -> String {
        self.out.push('}');
        self.out
    }
}

/// A text as a JSON string. Control and invisible characters are escaped, so that it is one line for every reader,
/// moves no cursor and hides nothing.
pub fn quoted(text: &str) -> String {
    // Writing a str as JSON cannot fail.
    let json = serde_json::to_string(text).unwrap_or_default();
    one_line(json)
}

/// JSON escapes control characters; the line ends and format characters JSON allows are escaped here, so that
/// the text is one line for every reader and moves no cursor.
pub fn one_line(json: String) -> String {
    let plain = |char: char| !is_unprintable(char);
    if json.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
        return json;
    }
    let mut line = String::with_capacity(json.len());
    for char in json.chars() {
        if plain(char) {
            line.push(char);
        } else {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    line
}

/// Line ends, controls and characters without a shape of their own.
pub fn is_unprintable(char: char) -> bool {
    matches!(
        char,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
