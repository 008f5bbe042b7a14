//! The filter in a wasm host: instructions of the standard exchanges, where they go, and memory as calls go by.
//!
//! Instructions (wasmtime's fuel) are the same on every machine and in every run, so they tell a change of a percent that
//! no clock here would. They are not time: host calls count as one, and each byte that is copied counts like an
//! instruction.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use benches::standard::{Exchange, exchanges};
use benches::{grants, input};
use clap::{Parser, Subcommand};
use toolgate_host::profile::{Count, Function, Path, Profile};
use toolgate_host::wasm;
use toolgate_host::{Message, Module, Vm, VmOptions};

const DONE: &str =
    r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"done"}]}}"#;

/// Instructions and memory of the filter, without an Envoy.
///
/// Example: cargo run -p benches --bin vm -- profile allow-300
#[derive(Debug, Parser)]
#[command(name = "vm")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Instructions of each standard exchange.
    Counts {
        /// Builds to compare; without any, the current one.
        files: Vec<PathBuf>,
    },
    /// Where the instructions of an exchange go, function by function: exact, not sampled.
    Profile {
        /// The standard exchange, by the name it has in `counts`.
        exchange: String,
        /// How many functions to show.
        #[arg(long, default_value_t = 40)]
        top: usize,
        /// Sorts by what a function executed with all it called, not by itself.
        #[arg(long)]
        total: bool,
        /// Shows who called the functions with this in their name, and what they executed for whom.
        #[arg(long, value_name = "TEXT")]
        callers: Option<String>,
        /// Also writes every chain of calls, one a line, as flame graph tools read it.
        #[arg(long, value_name = "FILE")]
        folded: Option<PathBuf>,
        /// Another build, with names; without it, the current one.
        #[arg(long, value_name = "FILE")]
        wasm: Option<PathBuf>,
    },
    /// Instructions and memory beside small and large policies.
    Growth,
    /// Linear memory as calls go by, every hundredth one of 64 KiB.
    Memory {
        #[arg(long, default_value_t = 20_000)]
        requests: u32,
        /// Builds to look at; without any, the current one.
        files: Vec<PathBuf>,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Counts { files } => counts(&or_current(files)?),
        Command::Growth => growth(),
        Command::Memory { requests, files } => memory(requests, &or_current(files)?),
        Command::Profile {
            exchange,
            top,
            total,
            callers,
            folded,
            wasm,
        } => {
            let wasm = wasm.map_or_else(wasm::with_names, Ok)?;
            let profiled = Profiled::of(&Exchange::named(&exchange)?, &wasm)?;
            if let Some(file) = folded {
                std::fs::write(&file, profiled.folded())
                    .with_context(|| format!("writing `{}`", file.display()))?;
            }
            match callers {
                Some(text) => profiled.print_callers(&text),
                None => profiled.print(top, total),
            }
            Ok(())
        }
    }
}

fn or_current(mut files: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    if files.is_empty() {
        files.push(wasm::artifact()?);
    }
    Ok(files)
}

fn counts(files: &[PathBuf]) -> Result<()> {
    let modules: Vec<Module> = files
        .iter()
        .map(Module::from_file)
        .collect::<Result<_, _>>()?;
    for (index, file) in files.iter().enumerate() {
        let size = file.metadata()?.len();
        println!("{}: {} ({size} bytes)", index + 1, file.display());
    }
    for exchange in exchanges() {
        let mut line = format!("{:<14}", exchange.name);
        let mut first = None;
        for module in &modules {
            let count = exchange.count(module)?;
            let first = *first.get_or_insert(count);
            let _infallible = write!(line, " {count:>10} {:>6.3}", count as f64 / first as f64);
        }
        println!("{line}  {}", exchange.about);
    }
    Ok(())
}

/// One exchange, counted twice: with and without the bytes that copies move.
struct Profiled {
    name: &'static str,
    functions: Vec<Function>,
    paths: Vec<Path>,
    /// Instructions alone, by function.
    instructions: HashMap<String, u64>,
    totals: [u64; 2],
}

impl Profiled {
    fn of(exchange: &Exchange, wasm: &std::path::Path) -> Result<Self> {
        let bytes = std::fs::read(wasm).with_context(|| format!("reading `{}`", wasm.display()))?;
        let count = |count: Count| -> Result<Profile> {
            let (module, profile) = Module::profiled(&bytes, count)?;
            let vm = exchange.warm(&module)?;
            profile.reset();
            exchange.run(&vm)?;
            Ok(profile)
        };
        let (all, alone) = (count(Count::WithBytesMoved)?, count(Count::Instructions)?);
        let mut instructions = HashMap::new();
        for function in alone.functions() {
            *instructions.entry(function.name).or_insert(0) += function.own;
        }
        // A profile that does not add up explains nothing.
        let plain = exchange.count(&Module::from_bytes(&bytes)?)?;
        ensure!(
            all.total() == plain,
            "the profile has {} of {plain} instructions",
            all.total()
        );
        Ok(Self {
            name: exchange.name,
            functions: all.functions(),
            paths: all.paths(),
            instructions,
            totals: [all.total(), alone.total()],
        })
    }

