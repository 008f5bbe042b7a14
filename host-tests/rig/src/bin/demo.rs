//! `cargo demo`: shows on a real Envoy what the gate allows, hides, denies and limits, and proves it from both sides.

use std::process::ExitCode;

use clap::Parser;
use toolgate_rig::demo::{self, Policy, SERVE_PORT};

/// Runs a real MCP client against a real MCP server through Envoy with Toolgate, and shows what comes of each call.
///
/// Builds the filter and fetches Envoy on first use. Exits with 0 if every row is as it has to be, with 1 if one is not,
/// and with 2 if something could not be started.
#[derive(Debug, Parser)]
#[command(name = "cargo demo --", bin_name = "cargo demo --", after_help = EXAMPLES)]
struct Arguments {
    /// The policy: a JSON or YAML file, or `allow-all` to see the script fail [default: examples/quickstart/policy.json]
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,

    /// Keep the gate up for an MCP client of your own, until Ctrl-C
    #[arg(long)]
    serve: bool,

    /// Where `--serve` listens on 127.0.0.1; 0 picks a free port
    #[arg(long, value_name = "PORT", default_value_t = SERVE_PORT, requires = "serve")]
    port: u16,
}

const EXAMPLES: &str = "\
Examples:
  cargo demo                               the whole script
  cargo demo -- --policy allow-all         what is not enforced without a policy
  cargo demo -- --policy my-policy.yaml    the same calls under your own policy
  cargo demo -- --serve                    keep it up and connect your own MCP client

TOOLGATE_ENVOY names an Envoy binary to use instead of fetching one.";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let policy = match Policy::load(arguments.policy.as_deref()) {
        Ok(policy) => policy,
        Err(error) => return failed(&error),
    };
    let demo = async {
        if arguments.serve {
            demo::serve(&policy, arguments.port).await.map(|()| true)
        } else {
            demo::run(&policy).await
        }
    };
    // Leaving the demo by either way drops it, and with it the processes it started.
    tokio::select! {
        done = demo => match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => failed(&error),
        },
        _ = tokio::signal::ctrl_c() => {
            eprintln!("stopped");
            if arguments.serve { ExitCode::SUCCESS } else { ExitCode::from(130) }
        }
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::from(2)
}
