//! `toolgate scan`

use std::path::PathBuf;

use clap::Args;
use toolgate_cli::command::scan::{self, Options};
use toolgate_cli::command::{Outcome, Paint};

use crate::server::How;

/// Ask a live MCP server for its tools; write a starting policy and a pin file
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// The server's MCP endpoint
    url: String,

    #[command(flatten)]
    how: How,

    /// Where to write policy.yaml and pins.json
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,

    /// Overwrite what is there
    #[arg(long)]
    force: bool,
}

const HELP: &str = "\
The policy groups the tools by risk, from their annotations and names: what only reads is allowed, what destroys is
hidden, what writes, executes or moves money is there as a comment with what has to be decided. Everything else is denied.

Exit codes: 0 written, 2 not.

Examples:
  toolgate scan http://127.0.0.1:3000/mcp
  toolgate scan https://mcp.example.com/mcp --header \"Authorization: Bearer $TOKEN\" --out policies/example";

pub fn run(arguments: Arguments) -> Outcome {
    scan::run(&Options {
        server: arguments.how.server(arguments.url),
        out: arguments.out,
        force: arguments.force,
        paint: Paint::detect(),
    })
}
