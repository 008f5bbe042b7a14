//! What the `toolgate` command does, without its argument parser: each subcommand is a module with options in and an
//! [`Outcome`] out, so that tests need no process.

pub mod check;
pub mod console;
mod diagnostic;
pub mod explain;
pub mod grant;
pub mod image;
pub mod init;
mod junit;
mod library;
mod output;
pub mod pin;
pub mod render;
pub mod replay;
mod report;
pub mod scan;
pub mod schema;
mod tap;
pub mod test;

pub use crate::terminal::{Paint, Progress};
pub use diagnostic::{Diagnostic, Severity};
pub use toolgate_document::{POLICY_FILES, TEST_FILES, Unreadable, find};

use std::io::{IsTerminal as _, Write as _};

use crate::terminal::fit;

/// What a subcommand leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// For stdout.
    pub output: String,
    /// For stderr.
    pub errors: String,
    /// The exit code: 0 all is well, 1 something is wrong with what was looked at, 2 it could not be looked at.
    pub code: u8,
}

/// Writes to stdout and stderr. A reader that has gone, such as `head`, is no error.
pub fn print(outcome: &Outcome) {
    let (mut stdout, mut stderr) = (std::io::stdout(), std::io::stderr());
    let output = fit(&outcome.output, stdout.is_terminal());
    let errors = fit(&outcome.errors, stderr.is_terminal());
    let _gone = stdout.write_all(output.as_bytes());
    let _gone = stderr.write_all(errors.as_bytes());
}

/// Nothing could be done: this is why.
fn failure(errors: impl Into<String>) -> Outcome {
    Outcome {
        errors: errors.into(),
        code: 2,
        ..Outcome::default()
    }
}
