//! The demo: a real Envoy with the filter between a real MCP client and a real MCP server, and a script of calls whose
//! outcome is read from the wire on both sides.

mod approver;
pub mod client;
mod judge;
mod outcome;
mod print;
mod reply;
mod script;
mod setup;

pub use judge::Fault;
pub use outcome::{Row, Stage};
pub use script::{Act, Era, Expect, Step, steps};
pub use setup::{Policy, Setup};

use std::time::Duration;

use anyhow::Result;

/// Where `--serve` listens unless told otherwise.
pub const SERVE_PORT: u16 = 10000;

/// Runs the script once and prints what came of it. True: every row is as it has to be.
pub async fn run(policy: &Policy) -> Result<bool> {
    let setup = Setup::new(policy, None).await?;
    wait_out_midnight().await;
    let stage = setup.connect().await?;
    let steps = steps();
    print::heading(&setup, policy);
    let mut table = print::Table::new(&steps);
    for step in steps {
        let row = stage.run(&step).await?;
        table.row(step, row);
    }
    print::audit(&setup);
    print::stats(&setup)?;
    print::by_hand(&setup, None);
    Ok(table.verdict(policy))
}

/// Keeps the gate up for a client of the user's own, until Ctrl-C.
pub async fn serve(policy: &Policy, port: u16) -> Result<()> {
    let setup = Setup::new(policy, Some(port)).await?;
    print::serving(&setup, policy);
    print::by_hand(&setup, Some(setup.envoy.address()));
    std::future::pending().await
}

/// The script counts refunds of one UTC day, and must not run across its end.
async fn wait_out_midnight() {
    const DAY: u64 = 24 * 60 * 60;
    const SCRIPT: u64 = 20;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let left = DAY - now.map_or(0, |now| now.as_secs()) % DAY;
    if left <= SCRIPT {
        tokio::time::sleep(Duration::from_secs(left)).await;
    }
}
