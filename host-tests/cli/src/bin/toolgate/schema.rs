//! `toolgate schema`

use clap::Args;
use toolgate_cli::command::{Outcome, schema};

/// Print the JSON Schema of the configuration, for editors
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {}

const HELP: &str = "\
Example:
  toolgate schema > toolgate.schema.json

and in a policy, for editors with a YAML language server:
  # yaml-language-server: $schema=toolgate.schema.json";

pub fn run(_: Arguments) -> Outcome {
    schema::run()
}
