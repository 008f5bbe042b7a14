//! The shipped Envoy configurations, with their defaults replaced by what a run needs.
//!
//! There is one source for each configuration: the file under `envoy/` that a person edits and runs. Replacement is plain
//! text on the defaults that stand in it, and fails when one is not there.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

const WASM: &str = "target/wasm32-wasip1/release/toolgate.wasm";
const UPSTREAM: &str = "{address: 127.0.0.1, port_value: 3000}";
const LISTENER: &str = "{address: 127.0.0.1, port_value: 10000}";
const CONSOLE: &str = "{address: 127.0.0.1, port_value: 10001}";
const SECOND: &str = "{address: 127.0.0.1, port_value: 3001}";
const ADMIN: &str = "{address: 127.0.0.1, port_value: 9901}";
const ANY_PORT: &str = "{address: 127.0.0.1, port_value: 0}";
const ACCESS_LOG: &str = "/dev/stdout";
/// Directories with a configuration whose filter stands in a file that Envoy watches.
const ECDS: &str = "envoy/ecds";
const APPROVALS: &str = "envoy/approvals";
const FILTER_FILE: &str = "toolgate.yaml";

/// A configuration as a whole.
#[derive(Clone, Debug)]
pub struct Config {
    envoy: String,
    /// The filter's own file, where the configuration reads it by ECDS.
    filter: Option<String>,
    /// Where the listener is to be. Without it: a free port.
    listener: Option<SocketAddr>,
}

impl From<&str> for Config {
    fn from(yaml: &str) -> Self {
        Self {
            envoy: yaml.to_owned(),
            filter: None,
            listener: None,
        }
    }
}

impl From<String> for Config {
    fn from(yaml: String) -> Self {
        yaml.as_str().into()
    }
}

impl Config {
    /// `envoy/envoy.yaml`, the configuration for production.
    pub fn production() -> Result<Self> {
        Self::shipped("envoy/envoy.yaml")
    }

    /// A configuration of one file, by its path from the repository's root.
    pub fn shipped(path: &str) -> Result<Self> {
        Ok(read(path)?.into())
    }

    /// `envoy/ecds/`: the same with the filter in a file that Envoy watches.
    pub fn ecds() -> Result<Self> {
        Self::watched(ECDS)
    }

    /// `envoy/approvals/`: the same with a console.
    pub fn approvals() -> Result<Self> {
        Self::watched(APPROVALS)
    }

    fn watched(directory: &str) -> Result<Self> {
        Ok(Self {
            filter: Some(read(&format!("{directory}/{FILTER_FILE}"))?),
            ..read(&format!("{directory}/envoy.yaml"))?.into()
        })
    }

    /// Runs this wasm file.
    pub fn wasm(self, path: &Path) -> Result<Self> {
        let path = path.to_str().context("the filter's path is not UTF-8")?;
        self.replace(WASM, path)
    }

    /// Sends what is allowed to this address.
    pub fn upstream(self, address: SocketAddr) -> Result<Self> {
        self.replace(UPSTREAM, &socket(address))
    }

    /// Sends to this address what goes to the second server: announcements of approvals, or other traffic.
    pub fn second(self, address: SocketAddr) -> Result<Self> {
        self.replace(SECOND, &socket(address))
    }

    /// Listens here, not on a free port.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listener = Some(address);
        self
    }

    /// Configures the filter with a JSON document, as a `StringValue`.
    pub fn policy_json(mut self, json: &str) -> Result<Self> {
        let filter = self.filter.as_mut().unwrap_or(&mut self.envoy);
        *filter = with_configuration(filter, "google.protobuf.StringValue", "value: |", json)?;
        Ok(self)
    }

    /// Configures the filter with a YAML document, inline as a `Struct`.
    pub fn policy_yaml(mut self, yaml: &str) -> Result<Self> {
        let filter = self.filter.as_mut().unwrap_or(&mut self.envoy);
        *filter = with_configuration(filter, "google.protobuf.Struct", "value:", yaml)?;
        Ok(self)
    }

    /// Replaces text that must be there, in Envoy's configuration and in the filter's file.
    pub fn replace(mut self, from: &str, to: &str) -> Result<Self> {
        let texts = std::iter::once(&mut self.envoy).chain(self.filter.as_mut());
        let mut replaced = false;
        for text in texts {
            replaced |= text.contains(from);
            *text = text.replace(from, to);
        }
        ensure!(replaced, "the configuration does not hold `{from}`");
        Ok(self)
    }

    /// The filter's file of [`Config::ecds`].
    pub fn filter(&self) -> Option<&str> {
        self.filter.as_deref()
    }

    /// Envoy's configuration as it stands.
    pub fn as_str(&self) -> &str {
        &self.envoy
    }

    /// The text for one run, whose files live in `directory`. Writes the filter's file there.
    pub fn into_run(self, directory: &Path) -> Result<String> {
        let path = |name: &str| -> Result<String> {
            let path = directory.join(name);
            Ok(path.to_str().context("a path is not UTF-8")?.to_owned())
        };
        let listener = self.listener.map_or(ANY_PORT.to_owned(), socket);
        let mut text = self
            .envoy
            .replace(LISTENER, &listener)
            .replace(CONSOLE, ANY_PORT)
            .replace(ADMIN, ANY_PORT)
            .replace(ACCESS_LOG, &path("access.log")?);
        if let Some(filter) = &self.filter {
            // A directory of its own: Envoy watches all of it, and the logs are next door.
            fs::create_dir_all(directory.join("ecds"))?;
            publish(directory, filter)?;
            let here = path("ecds")?;
            for shipped in [ECDS, APPROVALS] {
                text = text
                    .replace(
                        &format!("{shipped}/{FILTER_FILE}"),
                        &format!("{here}/{FILTER_FILE}"),
                    )
                    .replace(
                        &format!("{{path: {shipped}}}"),
                        &format!("{{path: {here}}}"),
                    );
            }
        }
        Ok(text)
    }
}

