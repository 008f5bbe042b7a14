//! Files that a subcommand writes: all of them, or none.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Files to write.
#[derive(Debug, Default)]
pub struct Files {
    files: Vec<(PathBuf, String)>,
}

impl Files {
    /// Adds one.
    pub fn add(&mut self, path: impl Into<PathBuf>, text: impl Into<String>) {
        self.files.push((path.into(), text.into()));
    }

    /// Those that are there already, as a message that says what to do; `None` if all is clear.
    pub fn in_the_way(&self, force: bool) -> Option<String> {
        let taken = self.files.iter().filter(|(path, _)| path.exists());
        let mut message: String = taken
            .filter(|_| !force)
            .map(|(path, _)| format!("error: `{}` is there already\n", path.display()))
            .collect();
        if message.is_empty() {
            return None;
        }
        message.push_str("nothing was written; --force overwrites, --out DIR writes elsewhere\n");
        Some(message)
    }

    /// Writes them, each by a rename, so that nobody reads half a file.
    ///
    /// # Errors
    /// The first that cannot be written, as a message.
    pub fn write(&self) -> Result<(), String> {
        for (path, text) in &self.files {
            write(path, text)
                .map_err(|error| format!("error: cannot write `{}`: {error}\n", path.display()))?;
        }
        Ok(())
    }

    /// What was written, one line each.
    pub fn list(&self) -> String {
        let mut list = String::new();
        for (path, _) in &self.files {
            let _ = writeln!(list, "  {}", path.display());
        }
        list
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(directory) = path.parent().filter(|path| !path.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory)?;
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.tmp", std::process::id()));
    std::fs::write(&draft, text)?;
    std::fs::rename(&draft, path).inspect_err(|_| {
        let _ = std::fs::remove_file(&draft);
    })
}
