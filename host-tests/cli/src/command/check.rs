//! `toolgate check`: is this a policy, and does it mean what it seems to? Policies, and files of hosts with policies in them.

mod carried;
mod host;
mod listener;
mod warning;

pub use warning::{WARNINGS, Warning};

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use toolgate_engine::config::{Configured, Lint, lint};

use super::Outcome;
use super::diagnostic::{Diagnostic, Severity};
use crate::terminal::Paint;
use toolgate_document::{
    Document, Format, Position, Problem, ReadError, Source, Unreadable, find_where, read_text,
};

/// What to check, and how to say it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Files, and directories with policies in them.
    pub paths: Vec<PathBuf>,
    /// Warnings are errors.
    pub deny_warnings: bool,
    /// For programs.
    pub json: bool,
    /// Colours.
    pub paint: Paint,
}

/// A file that was looked at.
#[derive(Debug, Default)]
pub struct Checked {
    /// Its path, as given.
    pub file: String,
    /// The digest of its configuration, if it is a policy and nothing else.
    pub digest: Option<String>,
    /// For a host's file: the gates and consoles in it.
    pub configurations: Vec<Configuration>,
    /// For a host's file: the routes of listeners with a gate.
    pub routes: Vec<Route>,
    /// For a host's file: gates whose configuration is in another file, and where.
    pub elsewhere: Vec<String>,
    /// What was found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// A configuration inside a host's file.
#[derive(Debug)]
pub struct Configuration {
    /// The plugin's name.
    pub name: String,
    /// The same with where it stands, such as `` `toolgate` in listener `mcp` ``.
    pub label: String,
    /// Where it begins.
    pub position: Position,
    /// Its digest, if it loads.
    pub digest: Option<String>,
    /// Whether it is a gate, not a console.
    pub gate: bool,
    /// What it may hold of a message, in bytes.
    pub holds: usize,
}

/// A route of a listener with a gate.
#[derive(Debug)]
pub struct Route {
    /// Where it stands.
    pub position: Position,
    /// Whether the gate judges it.
    pub judged: bool,
    /// What it matches, in words.
    pub pattern: String,
    /// Where it leads, in words.
    pub to: String,
}

/// What is to know of a configuration that was read.
#[derive(Debug, Default)]
struct Summary {
    digest: Option<String>,
    gate: bool,
    holds_headers: bool,
    holds: usize,
}

/// Checks every policy.
pub fn run(options: &Options) -> Outcome {
    let (files, mut unreadable) = find_where(&options.paths, "policy", &holds_a_policy);
    let mut checked = Vec::new();
    for file in files {
        match check(&file) {
            Ok(result) => checked.push(result),
            Err(error) => unreadable.push(error),
        }
    }
    let count = |severity| {
        let all = checked.iter().flat_map(|file| &file.diagnostics);
        all.filter(|found| found.severity == severity).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let code = match (unreadable.is_empty(), errors, warnings) {
        (false, _, _) => 2,
        (true, 0, 0) => 0,
        (true, 0, _) if !options.deny_warnings => 0,
        _ => 1,
    };
    let output = if options.json {
        as_json(&checked, &unreadable, errors, warnings)
    } else {
        as_text(&checked, errors, warnings, options.paint)
    };
    Outcome {
        output,
        errors: unreadable.iter().map(Unreadable::line).collect(),
        code,
    }
}

/// Whether a file of a directory is worth a look: a policy, or a host's file with one in it.
fn holds_a_policy(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let Some((stem, "json" | "yaml" | "yml")) = name.rsplit_once('.') else {
        return false;
    };
    if stem == "policy" {
        return true;
    }
    let Ok((name, text)) = read_text(path) else {
        return false;
    };
    let format = Format::of(path, &text);
    match Document::parse_host(&name, text.as_str(), format) {
        Ok(documents) if host::is_hosts(&documents) => {
            !check_text(&name, text.as_str(), format)
                .configurations
                .is_empty()
                || text.contains("toolgate")
        }
        Ok(documents) => documents
            .iter()
            .any(|document| host::is_policy(document.root())),
        // What cannot be read and speaks of the gate may be one all the same.
        Err(_) => text.contains("toolgate") && host::looks_hosted(&text),
    }
}

/// Checks one file.
///
/// # Errors
/// When the file cannot be read.
pub fn check(path: &Path) -> Result<Checked, Unreadable> {
    match read_text(path) {
        Ok((name, text)) => {
            let format = Format::of(path, &text);
            Ok(check_text(&name, text, format))
        }
        Err(ReadError::Io(error)) => Err(Unreadable::because(path, &error)),
        Err(ReadError::Malformed { source, problem }) => Ok(malformed(&source, problem)),
    }
}

fn malformed(source: &Source, problem: Problem) -> Checked {
    let position = problem.position.unwrap_or(Position::START);
    Checked {
        file: source.name().to_owned(),
        diagnostics: vec![Diagnostic::error(source, problem, position)],
        ..Checked::default()
    }
}

/// Checks a text.
fn check_text(name: &str, text: impl Into<String>, format: Format) -> Checked {
    let text = text.into();
    let mut checked = Checked {
        file: name.to_owned(),
        ..Checked::default()
    };
    match Document::parse_host(name, text.as_str(), format) {
        Ok(documents) if host::is_hosts(&documents) => host::check(&documents, &mut checked),
        Err((source, problem)) if host::looks_hosted(&text) => return malformed(&source, problem),
        _ => match Document::parse(name, text, format) {
            Err((source, problem)) => return malformed(&source, problem),
            Ok(document) => {
                let (summary, diagnostics) =
                    judge(&document, false, document.source(), &|position| position);
                checked.digest = summary.and_then(|summary| summary.digest);
                checked.diagnostics = diagnostics;
            }
        },
    }
    checked.diagnostics.sort_by_key(|found| found.position);
    checked
}

/// Reads a configuration and warns about it. `place` leads to where it stands in `source`; `doubles` tells that another reader
/// had its numbers first.
fn judge(
    document: &Document,
    doubles: bool,
    source: &Source,
    place: &dyn Fn(Position) -> Position,
) -> (Option<Summary>, Vec<Diagnostic>) {
    match Configured::from_json(document.json().as_bytes(), doubles) {
        Ok(Configured::Gate(gate)) => {
            let summary = Summary {
                digest: Some(gate.digest.clone()),
                gate: true,
                holds_headers: gate.http.hold_request_headers,
                holds: gate.http.max_body_bytes.max(gate.results.max_json_bytes),
            };
            let warnings = lint(document.root(), &gate).into_iter();
            let warnings = warnings.map(|found| {
                let position = place(document.locate(&found.pointer).value);
                warning_of(found, source, position)
            });
            (Some(summary), warnings.collect())
        }
        Ok(Configured::Console(console)) => {
            let summary = Summary {
                digest: Some(console.digest),
                ..Summary::default()
            };
            (Some(summary), Vec::new())
        }
        Err(errors) => {
            let errors = errors.0.into_iter().map(|error| {
                let problem = Problem::from(error);
                let position = place(document.place(&problem));
                Diagnostic::error(source, problem, position)
            });
            (None, errors.collect())
        }
    }
}

/// What is legal but leaky.
fn warning_of(found: Lint, source: &Source, position: Position) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        code: Some(found.code.to_owned()),
        file: source.name().to_owned(),
        position,
        pointer: found.pointer,
        message: found.message,
        suggestion: None,
        help: Some(found.help.to_owned()),
        excerpt: source.excerpt(position),
    }
}

