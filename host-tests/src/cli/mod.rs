//! What the `toolgate` command does, without its argument parser: each subcommand is a module with options in and an
//! [`Outcome`] out, so that tests need no process.

pub mod check;
mod diagnostic;
mod files;
mod junit;
mod report;
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
