//! Which tools a policy can name.
//!
//! A server may call a tool anything. Some names mean something else in a policy (`*`), some no policy can have as a key:
//! YAML ends a key at 1,024 characters, and `__proto__` is refused as a key because parsers differ on it. Such a tool gets no
//! entry; it stays denied, and the policy says so.

use toolgate_engine::config::Gate;

use crate::text::{is_plain, yaml};
use toolgate_document::{Document, Format};

/// Whether a policy can have an entry for this name, and hide it.
pub(super) fn can_be_named(name: &str) -> bool {
    // A `*` at the end is a prefix, and alone it is every tool.
    is_plain(name) && !name.ends_with('*') && loads(&format!("{}: {{}}", yaml(name)), name)
}

/// Whether an entry of a tool is read as that tool's, by the reader that will read the policy.
pub(super) fn loads(entry: &str, name: &str) -> bool {
    let entry = entry.replace('\n', "\n  ");
    let policy = format!(
        "version: \"1\"\nhide:\n  - {}\ntools:\n  {entry}\n",
        yaml(name)
    );
    let Ok(document) = Document::parse("policy.yaml", policy, Format::Yaml) else {
        return false;
    };
    Gate::from_json(document.json().as_bytes(), false).is_ok()
}
