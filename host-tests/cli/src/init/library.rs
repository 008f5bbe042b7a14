//! Policies that are ready for well-known servers: `examples/servers`, a part of the command, so that an installed one has
//! them without the repository.

use toolgate_document::nearest;

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
