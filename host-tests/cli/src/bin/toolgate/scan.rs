//! `toolgate scan`

use std::path::PathBuf;

use clap::Args;
use toolgate_cli::command::scan::{self, Options};
use toolgate_cli::command::{Outcome, Paint};

use crate::server::{How, Where};

/// Ask a live MCP server for its tools; write a starting policy and a pin file
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    place: Where,

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

A command is started with your rights, asked, and ended with all it started. Of your environment it gets PATH, HOME and what
--env names. Its arguments and variables are written to no file.

Exit codes: 0 written, 2 not.

Examples:
  toolgate scan http://127.0.0.1:3000/mcp
  toolgate scan https://mcp.example.com/mcp --header \"Authorization: Bearer $TOKEN\" --out policies/example
  toolgate scan --env GITHUB_PERSONAL_ACCESS_TOKEN -- npx -y @modelcontextprotocol/server-github";

pub fn run(arguments: Arguments) -> Outcome {
    let server = match arguments.how.server(arguments.place) {
        Ok(server) => server,
        Err(outcome) => return outcome,
    };
    scan::run(&Options {
        server,
        out: arguments.out,
        force: arguments.force,
        paint: Paint::detect(),
    })
}
