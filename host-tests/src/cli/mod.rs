//! What the `toolgate` command does, without its argument parser: each subcommand is a module with options in and an
//! [`Outcome`] out, so that tests need no process.

pub mod check;
pub mod console;
mod diagnostic;
pub mod explain;
mod files;
pub mod grant;
pub mod init;
mod junit;
mod output;
pub mod pin;
pub mod render;
pub mod replay;
mod report;
pub mod scan;
pub mod schema;
mod tap;
mod terminal;
pub mod test;

pub use diagnostic::{Diagnostic, Severity};
pub use files::{POLICY_FILES, TEST_FILES, Unreadable, find};
pub use terminal::{Paint, Progress, print};

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

/// Nothing could be done: this is why.
fn failure(errors: impl Into<String>) -> Outcome {
    Outcome {
        errors: errors.into(),
        code: 2,
        ..Outcome::default()
    }
}
