//! A client's list of MCP servers, in the shapes of Claude Desktop, Claude Code, Cursor, Windsurf and VS Code.

use serde_json::{Map, Value};

use crate::scan::{Command, Target};
use crate::text::one_line;

/// An entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// One that can have a gate in front of it.
    Server(Listed),
    /// One that cannot.
    Skipped(Skipped),
}

/// A server of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name in the list.
    pub name: String,
    /// Where it is, as written: values may refer to variables.
    pub place: Place,
}

/// Where a listed server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It speaks Streamable HTTP.
    Http {
        /// Its URL.
        url: String,
        /// Its headers.
        headers: Vec<(String, String)>,
    },
    /// It is started as a command, and speaks stdio.
    Command {
        /// The program and its arguments.
        words: Vec<String>,
        /// Its variables.
        environment: Vec<(String, String)>,
    },
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
        None => match words(entry) {
            Some(words) => Entry::Server(Listed {
                name: name.to_owned(),
                place: Place::Command {
                    words,
                    environment: texts(entry.get("env").and_then(Value::as_object)),
                },
            }),
            None => skipped("it has neither `url` nor `command`"),
        },
        Some(_) if kind == "sse" => skipped(
            "it speaks the HTTP+SSE transport of 2024-11-05, which the gate refuses whole: ask the server for \
             Streamable HTTP",
        ),
        Some(url) => Entry::Server(Listed {
            name: name.to_owned(),
            place: Place::Http {
                url: url.to_owned(),
                headers: texts(entry.get("headers").and_then(Value::as_object)),
            },
        }),
    }
}

/// The command line of an entry: a program and its arguments, or, as some write it, one list of both.
fn words(entry: &Value) -> Option<Vec<String>> {
    let own = |value: &Value| value.as_str().map(str::to_owned);
    let list = |key: &str| {
        let items = entry
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        items.filter_map(own).collect::<Vec<_>>()
    };
    let words = match entry.get("command")? {
        Value::String(program) => {
            let mut words = vec![program.clone()];
            words.extend(list("args"));
            words
        }
        _ => list("command"),
    };
    words
        .first()
        .is_some_and(|program| !program.is_empty())
        .then_some(words)
}

fn texts(members: Option<&Map<String, Value>>) -> Vec<(String, String)> {
    let members = members.into_iter().flatten();
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    members.filter_map(text).collect()
}

impl Listed {
    /// Where it is, with variables from `environment` filled in.
    ///
    /// # Errors
    /// Names a variable that is not set, or that only the client knows.
    pub fn target(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<Target, String> {
        match &self.place {
            Place::Http { url, headers } => {
                let url = expand(url, environment)?;
                let mut lines = Vec::new();
                for (name, value) in headers {
                    lines.push(format!("{name}: {}", expand(value, environment)?));
                }
                Ok(Target::Http {
                    url,
                    headers: lines,
                })
            }
            Place::Command {
                words,
                environment: variables,
            } => {
                let words: Result<Vec<_>, _> =
                    words.iter().map(|word| expand(word, environment)).collect();
                let mut named = Vec::new();
                for (name, value) in variables {
                    named.push(format!("{name}={}", expand(value, environment)?));
                }
                let command = Command::new(&words?, &named, environment);
                Ok(Target::Command(command.map_err(|error| error.to_string())?))
            }
        }
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
                "wants `${{input:{id}}}`, which only the client knows: pass it with --header or --env"
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
            Entry::Server(server) => &server.name,
            Entry::Skipped(skipped) => &skipped.name,
        }
    }

    fn names(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(name).collect()
    }

    #[test]
    fn the_shapes_of_all_clients_are_read() {
        let cursor = r#"{"mcpServers": {"a": {"url": "http://x/mcp", "headers": {"X": "${env:T}"}},
            "b": {"command": "npx", "args": ["-y", "server"], "env": {"KEY": "k"}},
            "c": {"type": "stdio", "command": ["uvx", "server"]}, "d": {"type": "stdio"}, "e": {"command": []}}}"#;
        let entries = read(cursor).unwrap();
        assert_eq!(names(&entries), ["a", "b", "c", "d", "e"]);
        let command = |entry: &Entry| match entry {
            Entry::Server(Listed {
                place: Place::Command { words, environment },
                ..
            }) => (words.join(" "), environment.clone()),
            other => panic!("{other:?}"),
        };
        let key = vec![("KEY".to_owned(), "k".to_owned())];
        assert_eq!(command(&entries[1]), ("npx -y server".to_owned(), key));
        assert_eq!(command(&entries[2]), ("uvx server".to_owned(), vec![]));
        for entry in &entries[3..] {
            assert!(
                matches!(entry, Entry::Skipped(skipped) if skipped.why.contains("neither")),
                "{entry:?}"
            );
        }
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
        let environment = |name: &str| (name == "T").then(|| "t0ken".to_owned());
        let target = |value: &str| {
            let server = Listed {
                name: "My server!".into(),
                place: Place::Http {
                    url: "http://${HOST:-localhost}/mcp".into(),
                    headers: vec![("Authorization".into(), value.into())],
                },
            };
            assert_eq!(server.slug(), "my-server");
            server.target(&environment)
        };
        let Target::Http { url, headers } = target("Bearer ${env:T}").unwrap() else {
            panic!("it has a URL");
        };
        assert_eq!(
            (url.as_str(), headers[0].as_str()),
            ("http://localhost/mcp", "Authorization: Bearer t0ken")
        );
        assert!(target("${env:U}").unwrap_err().contains("`U`"));
        let error = target("${input:key}").unwrap_err();
        assert!(error.contains("only the client"), "{error}");

        let local = Listed {
            name: "local".into(),
            place: Place::Command {
                words: vec!["npx".into(), "${env:T}".into()],
                environment: vec![("KEY".into(), "${T}".into())],
            },
        };
        let Target::Command(command) = local.target(&environment).unwrap() else {
            panic!("it is a command");
        };
        assert_eq!(command.arguments, ["t0ken"]);
        assert_eq!(command.environment, [("KEY".into(), "t0ken".into())]);
    }
}
