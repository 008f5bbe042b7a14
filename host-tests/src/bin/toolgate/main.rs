//! `toolgate`: policies before they are deployed. Thin over `host_tests::cli`; every subcommand is a file here and a
//! module there.

mod check;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use host_tests::cli;

/// Checks and tests Toolgate policies.
#[derive(Debug, Parser)]
#[command(name = "toolgate", version, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    Test(test::Arguments),
}

const EXAMPLES: &str = "\
Examples:
  toolgate check examples            is every policy below this directory valid?
  toolgate test examples/payments    does it decide what its tests say?

Each command has its own: `toolgate check --help`.";

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Check(arguments) => check::run(arguments),
        Command::Test(arguments) => test::run(arguments),
    };
    cli::print(&outcome);
    ExitCode::from(outcome.code)
}
