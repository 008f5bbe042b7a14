//! `toolgate approvals`, `stop`, `resume`: what needs a console.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use toolgate_cli::command::console::{self, Act, Console, Options};
use toolgate_cli::command::{Outcome, Paint};

/// Which console, and who asks.
#[derive(Debug, Args)]
pub struct Desk {
    /// The console's address [default: TOOLGATE_CONSOLE]
    #[arg(long, value_name = "URL")]
    console: Option<String>,

    /// A file that holds your token [default: the token in TOOLGATE_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// The console's answer
    Json,
}

impl Desk {
    /// Does it there.
    pub fn act(self, act: Act) -> Outcome {
        let from = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let console = Console::find(
            self.console.or_else(|| from("TOOLGATE_CONSOLE")),
            self.token_file,
            from("TOOLGATE_TOKEN"),
        );
        match console {
            Ok(console) => console::run(&Options {
                console,
                act,
                json: self.format == Format::Json,
                paint: Paint::detect(),
            }),
            Err(outcome) => outcome,
        }
    }
}

/// Show and decide what waits for a person
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
    Approve(Approve),
    Reject(Reject),
}

/// Show what waits, the oldest first
#[derive(Debug, Args)]
struct List {
    /// Decided and expired ones too, as far as they are kept
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    desk: Desk,
}

/// Show one, whole
#[derive(Debug, Args)]
struct Show {
    /// Its id, as `list` shows it
    id: String,

    #[command(flatten)]
    desk: Desk,
}

/// Let the call go on, once
#[derive(Debug, Args)]
struct Approve {
    /// Its id, as `list` shows it
    id: String,

    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    desk: Desk,
}

/// Refuse the call; the agent is told why
#[derive(Debug, Args)]
struct Reject {
    /// Its id, as `list` shows it
    id: String,

    /// What the agent reads
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    desk: Desk,
}

const HELP: &str = "\
The console is a listener of the proxy, beside the gate's; envoy/approvals has one. The token is never an argument, for
those can be read by others: TOOLGATE_TOKEN or --token-file.

Exit codes: 0 done; 1 the console refused, and says why; 2 it cannot be reached, or an option is wrong.

Examples:
  export TOOLGATE_CONSOLE=http://127.0.0.1:10001
  read -rs TOOLGATE_TOKEN && export TOOLGATE_TOKEN
  toolgate approvals list
  toolgate approvals approve 17-0a1b2c3d4e5f6071 --reason 'agreed with Maria'
  toolgate approvals reject 17-0a1b2c3d4e5f6071 --reason 'ask for at most 100'
  toolgate approvals list --format json | jq -r '.approvals[].id'";

pub fn run(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::List(List { all, desk }) => desk.act(Act::List { all }),
        Command::Show(Show { id, desk }) => desk.act(Act::Show { id }),
        Command::Approve(Approve { id, reason, desk }) => desk.act(Act::Decide {
            id,
            approve: true,
            reason,
        }),
        Command::Reject(Reject { id, reason, desk }) => desk.act(Act::Decide {
            id,
            approve: false,
            reason: Some(reason),
        }),
    }
}

/// Refuse every call of every agent, from the next one on
#[derive(Debug, Args)]
#[command(after_help = STOP)]
pub struct Stop {
    #[command(flatten)]
    switch: Switch,
}

/// End a stop
#[derive(Debug, Args)]
#[command(after_help = RESUME)]
pub struct Resume {
    #[command(flatten)]
    switch: Switch,
}

#[derive(Debug, Args)]
struct Switch {
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Do not ask whether this is meant
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    desk: Desk,
}

const STOP: &str = "\
It takes effect on every worker, on calls that are held too. It outlives configuration updates, but no restart of the
proxy: `stopped: true` in the gate's configuration does.

Exit codes: 0 done; 1 the console refused, and says why; 2 it cannot be reached, or an option is wrong.

Examples:
  toolgate stop --reason 'the refund bot runs wild'
  toolgate stop --yes                                    in a script";

const RESUME: &str = "\
Exit codes: 0 done; 1 nothing was stopped; 2 the console cannot be reached, or an option is wrong.

Example:
  toolgate resume --yes --reason 'fixed in release 42'";

pub fn stop(arguments: Stop) -> Outcome {
    switch(arguments.switch, true)
}

pub fn resume(arguments: Resume) -> Outcome {
    switch(arguments.switch, false)
}

fn switch(switch: Switch, stop: bool) -> Outcome {
    let question = if stop {
        "Refuse every call of every agent?"
    } else {
        "Let calls through again?"
    };
    if let Err(outcome) = confirmed(switch.yes, question) {
        return outcome;
    }
    let reason = switch.reason;
    switch.desk.act(Act::Stop { stop, reason })
}

/// Asks at a terminal whether this is meant; elsewhere `--yes` has to say so.
pub fn confirmed(yes: bool, question: &str) -> Result<(), Outcome> {
    let refused = |errors: &str| {
        Err(Outcome {
            errors: errors.to_owned(),
            code: 2,
            ..Outcome::default()
        })
    };
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return refused("error: nobody can be asked whether this is meant; --yes says so\n");
    }
    let mut stderr = std::io::stderr();
    let mut answer = String::new();
    let asked = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let read = asked.and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    match read {
        Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
        _ => refused("nothing was done\n"),
    }
}
