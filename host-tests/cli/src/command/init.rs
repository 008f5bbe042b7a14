//! `toolgate init`: from nothing, or from what a client has, to a gate that starts.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::output::Files;
use super::render::needs_a_person;
use super::scan::{Server, ask, bridge, origin, summary};
use super::{Outcome, failure, library};
use crate::init::{self, Entry, Listed, Place};
use crate::render::{Code, Console, DEFAULT_CA, Request, Upstream, envoy};
use crate::scan::{self, Command, Era, Pins, Target};
use crate::terminal::Paint;
use crate::text::one_line;
use toolgate_document::{Document, Format};

/// What to start from.
#[derive(Clone, Debug)]
pub struct Options {
    /// A file of `mcpServers`, or a URL. Without it: the quickstart.
    pub source: Option<String>,
    /// The name of a well-known server, in place of a source.
    pub from: Option<String>,
    /// Only the server of this name, of a list.
    pub only: Option<String>,
    /// Headers as `Name: value`. They go to one server, never to several.
    pub headers: Vec<String>,
    /// Start the servers that are commands.
    pub start: bool,
    /// Variables for the command, as `NAME` or `NAME=VALUE`. They go to one server, never to several.
    pub environment: Vec<String>,
    /// The protocol.
    pub era: Era,
    /// How long each server may take.
    pub patience: Duration,
    /// Where to write.
    pub out: PathBuf,
    /// The filter's file.
    pub wasm: Option<PathBuf>,
    /// Where the first gate listens; further ones on the ports after it.
    pub listen: SocketAddr,
    /// Where the bridge to the first command listens; further ones on the ports after it.
    pub bridge: SocketAddr,
    /// Overwrite.
    pub force: bool,
    /// Colours.
    pub paint: Paint,
}

const NAMES: [&str; 4] = ["policy.yaml", "pins.json", "tests.yaml", "envoy.yaml"];

/// Writes a starting set.
pub fn run(options: &Options) -> Outcome {
    if let Some(name) = &options.from {
        return library::copy(name, &options.out, options.force);
    }
    let result = match &options.source {
        None => quickstart(options),
        Some(source) if source.contains("://") => {
            let server = Listed {
                name: "server".to_owned(),
                place: Place::Http {
                    url: source.clone(),
                    headers: Vec::new(),
                },
            };
            servers(options, vec![Entry::Server(server)])
        }
        Some(source) => match list(Path::new(source)) {
            Ok(entries) => servers(options, entries),
            Err(message) => Err(message),
        },
    };
    result.unwrap_or_else(failure)
}

fn list(path: &Path) -> Result<Vec<Entry>, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("error: cannot read `{shown}`: {error}\n"))?;
    init::read(&text)
        .map_err(|why| format!("error: `{shown}` is no client's list of servers: {why}\n"))
}

fn quickstart(options: &Options) -> Result<Outcome, String> {
    let policy = options.out.join("policy.json");
    let mut files = Files::default();
    files.add(&policy, init::POLICY);
    files.add(options.out.join("tests.yaml"), init::TESTS);
    if let Some(message) = files.in_the_way(options.force) {
        return Err(message);
    }
    files.write()?;
    let output = format!(
        "written, the quickstart policy and its tests:\n{}\nnext:\n  toolgate test {}\n  \
         toolgate render envoy --policy {} --upstream 127.0.0.1:3000    a gate in front of your server\n  \
         toolgate init http://127.0.0.1:3000/mcp --out DIR    a policy for your server's own tools instead\n",
        files.list(),
        options.out.display(),
        policy.display()
    );
    Ok(Outcome {
        output,
        ..Outcome::default()
    })
}

