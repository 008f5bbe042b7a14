//! What is wrong with a file, where, and what was probably meant.

use toolgate_engine::config::ConfigError;
use toolgate_engine::json::{JsonError, JsonErrorKind};

use super::repeated::repeated;
use super::source::Position;

/// One thing that is wrong. Either a place in the text is known, or a pointer that leads to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON Pointer of the value; empty for the document itself.
    pub pointer: String,
    /// What is wrong and what was expected, as a clause; user input in backquotes.
    pub message: String,
    /// The word that was probably meant.
    pub suggestion: Option<String>,
    /// Where, if that is known better than by the pointer.
    pub position: Option<Position>,
    /// Whether the key is meant, not its value.
    pub at_key: bool,
}

impl Problem {
    /// About the whole document.
    pub fn new(message: impl Into<String>) -> Problem {
        Problem {
            pointer: String::new(),
            message: message.into(),
            suggestion: None,
            position: None,
            at_key: false,
        }
    }

    /// At a place in the text.
    pub fn at(mut self, position: Position) -> Problem {
        self.position = Some(position);
        self
    }

    /// At a pointer.
    pub fn under(mut self, pointer: impl Into<String>) -> Problem {
        self.pointer = pointer.into();
        self
    }

    /// The message with its suggestion.
    pub fn sentence(&self) -> String {
        match &self.suggestion {
            Some(word) => format!("{}; did you mean `{word}`?", self.message),
            None => self.message.clone(),
        }
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Problem {
        let at_key = error.message.starts_with("unknown key");
        Problem {
            pointer: error.pointer,
            message: error.message,
            suggestion: error.suggestion,
            position: None,
            at_key,
        }
    }
}

/// What is wrong with JSON text, and where: `place` leads from an offset to its place in the file.
pub(super) fn of_json(json: &str, error: JsonError, place: &dyn Fn(usize) -> Position) -> Problem {
    match error.kind {
        JsonErrorKind::DuplicateKey => {
            if let Some((second, first)) = repeated(json) {
                let key = json.get(second..).and_then(|rest| rest.split('"').nth(1));
                let line = place(first).line;
                let message = format!(
                    "the key `{}` is there already, on line {line}",
                    key.unwrap_or_default()
                );
                return Problem::new(message).at(place(second));
            }
        }
        // The engine has read to its end.
        JsonErrorKind::NumberRange => {
            let before = json.get(..error.offset).unwrap_or_default();
            let number = before
                .trim_end_matches(|char: char| char.is_ascii_digit() || "+-.eE".contains(char));
            return Problem::new(error.kind.message()).at(place(number.len()));
        }
        _ => {}
    }
    Problem::new(json_message(json, error)).at(place(error.offset))
}

/// Where the engine says only that it is not JSON, serde_json says what it expected.
fn json_message(json: &str, error: JsonError) -> String {
    let clause = error.kind.message();
    let precise = (error.kind == JsonErrorKind::Syntax)
        .then(|| serde_json::from_str::<serde::de::IgnoredAny>(json).err())
        .flatten()
        .map(|error| error.to_string());
    match precise
        .as_deref()
        .and_then(|text| text.split(" at line ").next())
    {
        Some(expected) => format!("{clause}: {expected}"),
        None => clause.to_owned(),
    }
}
