//! `toolgate init`: from nothing, or from what a client has, to a gate that starts.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::output::Files;
use super::scan::{Server, ask, origin, summary};
use super::{Outcome, failure};
use crate::init::{self, Entry, Http};
use crate::render::{Code, DEFAULT_CA, Request, Upstream, envoy};
use crate::scan::{self, Era, Pins};
use crate::terminal::Paint;
use crate::text::one_line;
use toolgate_document::{Document, Format};

/// What to start from.
#[derive(Clone, Debug)]
pub struct Options {
    /// A file of `mcpServers`, or a URL. Without it: the quickstart.
    pub source: Option<String>,
    /// Only the server of this name, of a list.
    pub only: Option<String>,
    /// Headers as `Name: value`. They go to one server, never to several.
    pub headers: Vec<String>,
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
    /// Overwrite.
    pub force: bool,
    /// Colours.
    pub paint: Paint,
}

const NAMES: [&str; 4] = ["policy.yaml", "pins.json", "tests.yaml", "envoy.yaml"];

/// Writes a starting set.
pub fn run(options: &Options) -> Outcome {
    let result = match &options.source {
        None => quickstart(options),
        Some(source) if source.contains("://") => {
            let server = Http {
                name: "server".to_owned(),
                url: source.clone(),
                headers: Vec::new(),
            };
            servers(options, vec![Entry::Http(server)])
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
    let mut errors = String::new();
    let mut https = Vec::new();
    for entry in entries {
        match entry {
            Entry::Http(http) => match &options.only {
                Some(only) if *only != http.name => {}
                _ => https.push(http),
            },
            Entry::Skipped(skipped) => {
                let name = one_line(&skipped.name, 60);
                let _ = writeln!(errors, "skipped `{name}`: {}", skipped.why);
            }
        }
    }
    if https.is_empty() {
        return Err(format!(
            "{errors}error: no server is left to put a gate in front of\n"
        ));
    }
    if https.len() > 1 && !options.headers.is_empty() {
        return Err(
            "error: --header would go to every server of the list: name the one it is for with --only NAME\n".to_owned(),
        );
    }
    let directories = directories(&options.out, &https);
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
    for (number, (http, directory)) in https.iter().zip(&directories).enumerate() {
        let number = u16::try_from(number).unwrap_or_default();
        let mut listen = options.listen;
        listen.set_port(listen.port().saturating_add(number));
        let gate = Gate {
            http,
            directory,
            wasm: &wasm,
            listen,
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 9901_u16.saturating_add(number))),
        };
        match gate.make(options) {
            Ok((text, client)) => {
                output.push_str(&text);
                snippet.insert(http.name.clone(), client);
            }
            Err(why) => {
                failed = true;
                let _ = writeln!(errors, "error: `{}`: {why}", one_line(&http.name, 60));
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

/// One directory each; the given one itself if there is one server only.
fn directories(out: &Path, https: &[Http]) -> Vec<PathBuf> {
    if let [_] = https {
        return vec![out.to_owned()];
    }
    let mut found: Vec<PathBuf> = Vec::new();
    for http in https {
        let slug = http.slug();
        let names =
            std::iter::once(slug.clone()).chain((2..).map(|number| format!("{slug}-{number}")));
        let mut paths = names.map(|name| out.join(name));
        found.extend(paths.find(|path| !found.contains(path)));
    }
    found
}

struct Gate<'o> {
    http: &'o Http,
    directory: &'o Path,
    wasm: &'o Path,
    listen: SocketAddr,
    admin: SocketAddr,
}

impl Gate<'_> {
    /// Writes the set of one server; what to say about it, and the client's new entry for it.
    fn make(&self, options: &Options) -> Result<(String, serde_json::Value), String> {
        let environment = |name: &str| std::env::var(name).ok();
        // What is given on the command line is what the file may lack.
        let (url, mut headers) = match self.http.resolved(&environment) {
            Ok(resolved) => resolved,
            Err(_) if !options.headers.is_empty() => (self.http.url.clone(), Vec::new()),
            Err(why) => return Err(why),
        };
        headers.extend(options.headers.iter().cloned());
        let server = Server {
            url,
            headers,
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
            upstream: Upstream::parse(&scan.url).map_err(|error| format!("{error:#}"))?,
            listen: self.listen,
            admin: self.admin,
            code: Code::File(self.wasm.display().to_string()),
            ca: DEFAULT_CA.to_owned(),
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
             4. envoy -c {envoy}\n\
             To have the gate refuse what the server changes later: toolgate pin {url} --file {pins} --config >> {policy}, and 3.\n\n",
            files.list(),
            policy = path("policy.yaml").display(),
            directory = self.directory.display(),
            upstream = origin(&scan.url),
            listen = self.listen,
            admin = self.admin,
            envoy = path("envoy.yaml").display(),
            url = scan.url,
            pins = path("pins.json").display(),
        );
        Ok((text, self.client(&scan.url)))
    }

    /// The client's entry: the gate's address, the server's path, the headers as they were.
    fn client(&self, url: &str) -> serde_json::Value {
        let path = url.strip_prefix(&origin(url)).unwrap_or("/mcp");
        let mut entry = json!({"type": "http", "url": format!("http://{}{path}", self.listen)});
        if !self.http.headers.is_empty() {
            let shown = self.http.headers.iter().map(|(name, value)| {
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
