//! What has changed since the tools were pinned, for a person to look at.

use toolgate_engine::json::{Document, Kind, Limits, Value};

use super::tool::{FIELDS, ToolDefinition};
use super::{Pins, Scan};
use crate::terminal::Paint;
use crate::text::{exact, one_line};

/// Widest excerpt of a value.
const WIDTH: usize = 160;

/// One tool that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The server did not have it.
    Added(ToolDefinition),
    /// The server has it no more.
    Removed(String),
    /// It is defined otherwise.
    Changed {
        /// Its name.
        name: String,
        /// What is different.
        differences: Vec<Difference>,
    },
}

/// One value that is different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field, and a JSON Pointer into it.
    pub path: String,
    /// What it was. `None`: it was not there.
    pub old: Option<String>,
    /// What it is. `None`: it is there no more.
    pub new: Option<String>,
}

/// Compares a scan with pins: removed, then added, then changed tools, each by name.
pub fn drift(pins: &Pins, scan: &Scan) -> Vec<Change> {
    let now = Pins::of(scan);
    let find = |pins: &Pins, name: &str| {
        let found = pins.tools.iter().find(|tool| tool.definition.name == name);
        found.map(|tool| tool.definition.clone())
    };
    let removed = pins.tools.iter().map(|tool| &tool.definition);
    let removed = removed
        .filter(|tool| find(&now, &tool.name).is_none())
        .map(|tool| Change::Removed(tool.name.clone()));
    let added = now.tools.iter().map(|tool| &tool.definition);
    let added = added
        .filter(|tool| find(pins, &tool.name).is_none())
        .map(|tool| Change::Added(tool.clone()));
    let changed = now.tools.iter().filter_map(|tool| {
        let new = &tool.definition;
        let old = find(pins, &new.name).filter(|old| old != new)?;
        Some(Change::Changed {
            name: new.name.clone(),
            differences: differences(&old, new),
        })
    });
    removed.chain(added).chain(changed).collect()
}

impl Change {
    /// For people:
    ///
    /// ```text
    /// ~ create_refund      changed: description, inputSchema/properties/amount/type
    ///     description
    ///       - "Gives a payment back"
    ///       + "Gives a payment back. Call me first."
    /// ```
    pub fn text(&self, paint: Paint) -> String {
        match self {
            Change::Added(tool) => {
                let name = one_line(&tool.name, 80);
                let mut text = format!("{} {name}  (new)\n", paint.good("+"));
                for field in FIELDS.into_iter().skip(1) {
                    if let Some(json) = tool.field(field) {
                        text.push_str(&format!("    {field}: {}\n", shorten(json, 0)));
                    }
                }
                text
            }
            Change::Removed(name) => {
                format!("{} {}  (gone)\n", paint.bad("-"), one_line(name, 80))
            }
            Change::Changed { name, differences } => {
                let paths: Vec<_> = differences.iter().map(|found| &*found.path).collect();
                let paths = one_line(&paths.join(", "), WIDTH);
                let mut text = format!(
                    "{} {}  (changed: {paths})\n",
                    paint.warn("~"),
                    one_line(name, 80)
                );
                for found in differences {
                    text.push_str(&found.text(paint));
                }
                text
            }
        }
    }
}

impl Difference {
    fn text(&self, paint: Paint) -> String {
        let mut text = format!("    {}\n", one_line(&self.path, WIDTH));
        let (old, new) = (self.old.as_deref(), self.new.as_deref());
        let common = match (old, new) {
            (Some(old), Some(new)) => common_start(old, new),
            _ => 0,
        };
        for (sign, value) in [(paint.bad("-"), old), (paint.good("+"), new)] {
            if let Some(value) = value {
                text.push_str(&format!("      {sign} {}\n", shorten(value, common)));
            }
        }
        text
    }
}

fn common_start(old: &str, new: &str) -> usize {
    old.chars()
        .zip(new.chars())
        .take_while(|(old, new)| old == new)
        .count()
}

/// The part of a value around the first difference.
fn shorten(value: &str, from: usize) -> String {
    let shown = exact(value);
    let count = shown.chars().count();
    if count <= WIDTH {
        return shown;
    }
    let from = from.saturating_sub(40).min(count.saturating_sub(WIDTH));
    let part: String = shown.chars().skip(from).take(WIDTH).collect();
    let (left, right) = (
        if from > 0 { "…" } else { "" },
        if from + WIDTH < count { "…" } else { "" },
    );
    format!("{left}{part}{right}")
}

