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
mod repeated;
mod source;
mod yaml;
mod yaml_host;
mod yaml_scalar;

use std::path::Path;
use std::sync::Arc;

use toolgate_engine::json::{self, Limits, Value};

pub use fields::{Field, Object, Reader, alternatives};
pub use files::{POLICY_FILES, TEST_FILES, Unreadable, find, find_where};
pub use problem::Problem;
pub use source::{Position, Source};
pub use toolgate_engine::config::nearest;
pub use yaml::Odd;
pub use yaml_host::Host;

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
    origins: Option<Arc<yaml::Origins>>,
    /// For a part of a larger document: where it begins in that document's JSON text, of which the origins speak.
    base: usize,
    /// For a host's file: what its reader takes for something else than it looks like.
    odd: Arc<Vec<Odd>>,
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
        let (name, text) = read_text(path)?;
        let format = Format::of(path, &text);
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
        match format {
            Format::Json => Document::of_json(source),
            Format::Yaml => match yaml::to_json(source.text()) {
                Ok(converted) => Document::of_yaml(source, converted),
                Err(problem) => Err((source, problem)),
            },
        }
    }

    /// Reads the documents of a host's file as the host reads them. Equal keys are an error all the same.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_host(
        name: &str,
        text: impl Into<String>,
        format: Format,
    ) -> Result<Vec<Document>, (Source, Problem)> {
        let source = Source::new(name, text.into());
        if format == Format::Json {
            return Document::of_json(source).map(|document| vec![document]);
        }
        match yaml::host_to_json(source.text()) {
            Ok(all) => all
                .into_iter()
                .map(|converted| Document::of_yaml(source.clone(), converted))
                .collect(),
            Err(problem) => Err((source, problem)),
        }
    }

    fn of_json(source: Source) -> Result<Document, (Source, Problem)> {
        Document::new(source.clone(), source.text().to_owned(), None, Vec::new())
    }

    fn of_yaml(source: Source, converted: yaml::Converted) -> Result<Document, (Source, Problem)> {
        let yaml::Converted { json, origins, odd } = converted;
        Document::new(source, json, Some(origins), odd)
    }

    fn new(
        source: Source,
        json: String,
        origins: Option<yaml::Origins>,
        odd: Vec<Odd>,
    ) -> Result<Document, (Source, Problem)> {
        match json::Document::parse_owned(json.clone(), &Limits::CONFIG) {
            Ok(parsed) => Ok(Document {
                source,
                json,
                parsed,
                origins: origins.map(Arc::new),
                base: 0,
                odd: Arc::new(odd),
            }),
            Err(error) => {
                let place = |offset| position_of(&source, origins.as_ref(), offset);
                let problem = problem::of_json(&json, error, &place);
                Err((source, problem))
            }
        }
    }

    /// A value of this document as a document of its own, which still knows where everything was written.
    pub fn part(&self, value: Value<'_>) -> Option<Document> {
        let span = value.span();
        let json = self.json.get(span.start..span.end)?.to_owned();
        let parsed = json::Document::parse_owned(json.clone(), &Limits::CONFIG).ok()?;
        Some(Document {
            source: self.source.clone(),
            json,
            parsed,
            origins: self.origins.clone(),
            base: self.base + span.start,
            odd: self.odd.clone(),
        })
    }

    /// What a host's reader takes for something else than it looks like, with its place.
    pub fn odd(&self) -> impl Iterator<Item = (&Odd, Position)> {
        let own = self.base..self.base + self.json.len();
        let all = self.odd.iter().filter(move |odd| own.contains(&odd.offset));
        all.map(|odd| {
            (
                odd,
                position_of(&self.source, self.origins.as_deref(), odd.offset),
            )
        })
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
        let offset = self.base + value.span().start;
        position_of(&self.source, self.origins.as_deref(), offset)
    }
}

impl Format {
    /// By the file's name: `.json`, `.yaml` or `.yml`; anything else that begins with `{` is JSON.
    pub fn of(path: &Path, text: &str) -> Format {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Format::Json,
            Some("yaml" | "yml") => Format::Yaml,
            _ if text.trim_start().starts_with('{') => Format::Json,
            _ => Format::Yaml,
        }
    }
}

/// The text of a file, and what messages call it.
///
/// # Errors
/// When it cannot be read, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<(String, String), ReadError> {
    let bytes = std::fs::read(path).map_err(ReadError::Io)?;
    let name = path.display().to_string();
    String::from_utf8(bytes)
        .map(|text| (name.clone(), text))
        .map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let source = Source::new(name, String::from_utf8_lossy(error.as_bytes()));
            let position = source.position(valid);
            let problem = Problem::new("the file is not UTF-8 text").at(position);
            ReadError::Malformed { source, problem }
        })
}

fn position_of(source: &Source, origins: Option<&yaml::Origins>, json_offset: usize) -> Position {
    let Some(origins) = origins else {
        return source.position(json_offset);
    };
    let after = origins.partition_point(|(offset, _)| *offset <= json_offset);
    let origin = after.checked_sub(1).and_then(|index| origins.get(index));
    origin.map_or(Position::START, |(_, position)| *position)
}

#[cfg(test)]
mod tests;
