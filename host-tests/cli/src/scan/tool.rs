//! One tool as the server defined it.

use toolgate_engine::json::{Document, JsonError, Kind, Limits, Value, canonical};
use toolgate_engine::pins;

/// What of a definition is pinned, in the order people read it.
pub const FIELDS: [&str; 6] = [
    "name",
    "title",
    "description",
    "inputSchema",
    "outputSchema",
    "annotations",
];

/// A tool's definition: the pinned fields. Two are equal when every value in them is, however it is spelled.
#[derive(Clone, Debug)]
pub struct ToolDefinition {
    /// Its name.
    pub name: String,
    /// Each field that is there, in the order of [`FIELDS`].
    fields: Vec<Field>,
    /// All of them in one spelling.
    canonical: String,
}

#[derive(Clone, Debug)]
struct Field {
    name: &'static str,
    /// As the server wrote it.
    json: String,
    /// In one spelling.
    canonical: String,
}

impl PartialEq for ToolDefinition {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for ToolDefinition {}

impl ToolDefinition {
    /// Takes the pinned fields out of a tool as it was listed. `None`: it has no name.
    pub fn from_value(tool: Value<'_>) -> Option<Self> {
        let name = tool.get("name")?.as_str()?.into_owned();
        let field = |name: &'static str| {
            let value = tool.get(name)?;
            Some(Field {
                name,
                json: value.raw().to_owned(),
                canonical: canonical(value),
            })
        };
        Some(Self {
            name,
            fields: FIELDS.into_iter().filter_map(field).collect(),
            canonical: pins::definition(tool),
        })
    }

    /// Reads a definition from JSON text.
    ///
    /// # Errors
    /// When it is not JSON. `None`: it has no name.
    pub fn parse(json: &str) -> Result<Option<Self>, JsonError> {
        let document = Document::parse(json.as_bytes(), &Limits::CONFIG)?;
        Ok(Self::from_value(document.root()))
    }

    /// A field as the server wrote it, in JSON.
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        Some(&field.json)
    }

    /// The digest of the definition: `sha256:` and hex.
    pub fn digest(&self) -> String {
        pins::digest_of(&self.canonical)
    }

    /// The digest of each field that is there.
    pub fn field_digests(&self) -> impl Iterator<Item = (&'static str, String)> {
        let fields = self.fields.iter();
        fields.map(|field| (field.name, pins::digest_of(&field.canonical)))
    }

    /// A field that holds text.
    pub fn text(&self, field: &str) -> Option<String> {
        self.with(field, |value| value.as_str().map(|text| text.into_owned()))
    }

    /// An annotation that is true or false.
    pub fn hint(&self, name: &str) -> Option<bool> {
        self.with("annotations", |value| value.get(name)?.as_bool())
    }

    /// The arguments and their JSON types, as the input schema has them at its top; `any` where it says none.
    pub fn arguments(&self) -> Vec<(String, String)> {
        let arguments = self.with("inputSchema", |schema| {
            let mut members = schema.get("properties")?.members();
            let mut arguments = Vec::new();
            while let Some((key, value)) = members.next_with_key() {
                arguments.push((key.as_str()?.into_owned(), type_of(value)));
            }
            Some(arguments)
        });
        arguments.unwrap_or_default()
    }

    fn with<T>(&self, field: &str, read: impl FnOnce(Value<'_>) -> Option<T>) -> Option<T> {
        let document = Document::parse(self.field(field)?.as_bytes(), &Limits::CONFIG).ok()?;
        read(document.root())
    }
}

fn type_of(schema: Value<'_>) -> String {
    let Some(kind) = schema.get("type") else {
        let options = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(key));
        // `number | null`, as Python servers write an optional number.
        let types = options.into_iter().flat_map(|options| {
            let items: Vec<_> = options.items().map(type_of).collect();
            items
        });
        let types: Vec<_> = types.filter(|kind| kind != "null").collect();
        return match types.as_slice() {
            [only] => only.clone(),
            _ => "any".to_owned(),
        };
    };
    if kind.kind() == Kind::Array {
        let types = kind.items().filter_map(|item| item.as_str());
        let types: Vec<_> = types.filter(|kind| kind != "null").collect();
        return types.join(" or ");
    }
    kind.as_str()
        .map_or("any".to_owned(), |kind| kind.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(json: &str) -> ToolDefinition {
        ToolDefinition::parse(json).unwrap().unwrap()
    }

    #[test]
    fn spelling_does_not_matter_and_everything_else_does() {
        let one =
            tool(r#"{"name":"a","inputSchema":{"maximum":100,"type":"object"},"_meta":{"x":1}}"#);
        let same = tool(
            "{\"inputSchema\": {\"type\": \"\\u006fbject\", \"maximum\": 1e2}, \"name\": \"a\"}",
        );
        assert_eq!(one, same);
        assert_eq!(one.digest(), same.digest());
        assert!(one.digest().starts_with("sha256:") && one.digest().len() == 71);
        let exact = |number: &str| {
            tool(&format!(
                r#"{{"name":"a","inputSchema":{{"maximum":{number}}}}}"#
            ))
            .digest()
        };
        assert_ne!(exact("9007199254740993"), exact("9007199254740992"));
        let unknown = tool(r#"{"name":"a","annotations":{"newHint":true}}"#);
        assert_ne!(
            unknown.digest(),
            tool(r#"{"name":"a","annotations":{}}"#).digest()
        );
    }

    #[test]
    fn arguments_have_types() {
        let tool = tool(
            r#"{"name":"a","inputSchema":{"properties":{
                "amount":{"anyOf":[{"type":"number"},{"type":"null"}]},"to":{"type":["string","null"]},"x":{}}}}"#,
        );
        let arguments = tool.arguments();
        let arguments: Vec<_> = arguments.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(
            arguments,
            [("amount", "number"), ("to", "string"), ("x", "any")]
        );
    }
}
