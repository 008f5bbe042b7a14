//! From paths on a command line to files.

use std::path::{Path, PathBuf};

/// Names of policies in a directory.
pub const POLICY_FILES: [&str; 3] = ["policy.json", "policy.yaml", "policy.yml"];
/// Names of policy tests in a directory.
pub const TEST_FILES: [&str; 3] = ["tests.yaml", "tests.yml", "tests.json"];

/// A path that led to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The path.
    pub path: PathBuf,
    /// Why.
    pub message: String,
}

impl Unreadable {
    /// Because of an error of the system.
    pub fn because(path: &Path, error: &std::io::Error) -> Unreadable {
        Unreadable {
            path: path.to_owned(),
            message: error.to_string(),
        }
    }

    /// As a line for stderr.
    pub fn line(&self) -> String {
        format!(
            "error: cannot read `{}`: {}\n",
            self.path.display(),
            self.message
        )
    }
}

/// The files that paths stand for: a file for itself, a directory for every file below it with one of these names. Hidden
/// directories, `target` and `node_modules` are left out, links to directories are not followed.
pub fn find(paths: &[PathBuf], names: &[&str]) -> (Vec<PathBuf>, Vec<Unreadable>) {
    let wanted = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| names.contains(&name))
    };
    find_where(paths, &names.join(" or "), &wanted)
}

/// As [`find`], for files of a directory that are wanted; `what` is what they are called when there is none.
pub fn find_where(
    paths: &[PathBuf],
    what: &str,
    wanted: &dyn Fn(&Path) -> bool,
) -> (Vec<PathBuf>, Vec<Unreadable>) {
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let before = found.len();
        walk(path, wanted, &mut found, &mut unreadable);
        if found.len() == before && unreadable.is_empty() {
            unreadable.push(Unreadable {
                path: path.clone(),
                message: format!("no {what} in this directory"),
            });
        }
    }
    (found, unreadable)
}

fn walk(
    directory: &Path,
    wanted: &dyn Fn(&Path) -> bool,
    found: &mut Vec<PathBuf>,
    unreadable: &mut Vec<Unreadable>,
) {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            unreadable.push(Unreadable::because(directory, &error));
            return;
        }
    };
    let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory {
            let skipped = name.starts_with('.') || name == "target" || name == "node_modules";
            if !skipped {
                walk(&entry.path(), wanted, found, unreadable);
            }
        } else if wanted(&entry.path()) {
            found.push(entry.path());
        }
    }
}
