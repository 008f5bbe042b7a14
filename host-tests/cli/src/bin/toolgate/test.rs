//! `toolgate test`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use toolgate_cli::command::test::{self, Options};
use toolgate_cli::command::{Outcome, Paint};

/// Run policy tests through the same wasm that is deployed
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Test files; of a directory every tests.yaml, tests.yml and tests.json below it
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Run the engine itself, without a wasm runtime: quicker to start, not what is deployed
    #[arg(long, conflicts_with = "wasm")]
    native: bool,

    /// The wasm to run [default: TOOLGATE_WASM, else the one this command holds, else built from the sources]
    #[arg(long, value_name = "FILE")]
    wasm: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// JUnit XML, for CI servers
    Junit,
    /// TAP version 14
    Tap,
}

const HELP: &str = "\
Exit codes: 0 all cases hold, 1 a case fails, 2 a file is wrong or cannot be read.

Examples:
  toolgate test examples/payments
  toolgate test --format junit examples > toolgate.xml
  toolgate test --wasm toolgate.wasm tests.yaml     the very file you deploy

A test file:
  config: policy.yaml
  cases:
    - name: two refunds a day
      steps:
        - {call: {tool: create_refund, arguments: {amount: 40}}, repeat: 2, expect: allow}
        - {call: {tool: create_refund, arguments: {amount: 40}}, expect: deny, rule: /tools/create_refund/limits/refunds}";

pub fn run(arguments: Arguments) -> Outcome {
    let format = match arguments.format {
        Format::Text => test::Format::Text,
        Format::Json => test::Format::Json,
        Format::Junit => test::Format::Junit,
        Format::Tap => test::Format::Tap,
    };
    test::run(&Options {
        paths: arguments.paths,
        format,
        native: arguments.native,
        wasm: arguments.wasm,
        paint: Paint::detect(),
    })
}