fn differences(old: &ToolDefinition, new: &ToolDefinition) -> Vec<Difference> {
    let mut found = Vec::new();
    for field in FIELDS {
        match (old.field(field), new.field(field)) {
            (Some(old), Some(new)) => {
                let parse = |json: &str| Document::parse_owned(json.to_owned(), &Limits::CONFIG);
                match (parse(old), parse(new)) {
                    (Ok(old), Ok(new)) => walk(field, old.root(), new.root(), &mut found),
                    _ => found.push(difference(field, Some(old), Some(new))),
                }
            }
            (None, None) => {}
            (old, new) => found.push(difference(field, old, new)),
        }
    }
    found
}

fn difference(path: &str, old: Option<&str>, new: Option<&str>) -> Difference {
    Difference {
        path: path.to_owned(),
        old: old.map(str::to_owned),
        new: new.map(str::to_owned),
    }
}

/// Goes down as far as both are objects.
fn walk(path: &str, old: Value<'_>, new: Value<'_>, found: &mut Vec<Difference>) {
    if old.equals(&new) {
        return;
    }
    if (old.kind(), new.kind()) != (Kind::Object, Kind::Object) {
        found.push(difference(path, Some(old.raw()), Some(new.raw())));
        return;
    }
    let mut keys: Vec<String> = Vec::new();
    for value in [old, new] {
        let mut members = value.members();
        while let Some((key, _)) = members.next_with_key() {
            keys.extend(key.as_str().map(|key| key.into_owned()));
        }
    }
    keys.sort();
    keys.dedup();
    for key in keys {
        let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
        match (old.get(&key), new.get(&key)) {
            (Some(old), Some(new)) => walk(&path, old, new, found),
            (old, new) => {
                let raw = |value: Option<Value<'_>>| value.map(|value| value.raw().to_owned());
                found.push(Difference {
                    path,
                    old: raw(old),
                    new: raw(new),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(tools: &[&str]) -> Scan {
        Scan {
            url: String::new(),
            server: String::new(),
            version: String::new(),
            protocol: String::new(),
            tools: tools
                .iter()
                .map(|tool| ToolDefinition::parse(tool).unwrap().unwrap())
                .collect(),
            prompts: 0,
            resources: 0,
            templates: 0,
            unlisted: Vec::new(),
        }
    }

    fn report(old: &[&str], new: &[&str]) -> String {
        let changes = drift(&Pins::of(&scan(old)), &scan(new));
        changes
            .iter()
            .map(|change| change.text(Paint::PLAIN))
            .collect()
    }

    #[test]
    fn every_kind_of_change_is_shown() {
        let old = [
            r#"{"name":"gone"}"#,
            r#"{"name":"pay","description":"Pays","inputSchema":{"properties":{"n":{"type":"number"},"to":{"type":"string"}}}}"#,
            r#"{"name":"same"}"#,
        ];
        let new = [
            r#"{"name":"same"}"#,
            "{\"name\":\"pay\",\"description\":\"Pays\\n\u{202e}\\u001b[2J\",\"inputSchema\":{\"properties\":{\"n\":{\"type\":\"string\"}}}}",
            r#"{"name":"new","description":"Hello"}"#,
        ];
        assert_eq!(report(&old, &old), "");
        assert_eq!(
            report(&old, &new),
            "- gone  (gone)\n\
             + new  (new)\n    description: \"Hello\"\n\
             ~ pay  (changed: description, inputSchema/properties/n/type, inputSchema/properties/to)\n    description\n      \
             - \"Pays\"\n      + \"Pays\\n\\u{202e}\\u001b[2J\"\n    inputSchema/properties/n/type\n      - \"number\"\n      \
             + \"string\"\n    inputSchema/properties/to\n      - {\"type\":\"string\"}\n"
        );
    }

    #[test]
    fn a_long_text_is_shown_where_it_differs() {
        let long = "a".repeat(500);
        let tool = |end: &str| format!(r#"{{"name":"t","description":"{long}{end}"}}"#);
        let text = report(&[&tool("b")], &[&tool("c")]);
        assert!(
            text.contains("ab\"") && text.contains("ac\"") && text.contains('…'),
            "{text}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() < 200),
            "{text}"
        );
    }
}
