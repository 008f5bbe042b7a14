//! `toolgate check`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use toolgate_cli::command::check::{self, Options};
use toolgate_cli::command::{Outcome, Paint};

/// Validate policies, and hosts' files with policies in them; warn about what is legal but leaky
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Policies, Envoy's files, resources of Istio and Envoy Gateway; of a directory all of them below it
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Exit with 1 on warnings too
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON document
    Json,
}

const HELP: &str = "\
Exit codes: 0 valid, 1 errors (or warnings under --deny-warnings), 2 a file cannot be read.

Examples:
  toolgate check policy.yaml
  toolgate check envoy.yaml                      the policies in it, which routes are judged, what it may hold
  toolgate check --deny-warnings examples        in CI
  toolgate check --format json policy.yaml | jq '.files[].diagnostics'";

pub fn run(arguments: Arguments) -> Outcome {
    check::run(&Options {
        paths: arguments.paths,
        deny_warnings: arguments.deny_warnings,
        json: matches!(arguments.format, Format::Json),
        paint: Paint::detect(),
    })
}