fn as_text(checked: &[Checked], errors: usize, warnings: usize, paint: Paint) -> String {
    let mut text = String::new();
    for file in checked {
        for found in &file.diagnostics {
            text.push_str(&found.text(paint));
        }
        if let Some(digest) = &file.digest {
            let ok = paint.good("ok");
            let digest = digest.get(..12).unwrap_or(digest);
            let digest = paint.faint(&format!("(digest {digest})"));
            text.push_str(&format!("{}: {ok} {digest}\n", file.file));
        }
        for found in &file.configurations {
            text.push_str(&found.line(&file.file, paint));
        }
        for note in &file.elsewhere {
            text.push_str(&format!("{}: {note}\n", file.file));
        }
        for route in &file.routes {
            text.push_str(&route.line(paint));
        }
    }
    let plural = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    };
    if errors + warnings > 0 {
        let (errors, warnings) = (plural(errors, "error"), plural(warnings, "warning"));
        text.push_str(&format!("{errors}, {warnings}\n"));
    }
    text
}

impl Configuration {
    fn line(&self, file: &str, paint: Paint) -> String {
        let what = if self.gate { "gate" } else { "console" };
        let Some(digest) = &self.digest else {
            return format!(
                "{file}:{}: {what} {}: {}\n",
                self.position,
                self.label,
                paint.bad("would not load")
            );
        };
        let digest = paint.faint(&format!("(digest {})", digest.get(..12).unwrap_or(digest)));
        format!(
            "{file}:{}: {what} {}: {} {digest}\n",
            self.position,
            self.label,
            paint.good("ok")
        )
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "place": self.label,
            "kind": if self.gate { "gate" } else { "console" },
            "line": self.position.line,
            "digest": self.digest,
        })
    }
}

impl Route {
    fn line(&self, paint: Paint) -> String {
        let word = if self.judged {
            paint.good("judged       ")
        } else {
            paint.warn("past the gate")
        };
        format!(
            "  {word} {} to {} {}\n",
            self.pattern,
            self.to,
            paint.faint(&format!("(line {})", self.position.line))
        )
    }

    fn json(&self) -> Value {
        json!({"match": self.pattern, "to": self.to, "judged": self.judged, "line": self.position.line})
    }
}

fn as_json(
    checked: &[Checked],
    unreadable: &[Unreadable],
    errors: usize,
    warnings: usize,
) -> String {
    let file = |file: &Checked| {
        json!({
            "file": file.file,
            "digest": file.digest,
            "configurations": file.configurations.iter().map(Configuration::json).collect::<Vec<_>>(),
            "elsewhere": file.elsewhere,
            "routes": file.routes.iter().map(Route::json).collect::<Vec<_>>(),
            "diagnostics": file.diagnostics.iter().map(Diagnostic::json).collect::<Vec<_>>(),
        })
    };
    let unread = |file: &Unreadable| json!({"file": file.path.display().to_string(), "message": file.message});
    let report = json!({
        "files": checked.iter().map(file).collect::<Vec<Value>>(),
        "unreadable": unreadable.iter().map(unread).collect::<Vec<Value>>(),
        "errors": errors,
        "warnings": warnings,
    });
    format!("{report:#}\n")
}
