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
    crate::audit::one_line(json)
}
