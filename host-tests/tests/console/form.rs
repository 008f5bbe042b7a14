//! Cases as they stand in the files.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use toolgate_document::Document;
use toolgate_rig::stage::Asking;

/// Requests to one console, one after the other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    /// Questions that wait; `$1`, `$2`… in what follows are their ids.
    #[serde(default)]
    pub ask: Vec<Asking>,
    /// Recent decisions.
    #[serde(default)]
    pub remember: Vec<Value>,
    /// Values in the store, as they are.
    #[serde(default)]
    pub store: BTreeMap<String, String>,
    pub steps: Vec<Step>,
}

/// A request and what becomes of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// Seconds since the step before.
    pub after: u64,
    #[serde(default = "get")]
    pub method: String,
    pub path: String,
    /// The id of the approver whose token is sent.
    pub token: Option<String>,
    pub headers: Vec<(String, String)>,
    pub json: Option<Value>,
    /// A body as it is.
    pub body: Option<String>,
    /// A body of so many bytes.
    pub fill: usize,
    pub expect: Expect,
}

/// Objects match those that have more members; lists match item by item.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    pub status: u32,
    pub error: Option<String>,
    pub json: Option<Value>,
    pub headers: BTreeMap<String, String>,
    /// The one record; left out: none.
    pub record: Option<Value>,
}

fn get() -> String {
    "GET".to_owned()
}

/// The cases of a file.
pub fn read(path: &Path) -> Vec<Case> {
    let document =
        Document::read(path).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
    serde_json::from_str(document.json())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A text with the ids of questions in place of `$1`, `$2`….
pub fn fill(text: &str, asked: &[String]) -> String {
    let mut text = text.to_owned();
    for (n, id) in (1..).zip(asked) {
        text = text.replace(&format!("${n}"), id);
    }
    text
}

/// Whether `value` has all of `expected`; if not, where.
pub fn includes(value: &Value, expected: &Value) -> Result<(), String> {
    let differs = || Err(format!(": expected {expected}, got {value}"));
    match (value, expected) {
        (Value::Object(members), Value::Object(expected)) => {
            for (key, expected) in expected {
                let value = members.get(key).unwrap_or(&Value::Null);
                includes(value, expected).map_err(|at| format!("/{key}{at}"))?;
            }
            Ok(())
        }
        (Value::Array(items), Value::Array(expected)) if items.len() == expected.len() => {
            for (n, (value, expected)) in items.iter().zip(expected).enumerate() {
                includes(value, expected).map_err(|at| format!("/{n}{at}"))?;
            }
            Ok(())
        }
        (value, expected) if value == expected => Ok(()),
        _ => differs(),
    }
}