fn servers(options: &Options, entries: Vec<Entry>) -> Result<Outcome, String> {
    let mut output = String::new();
    let (listed, mut errors) = chosen(options, entries);
    if listed.is_empty() {
        return Err(format!(
            "{errors}error: no server is left to put a gate in front of\n"
        ));
    }
    let flags = [
        ("--header", &options.headers),
        ("--env", &options.environment),
    ];
    for (flag, given) in flags {
        if listed.len() > 1 && !given.is_empty() {
            return Err(format!(
                "error: {flag} would go to every server of the list: name the one it is for with --only NAME\n"
            ));
        }
    }
    let directories = directories(&options.out, &listed);
    let mut taken = Files::default();
    for directory in &directories {
        NAMES
            .iter()
            .for_each(|name| taken.add(directory.join(name), ""));
    }
    if let Some(message) = taken.in_the_way(options.force) {
        return Err(message);
    }
    let wasm = match &options.wasm {
        Some(path) => path.canonicalize().unwrap_or_else(|_| path.clone()),
        None => crate::module::file(None).map_err(|error| format!("error: {error:#}\n"))?,
    };

    let mut snippet = serde_json::Map::new();
    let mut failed = false;
    for (number, (server, directory)) in listed.iter().zip(&directories).enumerate() {
        let number = u16::try_from(number).unwrap_or_default();
        let nth = |mut first: SocketAddr| {
            first.set_port(first.port().saturating_add(number));
            first
        };
        let gate = Gate {
            listed: server,
            directory,
            wasm: &wasm,
            listen: nth(options.listen),
            bridge: nth(options.bridge),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 9901_u16.saturating_add(number))),
        };
        match gate.make(options) {
            Ok((text, client)) => {
                output.push_str(&text);
                snippet.insert(server.name.clone(), client);
            }
            Err(why) => {
                failed = true;
                let _ = writeln!(errors, "error: `{}`: {why}", one_line(&server.name, 60));
            }
        }
    }
    if !snippet.is_empty() {
        let snippet = json!({"mcpServers": snippet});
        let _ = write!(
            output,
            "put this into the client in place of what it has (VS Code: `servers`), so that it talks to the gate:\n\n{snippet:#}\n"
        );
    }
    Ok(Outcome {
        output,
        errors,
        code: if failed { 2 } else { 0 },
    })
}

/// The servers to put a gate in front of, and what to say about the others.
fn chosen(options: &Options, entries: Vec<Entry>) -> (Vec<Listed>, String) {
    let mut errors = String::new();
    let mut listed = Vec::new();
    for entry in entries {
        let (name, why) = match entry {
            Entry::Server(server)
                if options
                    .only
                    .as_ref()
                    .is_some_and(|only| *only != server.name) =>
            {
                continue;
            }
            Entry::Server(server) => match &server.place {
                Place::Command { words, .. } if !options.start => {
                    let shown = Command::new(words, &[], &|_| None).map(|command| command.shown());
                    let why = format!(
                        "it is a command, `{}`: --start runs it, with your rights, to ask for its tools",
                        shown.unwrap_or_default()
                    );
                    (server.name, why)
                }
                _ => {
                    listed.push(server);
                    continue;
                }
            },
            Entry::Skipped(skipped) => (skipped.name, skipped.why),
        };
        let _ = writeln!(errors, "skipped `{}`: {why}", one_line(&name, 60));
    }
    (listed, errors)
}

/// One directory each; the given one itself if there is one server only.
fn directories(out: &Path, listed: &[Listed]) -> Vec<PathBuf> {
    if let [_] = listed {
        return vec![out.to_owned()];
    }
    let mut found: Vec<PathBuf> = Vec::new();
    for server in listed {
        let slug = server.slug();
        let names =
            std::iter::once(slug.clone()).chain((2..).map(|number| format!("{slug}-{number}")));
        let mut paths = names.map(|name| out.join(name));
        found.extend(paths.find(|path| !found.contains(path)));
    }
    found
}

/// A console where the policy needs a person: for each gate its own, 100 ports above it.
fn console(policy: &str, gate: SocketAddr) -> Option<Console> {
    let port = gate.port().saturating_add(100);
    needs_a_person(policy).then(|| Console {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        token_sha256: None,
    })
}

struct Gate<'o> {
    listed: &'o Listed,
    directory: &'o Path,
    wasm: &'o Path,
    listen: SocketAddr,
    bridge: SocketAddr,
    admin: SocketAddr,
}

