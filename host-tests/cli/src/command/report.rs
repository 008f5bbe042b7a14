//! How test cases went, for people and for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::policytest::Failure;
use crate::terminal::Paint;
use toolgate_document::Position;

/// Everything that was run.
#[derive(Debug)]
pub struct Report {
    /// What ran it.
    pub backend: &'static str,
    /// By file.
    pub files: Vec<FileReport>,
}

/// One file.
#[derive(Debug)]
pub struct FileReport {
    /// Its path.
    pub file: String,
    /// All its cases together.
    pub took: Duration,
    /// Its cases, in order.
    pub cases: Vec<CaseReport>,
}

/// One case.
#[derive(Debug)]
pub struct CaseReport {
    /// What it shows.
    pub name: String,
    /// Where it stands.
    pub position: Position,
    /// How long it took.
    pub took: Duration,
    /// What went wrong.
    pub failure: Option<Failure>,
}

impl Report {
    /// How many cases there are.
    pub fn cases(&self) -> usize {
        self.files.iter().map(|file| file.cases.len()).sum()
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.files.iter().map(FileReport::failed).sum()
    }
}

impl FileReport {
    /// How many failed.
    pub fn failed(&self) -> usize {
        let failed = self.cases.iter().filter(|case| case.failure.is_some());
        failed.count()
    }
}

impl CaseReport {
    /// Where the failure is, as `file:line:column, step 2, repetition 3 of 10`.
    pub fn place(&self, file: &str, failure: &Failure) -> String {
        let position = failure.position.unwrap_or(self.position);
        let mut place = format!("{file}:{position}");
        if let Some((step, repetition, of)) = failure.step {
            place.push_str(&format!(", step {step}"));
            if of > 1 {
                place.push_str(&format!(", repetition {repetition} of {of}"));
            }
        }
        place
    }
}

/// The facts of a failure by name, in the order they are shown.
pub fn facts(failure: &Failure) -> Vec<(&'static str, &str)> {
    let optional = [
        ("rule", &failure.rule),
        ("reason", &failure.reason),
        ("the agent sees", &failure.told),
    ];
    let mut facts = vec![
        ("expected", failure.expected.as_str()),
        ("got", failure.got.as_str()),
    ];
    facts.extend(
        optional
            .into_iter()
            .filter_map(|(name, text)| Some((name, text.as_deref()?))),
    );
    facts
}

/// For people.
pub fn text(report: &Report, paint: Paint) -> String {
    let mut text = String::new();
    for file in &report.files {
        text.push_str(&format!("{}\n", paint.strong(&file.file)));
        for case in &file.cases {
            let Some(failure) = &case.failure else {
                text.push_str(&format!("  {}    {}\n", paint.good("ok"), case.name));
                continue;
            };
            text.push_str(&format!("  {}  {}\n", paint.bad("FAIL"), case.name));
            let place = case.place(&file.file, failure);
            text.push_str(&format!("          {}\n", paint.faint(&place)));
            for (name, fact) in facts(failure) {
                let fact = fact.replace('\n', "\n            ");
                text.push_str(&format!("          {name}: {fact}\n"));
            }
        }
    }
    let (cases, failed) = (report.cases(), report.failed());
    let noun = if cases == 1 { "case" } else { "cases" };
    let verdict = match failed {
        0 => paint.good("all passed"),
        failed => paint.bad(&format!("{failed} failed")),
    };
    text.push_str(&format!("{cases} {noun}, {verdict} ({})\n", report.backend));
    text
}

/// For programs.
pub fn json(report: &Report) -> String {
    let case = |file: &FileReport, case: &CaseReport| {
        let position = case
            .failure
            .as_ref()
            .and_then(|failure| failure.position)
            .unwrap_or(case.position);
        let mut value = json!({
            "name": case.name,
            "passed": case.failure.is_none(),
            "line": position.line,
            "column": position.column,
            "milliseconds": case.took.as_secs_f64() * 1000.0,
        });
        if let (Some(failure), Some(object)) = (&case.failure, value.as_object_mut()) {
            object.insert(
                "place".to_owned(),
                Value::from(case.place(&file.file, failure)),
            );
            for (name, fact) in facts(failure) {
                object.insert(name.replace(' ', "_"), Value::from(fact));
            }
        }
        value
    };
    let files = report.files.iter().map(|file| {
        let cases: Vec<Value> = file.cases.iter().map(|it| case(file, it)).collect();
        json!({"file": file.file, "cases": cases})
    });
    let value = json!({
        "backend": report.backend,
        "files": files.collect::<Vec<Value>>(),
        "cases": report.cases(),
        "failed": report.failed(),
    });
    format!("{value:#}\n")
}
