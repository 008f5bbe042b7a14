//! `toolgate test`: does a policy decide what its author says it decides?

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::diagnostic::Diagnostic;
use super::report::{self, CaseReport, FileReport, Report};
use super::{Outcome, junit, tap};
use crate::module;
use crate::policytest::{self, Backend, LoadError, Native, TestFile, Wasm};
use crate::terminal::{Paint, Progress};
use toolgate_document::Position;
use toolgate_document::{TEST_FILES, Unreadable, find};

/// What to run, and how to say it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Files, and directories with tests in them.
    pub paths: Vec<PathBuf>,
    /// How to say it.
    pub format: Format,
    /// Run the engine itself, without the wasm.
    pub native: bool,
    /// The wasm to run; where none is named, what [`module::load`] finds.
    pub wasm: Option<PathBuf>,
    /// Colours.
    pub paint: Paint,
}

/// Forms of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For CI servers.
    Junit,
    /// For test harnesses: TAP version 14.
    Tap,
}

/// Runs every test file.
pub fn run(options: &Options) -> Outcome {
    let (paths, unreadable) = find(&options.paths, &TEST_FILES);
    let mut errors: String = unreadable.iter().map(Unreadable::line).collect();
    let mut files = Vec::new();
    for path in paths {
        match TestFile::read(&path) {
            Ok(file) => files.push(file),
            Err(error) => errors.push_str(&say(error, options.paint)),
        }
    }
    let mut report = Report {
        backend: if options.native { "native" } else { "wasm" },
        files: Vec::new(),
    };
    if !files.is_empty() {
        let progress = Progress::begin("preparing the filter");
        let backend = match backend(options) {
            Ok(backend) => backend,
            Err(error) => {
                errors.push_str(&format!("error: {error:#}\n"));
                return Outcome {
                    output: String::new(),
                    errors,
                    code: 2,
                };
            }
        };
        report.files = files
            .iter()
            .map(|file| run_file(file, &*backend, &progress))
            .collect();
    }
    let failed = report.failed() > 0;
    let output = match options.format {
        Format::Text if report.files.is_empty() => String::new(),
        Format::Text => report::text(&report, options.paint),
        Format::Json => report::json(&report),
        Format::Junit => junit::xml(&report),
        Format::Tap => tap::lines(&report),
    };
    let code = match (errors.is_empty(), failed) {
        (false, _) => 2,
        (true, true) => 1,
        (true, false) => 0,
    };
    Outcome {
        output,
        errors,
        code,
    }
}

fn backend(options: &Options) -> Result<Box<dyn Backend>> {
    if options.native {
        return Ok(Box::new(Native));
    }
    let module = module::load(options.wasm.as_deref())?;
    Ok(Box::new(Wasm::new(module)))
}

fn run_file(file: &TestFile, backend: &dyn Backend, progress: &Progress) -> FileReport {
    let name = file.path.display().to_string();
    progress.now(format!("{name}: {} cases", file.cases.len()));
    let results = policytest::run(file, backend, |result| {
        progress.now(format!("{name}: {}", result.case.name));
    });
    let case = |result: policytest::CaseResult<'_>| CaseReport {
        name: result.case.name.clone(),
        position: result.case.position,
        took: result.took,
        failure: result.failure,
    };
    let cases: Vec<CaseReport> = results.into_iter().map(case).collect();
    FileReport {
        took: cases.iter().map(|case| case.took).sum::<Duration>(),
        file: name,
        cases,
    }
}

/// A file that cannot be run, for stderr.
fn say(error: LoadError, paint: Paint) -> String {
    match error {
        LoadError::Io(path, error) => Unreadable::because(&path, &error).line(),
        LoadError::Wrong { source, problems } => problems
            .into_iter()
            .map(|problem| {
                let position = problem.position.unwrap_or(Position::START);
                Diagnostic::error(&source, problem, position).text(paint)
            })
            .collect(),
    }
}
