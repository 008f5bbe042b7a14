//! JUnit XML, as CI servers read it.

use super::report::{FileReport, Report, facts};

/// The report as XML.
pub fn xml(report: &Report) -> String {
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"toolgate test\" tests=\"{}\" failures=\"{}\">\n",
        report.cases(),
        report.failed()
    );
    for file in &report.files {
        suite(&mut xml, file);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, file: &FileReport) {
    let name = escape(&file.file);
    let (tests, failures) = (file.cases.len(), file.failed());
    let seconds = file.took.as_secs_f64();
    xml.push_str(&format!(
        "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" time=\"{seconds:.6}\">\n"
    ));
    for case in &file.cases {
        let line = case.position.line;
        let (case_name, seconds) = (escape(&case.name), case.took.as_secs_f64());
        let open = format!(
            "    <testcase classname=\"{name}\" name=\"{case_name}\" file=\"{name}\" line=\"{line}\" time=\"{seconds:.6}\""
        );
        let Some(failure) = &case.failure else {
            xml.push_str(&format!("{open}/>\n"));
            continue;
        };
        let message = format!("expected {}, got {}", failure.expected, failure.got);
        let facts: String = facts(failure)
            .into_iter()
            .map(|(name, fact)| format!("{name}: {fact}\n"))
            .collect();
        let text = format!("{}\n{facts}", case.place(&file.file, failure));
        xml.push_str(&format!(
            "{open}>\n      <failure type=\"failure\" message=\"{}\">{}</failure>\n    </testcase>\n",
            escape(&message),
            escape(&text)
        ));
    }
    xml.push_str("  </testsuite>\n");
}

/// Text in XML. Characters XML 1.0 does not have become `?`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\u{0}'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('?'),
            char => out.push(char),
        }
    }
    out
}
