//! Errors and warnings about a file, for people and for programs.

use serde_json::{Value, json};

use crate::terminal::Paint;
use toolgate_document::{Position, Problem, Source};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can, but may not mean what was meant.
    Warning,
}

impl Severity {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Its name, for a lint.
    pub code: Option<String>,
    /// The file.
    pub file: String,
    /// Where.
    pub position: Position,
    /// JSON Pointer; empty for the document.
    pub pointer: String,
    /// What is wrong and what was expected.
    pub message: String,
    /// The word that was probably meant.
    pub suggestion: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// The line with a caret.
    pub excerpt: Option<String>,
}

impl Diagnostic {
    /// An error in a file. `position` is where it is.
    pub fn error(source: &Source, problem: Problem, position: Position) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code: None,
            file: source.name().to_owned(),
            position,
            pointer: problem.pointer,
            message: problem.message,
            suggestion: problem.suggestion,
            help: None,
            excerpt: source.excerpt(position),
        }
    }

    /// For people:
    ///
    /// ```text
    /// policy.yaml:12:9: error: /tools/x/deni_if: unknown key `deni_if`; did you mean `deny_if`?
    ///     12 |         deni_if:
    ///        |         ^
    /// ```
    pub fn text(&self, paint: Paint) -> String {
        let severity = match self.severity {
            Severity::Error => paint.bad("error"),
            Severity::Warning => paint.warn("warning"),
        };
        let place = paint.strong(&format!("{}:{}", self.file, self.position));
        let mut text = format!("{place}: {severity}: ");
        if !self.pointer.is_empty() {
            text.push_str(&format!("{}: ", self.pointer));
        }
        text.push_str(&self.message);
        if let Some(word) = &self.suggestion {
            text.push_str(&format!("; did you mean `{word}`?"));
        }
        if let Some(code) = &self.code {
            text.push_str(&format!(" [{code}]"));
        }
        text.push('\n');
        if let Some(excerpt) = &self.excerpt {
            text.push_str(&format!("{excerpt}\n"));
        }
        if let Some(help) = &self.help {
            text.push_str(&format!("       = help: {help}\n"));
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let mut value = json!({
            "severity": self.severity.word(),
            "line": self.position.line,
            "column": self.position.column,
            "pointer": self.pointer,
            "message": self.message,
        });
        let optional = [
            ("code", &self.code),
            ("suggestion", &self.suggestion),
            ("help", &self.help),
        ];
        for (key, text) in optional {
            if let (Some(text), Some(object)) = (text, value.as_object_mut()) {
                object.insert(key.to_owned(), Value::from(text.as_str()));
            }
        }
        value
    }
}
