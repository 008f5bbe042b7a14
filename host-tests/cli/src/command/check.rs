//! `toolgate check`: is this a policy, and does it mean what it seems to?

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use toolgate_engine::config::{Configured, Gate, Lint, lint};

use super::Outcome;
use super::diagnostic::{Diagnostic, Severity};
use crate::terminal::Paint;
use toolgate_document::{Document, Position, Problem, ReadError};
use toolgate_document::{POLICY_FILES, Unreadable, find};

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

/// A policy that was looked at.
#[derive(Debug)]
pub struct Checked {
    /// Its path, as given.
    pub file: String,
    /// The digest of its configuration, if it is one.
    pub digest: Option<String>,
    /// What was found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks every policy.
pub fn run(options: &Options) -> Outcome {
    let (files, mut unreadable) = find(&options.paths, &POLICY_FILES);
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

/// Checks one policy.
///
/// # Errors
/// When the file cannot be read.
pub fn check(path: &Path) -> Result<Checked, Unreadable> {
    let file = path.display().to_string();
    let document = match Document::read(path) {
        Ok(document) => document,
        Err(ReadError::Io(error)) => return Err(Unreadable::because(path, &error)),
        Err(ReadError::Malformed { source, problem }) => {
            let position = problem.position.unwrap_or(Position::START);
            return Ok(Checked {
                file,
                digest: None,
                diagnostics: vec![Diagnostic::error(&source, problem, position)],
            });
        }
    };
    let configured = Configured::from_json(document.json().as_bytes(), false);
    let (digest, mut diagnostics) = match configured {
        Ok(Configured::Gate(gate)) => (Some(gate.digest.clone()), lints(&gate, &document)),
        Ok(Configured::Console(console)) => (Some(console.digest), Vec::new()),
        Err(errors) => {
            let errors = errors.0.into_iter().map(|error| {
                let problem = Problem::from(error);
                let position = document.place(&problem);
                Diagnostic::error(document.source(), problem, position)
            });
            (None, errors.collect())
        }
    };
    diagnostics.sort_by_key(|found| found.position);
    Ok(Checked {
        file,
        digest,
        diagnostics,
    })
}

/// What is legal but leaky.
fn lints(gate: &Gate, document: &Document) -> Vec<Diagnostic> {
    let warning = |found: Lint| {
        let position = document.locate(&found.pointer).value;
        Diagnostic {
            severity: Severity::Warning,
            code: Some(found.code.to_owned()),
            file: document.source().name().to_owned(),
            position,
            pointer: found.pointer,
            message: found.message,
            suggestion: None,
            help: Some(found.help.to_owned()),
            excerpt: document.source().excerpt(position),
        }
    };
    lint(document.root(), gate)
        .into_iter()
        .map(warning)
        .collect()
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
