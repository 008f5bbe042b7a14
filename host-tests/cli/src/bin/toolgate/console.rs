//! `toolgate console`

use clap::{Args, Subcommand};
use toolgate_cli::command::Outcome;
use toolgate_cli::command::console::{Approver, token};

/// Make tokens for people who use a console
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  toolgate console token --id ana --group finance")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Token(Token),
}

/// Print a new token, once, and the entry of `console.approvers` that knows it by its hash
#[derive(Debug, Args)]
#[command(after_help = HELP)]
struct Token {
    /// Whose it is: the name in records
    #[arg(long)]
    id: String,

    /// A group that rules name under `approvers`; may be repeated
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,

    /// The id of a grant of this person's own, whose calls others approve; may be repeated
    #[arg(long, value_name = "ID")]
    grant: Vec<String>,

    /// One JSON object: {token, approver}
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
The token is 256 random bits. It is not stored: who loses it gets a new one.

Exit codes: 0 made, 2 an option is wrong.

Examples:
  toolgate console token --id ana --group finance --grant ana-laptop
  toolgate console token --id ana --json | jq -r .token | vault kv put secret/ana token=-";

pub fn run(arguments: Arguments) -> Outcome {
    let Command::Token(options) = arguments.command;
    token(&Approver {
        id: options.id,
        groups: options.group,
        grants: options.grant,
        json: options.json,
    })
}
