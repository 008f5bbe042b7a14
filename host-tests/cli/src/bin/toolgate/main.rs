//! `toolgate`: policies before they are deployed, and people who decide. Thin over `toolgate_cli::command`; every subcommand is a file here and a
//! module there.

mod approvals;
mod check;
mod console;
mod explain;
mod grant;
mod image;
mod init;
mod pin;
mod render;
mod replay;
mod scan;
mod schema;
mod server;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use toolgate_cli::command;

/// Checks and tests Toolgate policies, and works a console.
#[derive(Debug, Parser)]
#[command(name = "toolgate", version, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Arguments),
    Scan(scan::Arguments),
    Pin(pin::Arguments),
    Check(check::Arguments),
    Explain(explain::Arguments),
    Grant(grant::Arguments),
    Console(console::Arguments),
    Approvals(approvals::Arguments),
    Stop(approvals::Stop),
    Resume(approvals::Resume),
    Render(render::Arguments),
    Image(image::Arguments),
    Test(test::Arguments),
    Replay(replay::Arguments),
    Schema(schema::Arguments),
}

const EXAMPLES: &str = "\
Examples:
  toolgate init http://127.0.0.1:3000/mcp        a starting set for this server: policy, tests, Envoy
  toolgate check examples            is every policy below this directory valid?
  toolgate test examples/refund-caps    does it decide what its tests say?
  toolgate explain policy.yaml --tool create_refund --args '{\"amount\": 150}'
  toolgate replay access.log new-policy.yaml
  toolgate approvals list                what waits for a person?

Each command has its own: `toolgate check --help`.";

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Init(arguments) => init::run(arguments),
        Command::Scan(arguments) => scan::run(arguments),
        Command::Pin(arguments) => pin::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Grant(arguments) => grant::run(arguments),
        Command::Console(arguments) => console::run(arguments),
        Command::Approvals(arguments) => approvals::run(arguments),
        Command::Stop(arguments) => approvals::stop(arguments),
        Command::Resume(arguments) => approvals::resume(arguments),
        Command::Render(arguments) => render::run(arguments),
        Command::Image(arguments) => image::run(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Schema(arguments) => schema::run(arguments),
    };
    command::print(&outcome);
    ExitCode::from(outcome.code)
}
