//! A README as a test: every command in its `console` blocks is run, and has to print what stands below it.

use std::fs;
use std::path::Path;

/// What a README leads its reader to.
pub enum Passage<'r> {
    /// A new section.
    Section,
    /// A command, its continued lines included.
    Command(&'r str),
}

/// Goes through the README at `path`, named `name` to people. `perform` gets each passage and returns what a command
/// prints. There have to be more than `fewest` commands. `UPDATE_EXPECT=1` writes what they print.
pub fn check(
    path: &Path,
    name: &str,
    fewest: usize,
    perform: &mut dyn FnMut(Passage<'_>) -> String,
) {
    let readme = fs::read_to_string(path).unwrap();
    let (mut out, mut lines, mut commands) = (String::new(), readme.lines().peekable(), 0);
    let mut in_block = false;
    while let Some(line) = lines.next() {
        if line.starts_with("## ") {
            perform(Passage::Section);
        }
        if line.starts_with("```") {
            in_block = line == "```console";
        }
        let Some(first) = line.strip_prefix("$ ").filter(|_| in_block) else {
            out += &format!("{line}\n");
            continue;
        };
        let mut command = first.to_owned();
        out += &format!("{line}\n");
        while command.ends_with('\\') {
            let next = lines.next().unwrap();
            out += &format!("{next}\n");
            command = format!("{command}\n{next}");
        }
        out += &perform(Passage::Command(&command));
        commands += 1;
        while lines
            .next_if(|line| !line.starts_with("$ ") && !line.starts_with("```"))
            .is_some()
        {}
    }
    assert!(commands > fewest, "{commands} commands");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, out).unwrap();
    } else {
        assert_eq!(
            out, readme,
            "UPDATE_EXPECT=1 writes what the commands print into {name}"
        );
    }
}
