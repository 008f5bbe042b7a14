//! The pin file: what each tool was when somebody last looked at it.
//!
//! A digest shows that a tool has changed; the definition beside it shows how. The digests are over canonical JSON, so that
//! spelling does not matter and every digit does. A definition that does not have its digest is an error: the file was
//! edited by hand, and which of both was meant is not for a program to guess.

use std::fmt;
use std::path::Path;

use toolgate_engine::json::{Document, Kind, Limits, Value};

use super::Scan;
use super::tool::{FIELDS, ToolDefinition};
use crate::render::layout;
use crate::text;
use crate::text::json;

/// Pinned tools, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// The server they belong to.
    pub server: String,
    /// The version it calls itself.
    pub server_version: String,
    /// Its address, or its command without arguments that may be secret.
    pub url: String,
    /// The tools.
    pub tools: Vec<Pinned>,
}

/// One pinned tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// What it was.
    pub definition: ToolDefinition,
}

/// Why a file is no pin file.
#[derive(Debug)]
pub enum PinError {
    /// It cannot be read.
    Io(std::io::Error),
    /// It is something else, or was edited.
    Wrong(String),
}

impl fmt::Display for PinError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PinError::Io(error) => write!(out, "{error}"),
            PinError::Wrong(message) => out.write_str(message),
        }
    }
}

impl Pins {
    /// What was scanned.
    pub fn of(scan: &Scan) -> Self {
        let mut tools: Vec<_> = scan.tools.iter().map(Pinned::of).collect();
        // The server's order is no property of a tool: a sorted file has smaller differences.
        tools.sort_by(|left, right| left.definition.name.cmp(&right.definition.name));
        Self {
            server: text::one_line(&scan.server, 200),
            server_version: text::one_line(&scan.version, 80),
            url: scan.url.clone(),
            tools,
        }
    }

    /// Reads a pin file.
    ///
    /// # Errors
    /// When there is none, or it is not as [`Pins::to_json`] writes it.
    pub fn read(path: &Path) -> Result<Self, PinError> {
        let bytes = std::fs::read(path).map_err(PinError::Io)?;
        Self::parse(&bytes)
    }

    /// Reads the text of a pin file.
    ///
    /// # Errors
    /// When it is not as [`Pins::to_json`] writes it.
    pub fn parse(bytes: &[u8]) -> Result<Self, PinError> {
        let wrong = |message: String| PinError::Wrong(message);
        let document = Document::parse(bytes, &Limits::CONFIG)
            .map_err(|error| wrong(format!("it is not JSON: {error}")))?;
        let root = document.root();
        if root
            .get("version")
            .and_then(|value| value.as_str())
            .as_deref()
            != Some("1")
        {
            return Err(wrong("it has no `\"version\": \"1\"`".to_owned()));
        }
        let text = |key| {
            let value = root.get(key).and_then(|value| value.as_str());
            value.unwrap_or_default().into_owned()
        };
        let entries = root
            .get("tools")
            .filter(|tools| tools.kind() == Kind::Array);
        let entries = entries.ok_or_else(|| wrong("it has no `tools`".to_owned()))?;
        let tools: Result<Vec<_>, _> = entries.items().map(Pinned::parse).collect();
        Ok(Self {
            server: text("server"),
            server_version: text("server_version"),
            url: text("url"),
            tools: tools.map_err(wrong)?,
        })
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let tools: Vec<_> = self.tools.iter().map(Pinned::to_json).collect();
        let tools = match tools.is_empty() {
            true => String::new(),
            false => format!("\n{}\n  ", tools.join(",\n")),
        };
        format!(
            "{{\n  \"version\": \"1\",\n  \"server\": {},\n  \"server_version\": {},\n  \"url\": {},\n  \"tools\": [{tools}]\n}}\n",
            json(&self.server),
            json(&self.server_version),
            json(&self.url)
        )
    }
}

impl Pinned {
    fn of(tool: &ToolDefinition) -> Self {
        Self {
            definition: tool.clone(),
        }
    }

    fn parse(entry: Value<'_>) -> Result<Self, String> {
        let definition = entry
            .get("definition")
            .and_then(ToolDefinition::from_value)
            .ok_or("a tool has no `definition` with a name")?;
        let digest = entry.get("digest").and_then(|value| value.as_str());
        if digest.as_deref() != Some(&definition.digest()) {
            let name = text::one_line(&definition.name, 80);
            return Err(format!(
                "`{name}` does not have the digest of its definition: the file was edited; `toolgate pin --write` makes \
                 it anew from the server"
            ));
        }
        Ok(Self { definition })
    }

    fn to_json(&self) -> String {
        let tool = &self.definition;
        let digests: Vec<_> = tool
            .field_digests()
            .map(|(field, digest)| format!("        \"{field}\": \"{digest}\""))
            .collect();
        let fields = FIELDS.iter().filter_map(|field| {
            let json = tool.field(field)?;
            // Laid out over lines: this is for reviewers, and for `git diff`.
            Some(format!("        \"{field}\": {}", layout(json, 8)))
        });
        format!(
            "    {{\n      \"digest\": \"{}\",\n      \"fields\": {{\n{}\n      }},\n      \
             \"definition\": {{\n{}\n      }}\n    }}",
            tool.digest(),
            digests.join(",\n"),
            fields.collect::<Vec<_>>().join(",\n")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins() -> Pins {
        let tool = |json| ToolDefinition::parse(json).unwrap().unwrap();
        Pins::of(&Scan {
            url: "http://x/mcp".into(),
            server: "s".into(),
            version: "1".into(),
            protocol: "2025-11-25".into(),
            tools: vec![
                tool(
                    "{\"name\":\"b\\\"\\n\",\"description\":\"hi\\u200bdden \\\\ \\\"q\\\" \u{e0041}\"}",
                ),
                tool(
                    r#"{"name":"a","inputSchema":{"type":"object","maximum":9007199254740993},"annotations":null}"#,
                ),
            ],
            prompts: 0,
            resources: 0,
            templates: 0,
            unlisted: Vec::new(),
        })
    }

    #[test]
    fn a_file_reads_as_it_was_written() {
        let pins = pins();
        let text = pins.to_json();
        assert_eq!(Pins::parse(text.as_bytes()).unwrap(), pins, "{text}");
        assert!(
            text.contains(r"hi\u200bdden") && text.contains("9007199254740993"),
            "{text}"
        );
        let empty = Pins::default();
        assert_eq!(Pins::parse(empty.to_json().as_bytes()).unwrap(), empty);
    }

    #[test]
    fn an_edited_file_is_refused() {
        let text = pins().to_json().replace("\"object\"", "\"string\"");
        let error = Pins::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("`a` does not have the digest"), "{error}");
        assert!(Pins::parse(b"{}").is_err());
        assert!(Pins::parse(b"x").is_err());
    }
}
