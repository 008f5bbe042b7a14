//! `toolgate pin`: is every tool still what somebody looked at?

use std::path::PathBuf;

use super::output::Files;
use super::scan::{Server, ask, plural};
use super::{Outcome, failure};
use crate::scan::{Change, PinError, Pins, drift};
use crate::terminal::Paint;

/// What to do about a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Show it.
    #[default]
    Show,
    /// Show it, and fail.
    Check,
    /// Show it, and write the file.
    Write,
    /// Print what a configuration has to say to have the gate compare.
    Config {
        /// With the schemas of arguments.
        schemas: bool,
    },
}

/// Which server, and against which file.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server.
    pub server: Server,
    /// The pin file.
    pub file: PathBuf,
    /// What to do.
    pub mode: Mode,
    /// Colours.
    pub paint: Paint,
}

/// Compares a server with a pin file.
pub fn run(options: &Options) -> Outcome {
    let file = options.file.display();
    let again = |shown: &str, flags: &str| {
        let flags = format!("--file {file} {flags}");
        options.server.again("pin", shown, flags.trim_end())
    };
    let pins = match (Pins::read(&options.file), options.mode) {
        (Ok(pins), _) => Some(pins),
        (Err(PinError::Io(error)), _) if error.kind() == std::io::ErrorKind::NotFound => None,
        // Written anew from the server, whatever it is now.
        (Err(PinError::Wrong(_)), Mode::Write) => None,
        (Err(error), _) => return failure(format!("error: cannot use `{file}`: {error}\n")),
    };
    if pins.is_none() && options.mode == Mode::Check {
        return failure(format!(
            "error: there is no `{file}` to check against: `{}` makes it\n",
            again(&options.server.shown(), "--write")
        ));
    }
    let scan = match ask(&options.server) {
        Ok(scan) => scan,
        Err(error) => return failure(format!("error: {error:#}\n")),
    };
    let changes = drift(&pins.clone().unwrap_or_default(), &scan);
    if let Mode::Config { schemas } = options.mode {
        if pins.is_some() && !changes.is_empty() {
            return failure(format!(
                "error: the server is not as {file} has it ({}): `{}` shows the difference, \
                 with `--write` it is accepted\n",
                count(&changes),
                again(&scan.url, ""),
            ));
        }
        return Outcome {
            output: crate::scan::pins_block(&scan, schemas),
            ..Outcome::default()
        };
    }
    let mut output: String = changes
        .iter()
        .map(|change| change.text(options.paint))
        .collect();
    let tools = plural(scan.tools.len(), "tool");
    if changes.is_empty() {
        output.push_str(&format!("{tools}, nothing has changed since {file}\n"));
    } else {
        output.push_str(&format!("\n{}\n", count(&changes)));
    }
    if options.mode != Mode::Write {
        if !changes.is_empty() {
            output.push_str(&format!("`{}` accepts this\n", again(&scan.url, "--write")));
        }
        let code = u8::from(options.mode == Mode::Check && !changes.is_empty());
        return Outcome {
            output,
            code,
            ..Outcome::default()
        };
    }
    let mut files = Files::default();
    files.add(&options.file, Pins::of(&scan).to_json());
    if let Err(message) = files.write() {
        return failure(message);
    }
    output.push_str(&format!("{tools} pinned in {file}\n"));
    Outcome {
        output,
        ..Outcome::default()
    }
}

fn count(changes: &[Change]) -> String {
    let of = |wanted: fn(&Change) -> bool| changes.iter().filter(|change| wanted(change)).count();
    format!(
        "{} added, {} removed, {} changed",
        of(|change| matches!(change, Change::Added(_))),
        of(|change| matches!(change, Change::Removed(_))),
        of(|change| matches!(change, Change::Changed { .. })),
    )
}
