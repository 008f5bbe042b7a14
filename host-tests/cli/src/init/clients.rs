//! A client's list of MCP servers, in the shapes of Claude Desktop, Claude Code, Cursor, Windsurf and VS Code.

use serde_json::{Map, Value};

use crate::text::one_line;

/// A server of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// One that can have a gate in front of it.
    Http(Http),
    /// One that cannot.
    Skipped(Skipped),
}

/// A server that speaks Streamable HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Its name in the list.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// Its headers, as written: values may refer to variables.
    pub headers: Vec<(String, String)>,
}

/// A server without a gate, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name in the list.
    pub name: String,
    /// Why, and what to do.
    pub why: String,
}

/// Reads a list.
///
/// # Errors
/// When it is not JSON, or has no list of servers.
pub fn read(text: &str) -> Result<Vec<Entry>, String> {
    let text = without_comments(text.trim_start_matches('\u{feff}'));
    let json: Value =
        serde_json::from_str(&text).map_err(|error| format!("it is not JSON: {error}"))?;
    let places = ["/mcpServers", "/servers", "/mcp/servers", "/mcp/mcpServers"];
    let list = places
        .iter()
        .find_map(|place| json.pointer(place)?.as_object())
        .ok_or("it has no `mcpServers` (VS Code: `servers`) with the servers of a client")?;
    Ok(list
        .iter()
        .map(|(name, entry)| self::entry(name, entry))
        .collect())
}

fn entry(name: &str, entry: &Value) -> Entry {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let skipped = |why: &str| {
        Entry::Skipped(Skipped {
            name: name.to_owned(),
            why: why.to_owned(),
        })
    };
    let url = ["url", "serverUrl", "httpUrl", "uri"]
        .into_iter()
        .find_map(text);
    let kind = text("type")
        .or_else(|| text("transport"))
        .unwrap_or_default();
    match url {
        None if entry.get("command").is_some() || kind == "stdio" => skipped(
            "it speaks stdio: put a stdio bridge in front, which offers it over Streamable HTTP, and run this again \
             with the bridge's URL",
        ),
        None => skipped("it has neither `url` nor `command`"),
        Some(_) if kind == "sse" => skipped(
            "it speaks the HTTP+SSE transport of 2024-11-05, which the gate refuses whole: ask the server for \
             Streamable HTTP",
        ),
        Some(url) => Entry::Http(Http {
            name: name.to_owned(),
            url: url.to_owned(),
            headers: headers(entry.get("headers").and_then(Value::as_object)),
        }),
    }
}

fn headers(headers: Option<&Map<String, Value>>) -> Vec<(String, String)> {
    let headers = headers.into_iter().flatten();
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    headers.filter_map(text).collect()
}

impl Http {
    /// The URL and headers (`Name: value`) with variables from `environment` in them.
    ///
    /// # Errors
    /// Names a variable that is not set, or that only the client knows.
    pub fn resolved(
        &self,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(String, Vec<String>), String> {
        let url = expand(&self.url, environment)?;
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            headers.push(format!("{name}: {}", expand(value, environment)?));
        }
        Ok((url, headers))
    }

    /// A directory's name for it.
    pub fn slug(&self) -> String {
        let safe = |char: char| match char.is_ascii_alphanumeric() || matches!(char, '-' | '_') {
            true => char.to_ascii_lowercase(),
            false => '-',
        };
        let slug: String = self.name.chars().map(safe).take(60).collect();
        match slug.trim_matches('-') {
            "" => "server".to_owned(),
            slug => slug.to_owned(),
        }
    }
}

/// `${env:NAME}`, `${NAME}` and `${NAME:-default}`.
fn expand(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let (inside, after) = after.split_once('}').ok_or("has a `${` without its `}`")?;
        if let Some(id) = inside.strip_prefix("input:") {
            let id = one_line(id, 40);
            return Err(format!(
                "wants `${{input:{id}}}`, which only the client knows: pass it with --header"
            ));
        }
        let inside = inside.strip_prefix("env:").unwrap_or(inside);
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (inside, None),
        };
        let value = environment(name).or(default);
        out.push_str(&value.ok_or_else(|| {
            format!(
                "wants the variable `{}`, which is not set",
                one_line(name, 40)
            )
        })?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// JSON out of what VS Code writes: comments become spaces, commas before an end go.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let (mut in_string, mut escaped) = (false, false);
    while let Some(char) = chars.next() {
        if in_string {
            in_string = escaped || char != '"';
            escaped = char == '\\' && !escaped;
            out.push(char);
            continue;
        }
        match (char, chars.peek()) {
            ('"', _) => {
                in_string = true;
                out.push(char);
            }
            ('/', Some('/')) => {
                while chars.peek().is_some_and(|char| *char != '\n') {
                    chars.next();
                }
            }
            ('/', Some('*')) => {
                let mut last = ' ';
                chars.next();
                for char in chars.by_ref() {
                    if (last, char) == ('*', '/') {
                        break;
                    }
                    last = char;
                }
            }
            ('}' | ']', _) => {
                let end = out.trim_end().len();
                if out.get(..end).is_some_and(|text| text.ends_with(',')) {
                    out.truncate(end - 1);
                }
                out.push(char);
            }
            _ => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(entry: &Entry) -> &str {
        match entry {
            Entry::Http(http) => &http.name,
            Entry::Skipped(skipped) => &skipped.name,
        }
    }

    fn names(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(name).collect()
    }

    #[test]
    fn the_shapes_of_all_clients_are_read() {
        let cursor = r#"{"mcpServers": {"a": {"url": "http://x/mcp", "headers": {"X": "${env:T}"}}, "b": {"command": "npx"}}}"#;
        let entries = read(cursor).unwrap();
        assert_eq!(names(&entries), ["a", "b"]);
        assert!(matches!(&entries[1], Entry::Skipped(b) if b.why.contains("stdio bridge")));
        let code = "{\n // mine\n \"servers\": {\"a\": {\"type\": \"sse\", \"url\": \"http://x//y\",}, /* , */ },\n}";
        let entries = read(code).unwrap();
        assert!(
            matches!(&entries[0], Entry::Skipped(a) if a.why.contains("HTTP+SSE")),
            "{entries:?}"
        );
        assert!(read("{}").unwrap_err().contains("mcpServers"));
        assert!(read("[").unwrap_err().starts_with("it is not JSON"));
    }

    #[test]
    fn variables_are_filled_in() {
        let http = |value: &str| Http {
            name: "My server!".into(),
            url: "http://${HOST:-localhost}/mcp".into(),
            headers: vec![("Authorization".into(), value.into())],
        };
        let environment = |name: &str| (name == "T").then(|| "t0ken".to_owned());
        let (url, headers) = http("Bearer ${env:T}").resolved(&environment).unwrap();
        assert_eq!(
            (url.as_str(), headers[0].as_str()),
            ("http://localhost/mcp", "Authorization: Bearer t0ken")
        );
        assert!(
            http("${env:U}")
                .resolved(&environment)
                .unwrap_err()
                .contains("`U`")
        );
        assert!(
            http("${input:key}")
                .resolved(&environment)
                .unwrap_err()
                .contains("only the client")
        );
        assert_eq!(http("").slug(), "my-server");
    }
}
