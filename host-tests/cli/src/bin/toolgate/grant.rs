//! `toolgate grant`

use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use toolgate_cli::command::Outcome;
use toolgate_cli::command::console::Act;
use toolgate_cli::command::grant::{self, Options};

use crate::approvals::{Desk, confirmed};

/// Make bearer tokens for callers, and take them back
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  toolgate grant new --id payments-bot --policy engineer --expires 90d"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(New),
    Revoke(Change),
    Reinstate(Change),
}

/// At once, through the console
#[derive(Debug, Args)]
#[command(after_help = CHANGE)]
struct Change {
    /// The grant's id
    id: String,

    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Do not ask whether this is meant
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    desk: Desk,
}

const CHANGE: &str = "\
A revoked grant is turned away with its next call, on every worker. Revocation outlives configuration updates, but no
restart of the proxy: `revoked: true` in the grant's entry does.

Exit codes: 0 done; 1 the console refused, and says why; 2 it cannot be reached, or an option is wrong.

Example:
  toolgate grant revoke payments-bot --reason 'token seen in a log'";

/// Print a new token, once, and the entry of `grants` that knows it by its hash
#[derive(Debug, Args)]
#[command(after_help = HELP)]
struct New {
    /// Who it is for, in audit records and counters [default: made from the hash]
    #[arg(long)]
    id: Option<String>,

    /// A name for people
    #[arg(long)]
    label: Option<String>,

    /// One of `policies` [default: the inline policy]
    #[arg(long)]
    policy: Option<String>,

    /// A server it is good for; may be repeated [default: all]
    #[arg(long, value_name = "NAME")]
    server: Vec<String>,

    /// When it ends: a time in UTC, or a duration from now on [default: never]
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,

    /// One JSON object: {token, grant}
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
The token is 256 random bits. It is not stored: who loses it gets a new one.

Exit codes: 0 made, 2 an option is wrong.

Examples:
  toolgate grant new --id payments-bot --policy engineer --expires 90d
  toolgate grant new --id ci --label 'Release CI' --server payments --expires 2027-01-01T00:00:00Z
  toolgate grant new --json | jq -r .token | vault kv put secret/ci token=-

Prints:
  The token, shown this once. Give it to whom it is for; keep it nowhere else:

    tgk_…

  The entry under `grants`, which holds no secret:

  - id: \"payments-bot\"
    token_sha256: \"…\"
    policy: \"engineer\"
    expires: \"2027-01-01T00:00:00Z\"";

pub fn run(arguments: Arguments) -> Outcome {
    let new = match arguments.command {
        Command::New(new) => new,
        Command::Revoke(change) => return switch(change, true),
        Command::Reinstate(change) => return switch(change, false),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_nanos();
    grant::new(&Options {
        id: new.id,
        label: new.label,
        policy: new.policy,
        servers: new.server,
        expires: new.expires,
        now: u64::try_from(now).unwrap_or(u64::MAX),
        json: new.json,
    })
}

fn switch(change: Change, revoke: bool) -> Outcome {
    let word = if revoke { "Revoke" } else { "Reinstate" };
    if let Err(outcome) = confirmed(change.yes, &format!("{word} {:?}?", change.id)) {
        return outcome;
    }
    change.desk.act(Act::Grant {
        id: change.id,
        revoke,
        reason: change.reason,
    })
}
