//! `toolgate replay`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use toolgate_cli::command::replay::{self, Options};
use toolgate_cli::command::{Outcome, Paint};

/// Decide an audit file anew, by another policy: what would change?
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// The audit file: Envoy's access log, its log, or records
    #[arg(value_name = "AUDIT_FILE")]
    audit: PathBuf,

    /// The new policy, JSON or YAML
    #[arg(value_name = "POLICY")]
    policy: PathBuf,

    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON document
    Json,
}

const HELP: &str = "\
Arguments are in the file only where the policy that wrote it has `audit: {args: full}`. Without them decisions that
depend on arguments are unknown. Counters begin at zero and are charged in the order of time.
Exit codes: 0 nothing changes, 1 decisions change, 2 a file is wrong or cannot be read.

Examples:
  toolgate replay access.log policy.yaml
  toolgate replay --format json access.log policy.yaml | jq '.counts'";

pub fn run(arguments: Arguments) -> Outcome {
    replay::run(&Options {
        audit: arguments.audit,
        policy: arguments.policy,
        json: matches!(arguments.format, Format::Json),
        paint: Paint::detect(),
    })
}
