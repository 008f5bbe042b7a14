//! The Test Anything Protocol, version 14.

use serde_json::Value;

use super::report::{Report, facts};

/// The report as TAP.
pub fn lines(report: &Report) -> String {
    let mut out = format!("TAP version 14\n1..{}\n", report.cases());
    let cases = report
        .files
        .iter()
        .flat_map(|file| file.cases.iter().map(move |case| (file, case)));
    for (index, (file, case)) in cases.enumerate() {
        let name = escape(&format!("{}: {}", file.file, case.name));
        let number = index + 1;
        let Some(failure) = &case.failure else {
            out.push_str(&format!("ok {number} - {name}\n"));
            continue;
        };
        out.push_str(&format!("not ok {number} - {name}\n  ---\n"));
        let place = case.place(&file.file, failure);
        out.push_str(&format!("  at: {}\n", Value::from(place)));
        for (name, fact) in facts(failure) {
            // A JSON string is a YAML string.
            let (name, fact) = (name.replace(' ', "_"), Value::from(fact));
            out.push_str(&format!("  {name}: {fact}\n"));
        }
        out.push_str("  ...\n");
    }
    out
}

/// `#` begins a directive; a line is a line.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('#', "\\#");
    text.replace(['\n', '\r'], " ")
}
