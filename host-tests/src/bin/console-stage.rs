//! Serves the console without a proxy, for tests of its page: `console-stage [PORT]`. Prints one line of JSON, `{console,
//! control}`, and ends when its standard input does.

use std::io::Read as _;

use anyhow::Result;
use host_tests::console::Stage;

fn main() -> Result<()> {
    let port = std::env::args().nth(1).map(|port| port.parse());
    let port = port.transpose()?.unwrap_or(0);
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(Stage::new()?.serve(port, |console, control| {
        println!(r#"{{"console":"http://{console}","control":"http://{control}"}}"#);
    }))
}
