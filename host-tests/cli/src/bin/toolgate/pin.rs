//! `toolgate pin`

use std::path::PathBuf;

use clap::Args;
use toolgate_cli::command::pin::{self, Mode, Options};
use toolgate_cli::command::{Outcome, Paint};

use crate::server::{How, Where};

/// Show what has changed in a server's tools since they were pinned
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    place: Where,

    #[command(flatten)]
    how: How,

    /// The pin file
    #[arg(long, value_name = "FILE", default_value = "pins.json")]
    file: PathBuf,

    /// Exit with 1 if anything has changed
    #[arg(long, conflicts_with = "write")]
    check: bool,

    /// Accept what the server has now: write the pin file
    #[arg(long)]
    write: bool,

    /// Print the `pins` of a policy: the gate then compares every list by itself
    #[arg(long, conflicts_with_all = ["check", "write"])]
    config: bool,

    /// With the schemas of arguments, which calls are held to
    #[arg(long, requires = "config")]
    schemas: bool,
}

const HELP: &str = "\
Name, title, description, schemas and annotations are pinned: all that a model acts on. `+` is new, `-` is gone, `~` has
changed, with the old and the new value. Hidden characters are spelled out.

With --config nothing is compared but the pin file, if there is one: it must be as the server is now.

Exit codes: 0 shown, written, or unchanged; 1 changed, with --check; 2 the server or the file cannot be read, or is not as
the server, with --config.

Examples:
  toolgate pin http://127.0.0.1:3000/mcp --check         in CI, or every hour
  toolgate pin http://127.0.0.1:3000/mcp --write         after a look at the difference
  toolgate pin http://127.0.0.1:3000/mcp --config >> policy.yaml
                                                         the gate hides and denies what changes from now on
  toolgate pin --check -- npx -y @modelcontextprotocol/server-memory
                                                         a server that is a command";

pub fn run(arguments: Arguments) -> Outcome {
    let mode = match (arguments.check, arguments.write, arguments.config) {
        (true, ..) => Mode::Check,
        (_, true, _) => Mode::Write,
        (.., true) => Mode::Config {
            schemas: arguments.schemas,
        },
        _ => Mode::Show,
    };
    let server = match arguments.how.server(arguments.place) {
        Ok(server) => server,
        Err(outcome) => return outcome,
    };
    pin::run(&Options {
        server,
        file: arguments.file,
        mode,
        paint: Paint::detect(),
    })
}
