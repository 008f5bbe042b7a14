//! Policy and test files, JSON or YAML, as JSON text that remembers where every value was written.
//!
//! The engine reads JSON and nothing else. [`Document::read`] turns a YAML file into it without touching a digit of a
//! number, and keeps a map back: [`Document::locate`] leads from a JSON Pointer to line and column in the file a person
//! wrote, [`Source::excerpt`] shows that line with a caret under it.
//!
//! Refused, with a message that says what to write instead: spellings of numbers that JSON does not have (`0x10`, `.5`,
//! `1_000`), keys that are not text, merge keys, tags, a second document in one file, the same key twice, aliases that
//! would blow the document up.

mod fields;
mod files;
mod problem;
mod source;
mod yaml;
mod yaml_scalar;

use std::path::Path;

use toolgate_engine::json::{self, Limits, Value};

pub use fields::{Field, Object, Reader, alternatives};
pub use files::{POLICY_FILES, TEST_FILES, Unreadable, find};
pub use problem::Problem;
pub use source::{Position, Source};
pub use toolgate_engine::config::nearest;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 8259.
    Json,
    /// YAML 1.2, core schema.
    Yaml,
}

/// Why a file did not become a document.
#[derive(Debug)]
pub enum ReadError {
    /// It could not be read at all.
    Io(std::io::Error),
    /// It is not what it should be.
    Malformed {
        /// The text, for excerpts.
        source: Source,
        /// What is wrong with it, and where.
        problem: Problem,
    },
}

/// A file as JSON, with the places where its values were written.
#[derive(Debug)]
pub struct Document {
    source: Source,
    json: String,
    parsed: json::Document<'static>,
    /// For YAML: the offset of every value and key in the JSON text, ascending, and where it was written.
    origins: Option<Vec<(usize, Position)>>,
}

/// Where a member or element was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its key, for a member of an object.
    pub key: Option<Position>,
    /// Its value.
    pub value: Position,
}

impl Document {
    /// Reads a file. Its name tells the format: `.json`, `.yaml` or `.yml`; anything else that begins with `{` is JSON.
    ///
    /// # Errors
    /// When it cannot be read, and when it cannot be understood.
    pub fn read(path: &Path) -> Result<Document, ReadError> {
        let bytes = std::fs::read(path).map_err(ReadError::Io)?;
        let name = path.display().to_string();
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let source = Source::new(name, String::from_utf8_lossy(error.as_bytes()));
                let position = source.position(valid);
                let problem = Problem::new("the file is not UTF-8 text").at(position);
                return Err(ReadError::Malformed { source, problem });
            }
        };
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Format::Json,
            Some("yaml" | "yml") => Format::Yaml,
            _ if text.trim_start().starts_with('{') => Format::Json,
            _ => Format::Yaml,
        };
        Document::parse(&name, text, format)
            .map_err(|(source, problem)| ReadError::Malformed { source, problem })
    }

    /// Reads a text. `name` is what messages call it.
    ///
    /// # Errors
    /// The first thing that is wrong, with the text for an excerpt.
    pub fn parse(
        name: &str,
        text: impl Into<String>,
        format: Format,
    ) -> Result<Document, (Source, Problem)> {
        let source = Source::new(name, text.into());
        let (json, origins) = match format {
            Format::Json => (source.text().to_owned(), None),
            Format::Yaml => match yaml::to_json(source.text()) {
                Ok((json, origins)) => (json, Some(origins)),
                Err(problem) => return Err((source, problem)),
            },
        };
        match json::Document::parse_owned(json.clone(), &Limits::CONFIG) {
            Ok(parsed) => Ok(Document {
                source,
                json,
                parsed,
                origins,
            }),
            Err(error) => {
                let position = position_of(&source, origins.as_deref(), error.offset);
                let problem = Problem::new(problem::json_message(&json, error)).at(position);
                Err((source, problem))
            }
        }
    }

    /// The JSON text: a JSON file's own, to the byte.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The top value.
    pub fn root(&self) -> Value<'_> {
        self.parsed.root()
    }

    /// The file as it was written.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Where the value under a JSON Pointer was written. A pointer to something that is not there leads to the nearest
    /// value around it.
    pub fn locate(&self, pointer: &str) -> Place {
        let mut value = self.root();
        let mut key = None;
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let mut members = value.members();
            let member = std::iter::from_fn(|| members.next_with_key())
                .find(|(key, _)| key.as_text().is_some_and(|key| key.is(&token)));
            let next = match member {
                Some((name, member)) => Some((Some(name), member)),
                None => token
                    .parse()
                    .ok()
                    .and_then(|index: usize| value.items().nth(index))
                    .map(|item| (None, item)),
            };
            let Some((name, inner)) = next else { break };
            key = name;
            value = inner;
        }
        Place {
            key: key.map(|key| self.position(key)),
            value: self.position(value),
        }
    }

    /// Where a problem is: where it says so itself, else where its pointer leads.
    pub fn place(&self, problem: &Problem) -> Position {
        let place = self.locate(&problem.pointer);
        let key = place.key.filter(|_| problem.at_key);
        problem.position.unwrap_or(key.unwrap_or(place.value))
    }

    /// Where a value of this document was written.
    pub fn position(&self, value: Value<'_>) -> Position {
        position_of(&self.source, self.origins.as_deref(), value.span().start)
    }
}

fn position_of(
    source: &Source,
    origins: Option<&[(usize, Position)]>,
    json_offset: usize,
) -> Position {
    let Some(origins) = origins else {
        return source.position(json_offset);
    };
    let after = origins.partition_point(|(offset, _)| *offset <= json_offset);
    let origin = after.checked_sub(1).and_then(|index| origins.get(index));
    origin.map_or(Position::START, |(_, position)| *position)
}

#[cfg(test)]
mod tests;