impl Gate<'_> {
    /// Writes the set of one server; what to say about it, and the client's new entry for it.
    fn make(&self, options: &Options) -> Result<(String, serde_json::Value), String> {
        let server = Server {
            target: self.target(options)?,
            era: options.era,
            patience: options.patience,
        };
        let scan = ask(&server).map_err(|error| format!("{error:#}"))?;
        let policy = scan::policy(&scan, "toolgate init");
        let document = Document::parse("policy.yaml", policy.as_str(), Format::Yaml)
            .map_err(|(_, problem)| problem.sentence())?;
        let path = |name: &str| self.directory.join(name);
        let request = Request {
            policy: document.json().to_owned(),
            policy_name: path("policy.yaml").display().to_string(),
            upstream: Upstream::parse(&self.upstream(&server, &scan))
                .map_err(|error| format!("{error:#}"))?,
            listen: self.listen,
            admin: self.admin,
            code: Code::File(self.wasm.display().to_string()),
            ca: DEFAULT_CA.to_owned(),
            console: console(document.json(), self.listen),
            past: Vec::new(),
            watch: None,
        };
        let envoy = envoy(&request).map_err(|error| format!("{error:#}"))?;
        let mut files = Files::default();
        let texts = [
            policy,
            Pins::of(&scan).to_json(),
            scan::tests(&scan),
            envoy.as_str().to_owned(),
        ];
        for (name, text) in NAMES.iter().zip(texts) {
            files.add(path(name), text);
        }
        files.write()?;

        let mut text = summary(&scan, options.paint);
        let _ = write!(
            text,
            "\nwritten:\n{}\nnext:\n  \
             1. Decide on the tools that are comments in {policy}: each says what has to be decided.\n  \
             2. toolgate check {policy} && toolgate test {directory}\n  \
             3. toolgate render envoy --policy {policy} --upstream {upstream} --listen {listen} --admin {admin} --out {envoy} --force\n  \
             4. envoy -c {envoy}\n{bridge}\
             To have the gate refuse what the server changes later: {pin} >> {policy}, and 3.\n\n",
            files.list(),
            policy = path("policy.yaml").display(),
            directory = self.directory.display(),
            upstream = self.upstream(&server, &scan),
            listen = self.listen,
            admin = self.admin,
            envoy = path("envoy.yaml").display(),
            bridge = match server.target {
                Target::Http { .. } => String::new(),
                Target::Command(_) => format!(
                    "  5. {}\n     the server speaks stdio, Envoy speaks HTTP: this bridge is in between\n",
                    bridge(&scan.url, self.bridge.port())
                ),
            },
            pin = server.again(
                "pin",
                &scan.url,
                &format!("--file {} --config", path("pins.json").display())
            ),
        );
        Ok((text, self.client(&server, &scan)))
    }

    /// What is asked, with what the command line adds to the list.
    fn target(&self, options: &Options) -> Result<Target, String> {
        let environment = |name: &str| std::env::var(name).ok();
        let target = match (self.listed.target(&environment), &self.listed.place) {
            (Ok(target), _) => target,
            // What is given on the command line is what the file may lack.
            (Err(_), Place::Http { url, .. }) if !options.headers.is_empty() => Target::Http {
                url: url.clone(),
                headers: Vec::new(),
            },
            (Err(_), Place::Command { words, .. }) if !options.environment.is_empty() => {
                let command = Command::new(words, &[], &environment);
                Target::Command(command.map_err(|error| error.to_string())?)
            }
            (Err(why), _) => return Err(why),
        };
        Ok(match target {
            Target::Http { url, mut headers } => {
                headers.extend(options.headers.iter().cloned());
                Target::Http { url, headers }
            }
            Target::Command(mut command) => {
                let words = [command.program.clone()];
                let added = Command::new(&words, &options.environment, &environment);
                let added = added.map_err(|error| error.to_string())?;
                command.environment.extend(added.environment);
                Target::Command(command)
            }
        })
    }

    /// Where Envoy finds the server, or the bridge to it.
    fn upstream(&self, server: &Server, scan: &scan::Scan) -> String {
        match server.target {
            Target::Http { .. } => origin(&scan.url),
            Target::Command(_) => format!("http://{}", self.bridge),
        }
    }

    /// The client's entry: the gate's address, the server's path, the headers as they were.
    fn client(&self, server: &Server, scan: &scan::Scan) -> serde_json::Value {
        let path = match server.target {
            Target::Http { .. } => scan.url.strip_prefix(&origin(&scan.url)),
            Target::Command(_) => None,
        };
        let url = format!("http://{}{}", self.listen, path.unwrap_or("/mcp"));
        let mut entry = json!({"type": "http", "url": url});
        if let Place::Http { headers, .. } = &self.listed.place
            && !headers.is_empty()
        {
            let shown = headers.iter().map(|(name, value)| {
                // A literal is a secret, most likely, and this is a terminal.
                let value = if value.contains("${") {
                    value
                } else {
                    "… (as it is)"
                };
                (name.clone(), value.into())
            });
            let headers: serde_json::Map<_, _> = shown.collect();
            entry["headers"] = headers.into();
        }
        entry
    }
}
