//! `toolgate init`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use toolgate_cli::command::init::{self, Options};
use toolgate_cli::command::{Outcome, Paint};

use crate::server::How;

/// Write a complete starting set: policy, pins, tests and an Envoy configuration
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// A client's list of servers (`mcpServers` of Claude Desktop or Cursor, `servers` of VS Code), or a server's URL.
    /// Without it: the quickstart policy and its tests
    source: Option<String>,

    /// Only the server of this name in the list
    #[arg(long, value_name = "NAME")]
    only: Option<String>,

    #[command(flatten)]
    how: How,

    /// Where to write; of several servers each gets a directory in it
    #[arg(long, value_name = "DIR", default_value = "toolgate")]
    out: PathBuf,

    /// The filter's file; by default TOOLGATE_WASM, else the one that `cargo wasm` builds
    #[arg(long, value_name = "PATH")]
    wasm: Option<PathBuf>,

    /// Where the first gate listens; further ones on the ports after it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:10000")]
    listen: SocketAddr,

    /// Overwrite what is there
    #[arg(long)]
    force: bool,
}

const HELP: &str = "\
Each server that speaks HTTP is scanned as `toolgate scan` does. Headers of the list are sent to their own server, with
${env:NAME} and ${NAME} filled in from the environment, and are written to no file. Servers that are started as a command
(stdio) are skipped, with what to do about it.

Exit codes: 0 written, 2 at least one server was not.

Examples:
  toolgate init                                          without a server
  toolgate init http://127.0.0.1:3000/mcp --out gate
  toolgate init ~/.cursor/mcp.json --out gate
  toolgate init .vscode/mcp.json --only github --header \"Authorization: Bearer $TOKEN\"";

pub fn run(arguments: Arguments) -> Outcome {
    init::run(&Options {
        source: arguments.source,
        only: arguments.only,
        era: arguments.how.era(),
        patience: arguments.how.patience(),
        headers: arguments.how.headers,
        out: arguments.out,
        wasm: arguments.wasm,
        listen: arguments.listen,
        force: arguments.force,
        paint: Paint::detect(),
    })
}
