//! Valid configurations for tests.

use std::path::Path;

use serde_json::Value;
use toolgate_document::{Document, Format};
use toolgate_document::{POLICY_FILES, find};

fn parse(name: &str, text: &str) -> Value {
    let document = Document::parse(name, text, Format::Yaml)
        .unwrap_or_else(|(_, problem)| panic!("{name}: {}", problem.sentence()));
    serde_json::from_str(document.json()).unwrap()
}

/// Two documents that between them have every key there is.
pub fn maximal() -> Vec<Value> {
    vec![
        parse("inline", include_str!("inline.yaml")),
        parse("named", include_str!("named.yaml")),
    ]
}

/// Those, and every policy of the examples.
pub fn documents() -> Vec<(String, Value)> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let (files, _) = find(&[examples], &POLICY_FILES);
    let mut documents: Vec<(String, Value)> = maximal()
        .into_iter()
        .enumerate()
        .map(|(index, document)| (format!("maximal {index}"), document))
        .collect();
    for path in files {
        let document = Document::read(&path).unwrap();
        let json = serde_json::from_str(document.json()).unwrap();
        documents.push((path.display().to_string(), json));
    }
    documents
}