/// Puts the filter's file in place by a rename, which is what Envoy watches for.
pub fn publish(directory: &Path, filter: &str) -> Result<()> {
    let draft = directory.join("toolgate.yaml.draft");
    fs::write(&draft, filter)?;
    fs::rename(&draft, directory.join("ecds").join(FILTER_FILE))
        .context("this Envoy has no configuration that can be replaced")
}

fn read(name: &str) -> Result<String> {
    let path = toolgate_host::wasm::workspace_root()?.join(name);
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

fn socket(address: SocketAddr) -> String {
    format!(
        "{{address: \"{}\", port_value: {}}}",
        address.ip(),
        address.port()
    )
}

/// Replaces the document below `configuration:`, whichever type it has.
fn with_configuration(yaml: &str, message: &str, value: &str, document: &str) -> Result<String> {
    let mut lines = yaml.lines();
    let mut out = String::new();
    let mut push = |line: &str| writeln!(out, "{line}");
    let indent_of = |line: &str| line.len() - line.trim_start().len();

    let indent = loop {
        let Some(line) = lines.next() else {
            bail!("the configuration has no `configuration:` to replace");
        };
        push(line)?;
        if line.trim() == "configuration:" {
            break indent_of(line);
        }
    };
    let inner = " ".repeat(indent + 2);
    push(&format!("{inner}\"@type\": type.googleapis.com/{message}"))?;
    push(&format!("{inner}{value}"))?;
    for line in document.lines() {
        push(&format!("{inner}  {line}"))?;
    }
    for line in lines.skip_while(|line| line.trim().is_empty() || indent_of(line) > indent) {
        push(line)?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_replaced_and_what_follows_stays() {
        let yaml =
            "a:\n  configuration:\n    \"@type\": x\n    value: |\n      {}\n\n  b: 1\nc: 2\n";
        let new =
            with_configuration(yaml, "google.protobuf.Struct", "value:", "k: 1\nl: 2").unwrap();
        assert_eq!(
            new,
            "a:\n  configuration:\n    \"@type\": type.googleapis.com/google.protobuf.Struct\n    value:\n      \
             k: 1\n      l: 2\n  b: 1\nc: 2\n"
        );
    }

    #[test]
    fn both_files_describe_one_proxy() {
        // All but the head comment and the filter itself.
        let rest = |name: &str| {
            let text = read(name).unwrap();
            let (_, body) = text.split_once("\nnode:").unwrap();
            let (before, filter) = body.split_once("          - name: toolgate\n").unwrap();
            let (_, after) = filter
                .split_once("          - name: envoy.filters.http.router\n")
                .unwrap();
            format!("{before}{after}")
        };
        assert_eq!(rest("envoy/envoy.yaml"), rest("envoy/ecds/envoy.yaml"));

        // Other traffic has routes and a server of its own, and nothing else.
        let outside = |name: &str| {
            let text = rest(name);
            let (before, after) = text.split_once("              routes:\n").unwrap();
            let (_, after) = after.split_once("          http_filters:\n").unwrap();
            let after = after.split("  - name: web_server\n").next().unwrap();
            format!("{before}{after}")
        };
        assert_eq!(
            outside("envoy/envoy.yaml"),
            outside("envoy/other-traffic.yaml")
        );

        // Taken out of the one with a console, the console leaves the other.
        let text = read("envoy/approvals/envoy.yaml").unwrap();
        let (gate, rest_of) = text.split_once("  - name: console\n").unwrap();
        let (_, clusters) = rest_of.split_once("\n  clusters:\n").unwrap();
        let (clusters, _) = clusters.split_once("  - name: approvals_webhook").unwrap();
        let without = format!("{gate}  clusters:\n{clusters}").replace(APPROVALS, ECDS);
        let (_, without) = without.split_once("\nnode:").unwrap();
        let ecds = read("envoy/ecds/envoy.yaml").unwrap();
        assert_eq!(ecds.split_once("\nnode:").unwrap().1, without);
    }

    #[test]
    fn the_production_configuration_holds_the_quickstart_policy() {
        let policy = read("examples/quickstart/policy.json").unwrap();
        let production = Config::production().unwrap();
        let replaced = production.clone().policy_json(&policy).unwrap();
        let without_comments = |config: &Config| -> Vec<String> {
            let lines = config.as_str().lines().map(str::to_owned);
            lines
                .filter(|line| !line.trim_start().starts_with('#'))
                .collect()
        };
        assert_eq!(without_comments(&production), without_comments(&replaced));
    }
}
