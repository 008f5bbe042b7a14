//! `cargo wasm`: builds the filter and says where it is.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use toolgate_host::wasm::{self, Progress};

/// Build the filter, target/wasm32-wasip1/release/toolgate.wasm.
///
/// Adds the wasm32-wasip1 target to the Rust toolchain when it is missing (this needs rustup and a network).
#[derive(Parser)]
#[command(
    name = "cargo wasm",
    bin_name = "cargo wasm",
    after_help = "Example:\n  cargo wasm\n  cargo wasm -- --quiet   # prints the path alone"
)]
struct Options {
    /// Print only the path of the module.
    #[arg(short, long)]
    quiet: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let progress = if options.quiet {
        Progress::Quiet
    } else {
        Progress::Shown
    };
    let path = wasm::build(progress)?;
    if options.quiet {
        println!("{}", path.display());
        return Ok(());
    }
    let bytes = std::fs::metadata(&path)
        .with_context(|| format!("reading `{}`", path.display()))?
        .len();
    println!("{}  {} KiB", path.display(), bytes.div_ceil(1024));
    Ok(())
}
