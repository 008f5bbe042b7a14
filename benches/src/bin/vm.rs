//! The filter in a wasm host: instructions per call, and linear memory as calls go by.
//!
//! Instructions (wasmtime's fuel) are the same on every machine and in every run, so they tell a change of a percent that
//! no clock here would. They are not time: a copy of 64 KiB is one of them.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use benches::input;
use clap::Parser;
use toolgate_host::wasm;
use toolgate_host::{Message, Module, Vm, VmOptions};

/// Instructions and memory of the filter, without an Envoy.
///
/// Example: cargo run -p benches --release --bin vm -- --requests 1000000
#[derive(Debug, Parser)]
#[command(name = "vm")]
struct Arguments {
    /// Calls of 300 bytes, every hundredth one of 64 KiB.
    #[arg(long, default_value_t = 20_000)]
    requests: u32,
    /// Rules on the tool that is called.
    #[arg(long, default_value_t = 20)]
    rules: usize,
    /// Builds to look at; without any, the current one.
    files: Vec<PathBuf>,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.files.is_empty() {
        arguments.files.push(wasm::artifact()?);
    }
    let policy = input::policy(20, arguments.rules);
    for file in &arguments.files {
        let module = Module::from_file(file)?;
        let vm = Vm::configured(&module, VmOptions::default(), policy.as_bytes())?;
        println!("{}: {} bytes", file.display(), file.metadata()?.len());
        for size in [300, 65_536] {
            // The first call finds no counter yet.
            fuel(&vm, size)?;
            println!(
                "  {size:>6} bytes: {:>8} instructions per call",
                fuel(&vm, size)?
            );
        }
        println!("  {:>8} calls: {} KiB", 4, vm.memory_bytes() >> 10);
        for call in 1..=arguments.requests {
            fuel(&vm, if call % 100 == 0 { 65_536 } else { 300 })?;
            if call % 100_000 == 0 || call == arguments.requests {
                println!("  {call:>8} calls: {} KiB", vm.memory_bytes() >> 10);
            }
        }
    }
    Ok(())
}

/// Instructions of one call that is forwarded and answered.
fn fuel(vm: &Vm, size: usize) -> Result<u64> {
    let before = vm.fuel_used();
    let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"done"}]}}"#;
    let exchange = vm.exchange(
        &Message::post("/mcp", input::call(size)),
        Message::response(200, "application/json", answer),
    );
    ensure!(exchange.forwarded(), "the call was refused: {exchange:?}");
    vm.take_logs();
    Ok(vm.fuel_used() - before)
}