    fn print(&self, top: usize, by_total: bool) {
        let [all, alone] = self.totals;
        println!(
            "{}: {all}, of which {alone} instructions and {} bytes copied or filled\n",
            self.name,
            all - alone
        );
        println!(
            "{:>9} {:>6} {:>9} {:>6} {:>9} {:>7}  function",
            "own", "%", "total", "%", "moved", "calls"
        );
        let mut functions: Vec<&Function> = self.functions.iter().collect();
        if by_total {
            functions.sort_by_key(|function| std::cmp::Reverse(function.total));
        }
        for function in functions.iter().take(top) {
            let alone = self.instructions.get(&function.name).copied();
            println!(
                "{:>9} {:>6.2} {:>9} {:>6.2} {:>9} {:>7}  {}",
                function.own,
                percent(function.own, all),
                function.total,
                percent(function.total, all),
                function.own.saturating_sub(alone.unwrap_or(function.own)),
                function.calls,
                function.name
            );
        }
    }

    /// What functions with this in their name executed, by the four that called them.
    fn print_callers(&self, text: &str) {
        const CALLERS: usize = 4;
        let mut by_chain: HashMap<String, u64> = HashMap::new();
        for path in &self.paths {
            let functions = &path.functions;
            let Some(at) = functions.iter().position(|name| name.contains(text)) else {
                continue;
            };
            let chain = functions.get(at.saturating_sub(CALLERS)..=at);
            let chain = chain.unwrap_or_default().join(" > ");
            *by_chain.entry(chain).or_insert(0) += path.own;
        }
        let mut chains: Vec<(String, u64)> = by_chain.into_iter().collect();
        chains.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        for (chain, own) in chains {
            println!("{own:>9} {:>6.2} %  {chain}", percent(own, self.totals[0]));
        }
    }

    fn folded(&self) -> String {
        let mut out = String::new();
        for path in &self.paths {
            let _infallible = writeln!(out, "{} {}", path.functions.join(";"), path.own);
        }
        out
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn memory(requests: u32, files: &[PathBuf]) -> Result<()> {
    let policy = input::policy(20, 20);
    for file in files {
        let module = Module::from_file(file)?;
        let vm = Vm::configured(&module, VmOptions::default(), policy.as_bytes())?;
        println!("{}", file.display());
        for call in 1..=requests {
            let body = input::call(if call % 100 == 0 { 65_536 } else { 300 });
            let reply = Message::response(200, "application/json", DONE);
            let exchange = vm.exchange(&Message::post("/mcp", body), reply);
            ensure!(exchange.forwarded(), "the call was refused: {exchange:?}");
            vm.take_logs();
            if call == 100 || call % 100_000 == 0 || call == requests {
                println!("  {call:>8} calls: {} KiB", vm.memory_bytes() >> 10);
            }
        }
    }
    Ok(())
}

/// A call beside few and many tools and grants: what it executes, what reading the policy executes, and what it keeps.
fn growth() -> Result<()> {
    let module = Module::from_file(wasm::artifact()?)?;
    let token = grants::token(5);
    let policies = [
        ("10 tools", input::policy(10, 20)),
        ("10,000 tools", input::policy(10_000, 20)),
        ("10 grants", grants::policy(10)),
        ("100,000 grants", grants::policy(100_000)),
    ];
    println!("| | policy, KiB | to read it | a call | linear memory, MiB |\n|---|---|---|---|---|");
    for (name, policy) in policies {
        let vm = Vm::configured(&module, VmOptions::default(), policy.as_bytes())?;
        let read = vm.fuel_used();
        let call = || -> Result<u64> {
            let before = vm.fuel_used();
            let reply = Message::response(200, "application/json", DONE);
            let mut request = Message::post("/mcp", input::call(300));
            if name.ends_with("grants") {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let exchange = vm.exchange(&request, reply);
            ensure!(exchange.forwarded(), "the call was refused: {exchange:?}");
            Ok(vm.fuel_used() - before)
        };
        // The first call finds no counter yet.
        call()?;
        let count = call()?;
        println!(
            "| {name} | {} | {read} | {count} | {:.1} |",
            policy.len() >> 10,
            vm.memory_bytes() as f64 / f64::from(1 << 20)
        );
    }
    Ok(())
}
