//! Audit records out of a file, whatever it is: an access log in JSON with the record under `toolgate`, the proxy's log
//! with `toolgate-audit {…}` in its lines, or the records themselves, one to a line or as one list.

use serde_json::Value;

/// What comes before a record in the proxy's log.
const MARKER: &str = "toolgate-audit ";

/// The records of a file.
#[derive(Debug, Default)]
pub struct Records {
    /// In the order of the file, each decision once.
    pub records: Vec<Value>,
    /// Lines without one: other requests, other messages.
    pub other_lines: usize,
}

/// Reads a whole file.
///
/// # Errors
/// The line of a record that cannot be read, and why; or that there is none at all.
pub fn read(text: &str) -> Result<Records, String> {
    let mut found = Records::default();
    if let Ok(list @ Value::Array(_)) = serde_json::from_str(text) {
        found.take(list);
        return found.checked();
    }
    for (index, line) in text.lines().enumerate() {
        match record(line) {
            Ok(Some(value)) => found.take(value),
            Ok(None) => found.other_lines += usize::from(!line.trim().is_empty()),
            Err(error) => return Err(format!("line {}: {error}", index + 1)),
        }
    }
    found.checked()
}

impl Records {
    fn take(&mut self, value: Value) {
        match value {
            Value::Array(values) => values.into_iter().for_each(|value| self.take(value)),
            record if is_record(&record) => {
                // Both logs may be in one file; the later record knows more.
                let id = |record: &Value| {
                    (
                        record.get("decision_id").cloned(),
                        record.get("time").cloned(),
                    )
                };
                let same = |other: &&mut Value| id(other) == id(&record);
                match self.records.iter_mut().rev().take(1000).find(same) {
                    Some(earlier) if record.get("decision_id").is_some() => *earlier = record,
                    _ => self.records.push(record),
                }
            }
            _ => self.other_lines += 1,
        }
    }

    fn checked(self) -> Result<Records, String> {
        if self.records.is_empty() {
            return Err("there is no audit record in it".to_owned());
        }
        Ok(self)
    }
}

fn is_record(value: &Value) -> bool {
    value.get("decision").is_some_and(Value::is_string)
}

/// The record of one line, or the records of a batch.
fn record(line: &str) -> Result<Option<Value>, String> {
    let broken = |error: serde_json::Error| format!("the record is not JSON: {error}");
    if let Some((_, record)) = line.split_once(MARKER) {
        // A logger may go on after the record.
        let mut values = serde_json::Deserializer::from_str(record).into_iter();
        return values.next().transpose().map_err(broken);
    }
    let line = line.trim();
    if !line.starts_with(['{', '[']) {
        return Ok(None);
    }
    let Ok(value) = serde_json::from_str::<Value>(line) else {
        // `[2026-01-15 10:30:00.000][info] …` begins like a list.
        return if line.starts_with('{') {
            Err("not JSON".to_owned())
        } else {
            Ok(None)
        };
    };
    match value.get("toolgate") {
        Some(Value::String(text)) if text.is_empty() || text == "-" => Ok(None),
        Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(broken),
        Some(Value::Null) => Ok(None),
        Some(record) => Ok(Some(record.clone())),
        None if value.is_array() || is_record(&value) => Ok(Some(value)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn every_form() {
        let record = r#"{"time":"t","decision_id":"1","decision":"allow"}"#;
        let quoted = serde_json::Value::from(record).to_string();
        for (text, count) in [
            (record.to_owned(), 1),
            (format!("[{record}]"), 1),
            (
                format!("[\n{record},\n{}\n]", record.replace("\"1\"", "\"2\"")),
                2,
            ),
            (
                format!(
                    "{{\"path\":\"/mcp\",\"toolgate\":{quoted}}}\n{{\"path\":\"/\",\"toolgate\":\"-\"}}"
                ),
                1,
            ),
            (
                format!("{{\"toolgate\":{record}}}\n{{\"toolgate\":null}}"),
                1,
            ),
            (
                format!(
                    "[2026-01-15 10:30:00.000][info][wasm] wasm log: toolgate-audit {record}\n[x] other"
                ),
                1,
            ),
            // The same decision in both logs.
            (
                format!("toolgate-audit {record}\n{{\"toolgate\":{quoted}}}"),
                1,
            ),
        ] {
            assert_eq!(read(&text).unwrap().records.len(), count, "{text}");
        }
        for text in [
            "",
            "nothing here",
            "{\"a\":1}",
            "{\"decision\":",
            "toolgate-audit {\"a",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
