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

    /// Copy the policy that is ready for this well-known server, such as `slack`; `--from list` prints their names
    #[arg(long, value_name = "NAME", conflicts_with_all = ["source", "only", "start", "environment"])]
    from: Option<String>,

    /// Only the server of this name in the list
    #[arg(long, value_name = "NAME")]
    only: Option<String>,

    #[command(flatten)]
    how: How,

    /// Start the servers of the list that are commands (stdio), with your rights, to ask for their tools
    #[arg(long)]
    start: bool,

    /// A variable for the command, from this environment (NAME) or as it is (NAME=VALUE), beside those of the list; may be
    /// repeated
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    environment: Vec<String>,

    /// Where to write; of several servers each gets a directory in it
    #[arg(long, value_name = "DIR", default_value = "toolgate")]
    out: PathBuf,

    /// The filter's file; by default TOOLGATE_WASM, else the one that `cargo wasm` builds
    #[arg(long, value_name = "PATH")]
    wasm: Option<PathBuf>,

    /// Where the first gate listens; further ones on the ports after it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:10000")]
    listen: SocketAddr,

    /// Where the bridge to the first command will listen; further ones on the ports after it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3100")]
    bridge: SocketAddr,

    /// Overwrite what is there
    #[arg(long)]
    force: bool,
}

const HELP: &str = "\
Each server that speaks HTTP is scanned as `toolgate scan` does. Headers of the list are sent to their own server, with
${env:NAME} and ${NAME} filled in from the environment, and are written to no file.

Servers that are commands (stdio) are skipped, unless --start says to run them: a list from somebody else runs what they
wrote. A command gets the variables of its entry and of --env, PATH and HOME. For such a server the gate's upstream is a
bridge to it, at --bridge; the output has its command line.

Exit codes: 0 written, 2 at least one server was not.

Examples:
  toolgate init                                          without a server
  toolgate init --from slack --out slack                 a policy that is ready
  toolgate init http://127.0.0.1:3000/mcp --out gate
  toolgate init ~/.cursor/mcp.json --start --out gate
  toolgate init .vscode/mcp.json --only github --header \"Authorization: Bearer $TOKEN\"";

pub fn run(arguments: Arguments) -> Outcome {
    init::run(&Options {
        source: arguments.source,
        from: arguments.from,
        only: arguments.only,
        era: arguments.how.era(),
        patience: arguments.how.patience(),
        headers: arguments.how.headers,
        start: arguments.start,
        environment: arguments.environment,
        out: arguments.out,
        wasm: arguments.wasm,
        listen: arguments.listen,
        bridge: arguments.bridge,
        force: arguments.force,
        paint: Paint::detect(),
    })
}
