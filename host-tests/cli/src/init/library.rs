//! Policies that are ready for well-known servers: `examples/servers`, a part of the command, so that an installed one has
//! them without the repository.

use anyhow::{Result as Outcome, anyhow};
use toolgate_document::{Document, Format, nearest};

use crate::scan::{Pins, pins_block_of};

/// A policy with its tests and the tools it was written for.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// Its name.
    pub name: &'static str,
    /// What it is and is not, in a page.
    pub readme: &'static str,
    /// `policy.yaml`.
    pub policy: &'static str,
    /// `tests.yaml`.
    pub tests: &'static str,
    /// `pins.json`.
    pub pins: &'static str,
}

const PINNED: &str = "\
# The tools as they were when this was written. One that differs is hidden and denied, and so is a call whose arguments are not
# what its schema says. For another version of the server: `toolgate pin --write` and a look at what has changed, then `toolgate
# pin --config --schemas` in place of what follows.
";

impl Ready {
    /// The policy with its pins: each tool that it has rules for is held to the definition and the input schema it was written
    /// for. In the file that is shipped they would be most of the text.
    ///
    /// # Errors
    /// When the policy or the pins cannot be read.
    pub fn pinned_policy(&self) -> Outcome<String> {
        let policy =
            Document::parse("policy.yaml", self.policy, Format::Yaml).map_err(|(_, problem)| {
                anyhow!("the policy of `{}`: {}", self.name, problem.message)
            })?;
        let pins = Pins::parse(self.pins.as_bytes())
            .map_err(|error| anyhow!("the pins of `{}`: {error}", self.name))?;
        let tools = policy.root().get("tools");
        let named = |name: &str| tools.is_some_and(|tools| tools.get(name).is_some());
        Ok(format!(
            "{}\n\n{PINNED}{}",
            self.policy.trim_end(),
            pins_block_of(&pins, &named)
        ))
    }
}

macro_rules! library {
    ($($name:literal)*) => {
        &[$(Ready {
            name: $name,
            readme: file!($name, "README.md"),
            policy: file!($name, "policy.yaml"),
            tests: file!($name, "tests.yaml"),
            pins: file!($name, "pins.json"),
        }),*]
    };
}
macro_rules! file {
    ($name:literal, $file:literal) => {
        include_str!(concat!("../../../../examples/servers/", $name, "/", $file))
    };
}

/// All of them, by name.
pub const LIBRARY: &[Ready] = library![
    "atlassian"
    "brave-search"
    "cloudflare"
    "context7"
    "elasticsearch"
    "fetch"
    "filesystem"
    "git"
    "github"
    "gitlab"
    "kubernetes"
    "memory"
    "mongodb"
    "notion"
    "playwright"
    "postgres"
    "redis"
    "sentry"
    "slack"
    "sqlite"
    "stripe"
    "terraform"
    "time"
];

/// The one of this name.
///
/// # Errors
/// The name that was meant, if one is near.
pub fn ready(name: &str) -> Result<&'static Ready, Option<&'static str>> {
    if let Some(found) = LIBRARY.iter().find(|ready| ready.name == name) {
        return Ok(found);
    }
    Err(nearest(name, LIBRARY.iter().map(|ready| ready.name)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_server_of_the_examples_is_in_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/servers");
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let mut folders: Vec<_> = entries
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        folders.sort();
        let names: Vec<_> = LIBRARY.iter().map(|ready| ready.name).collect();
        assert_eq!(names, folders);
        assert_eq!(ready("slak").unwrap_err(), Some("slack"));
        assert_eq!(ready("nothing-like-it").unwrap_err(), None);
    }
}
