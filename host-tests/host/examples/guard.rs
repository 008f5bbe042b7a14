//! A filter in a proxy, without a proxy: `cargo run -p toolgate-host --example guard [FILTER.wasm]`.
//!
//! Without a file it runs `guard.wat`, which lets nobody in who has no key.

use toolgate_host::{Message, Module, Vm, VmOptions};

fn main() -> anyhow::Result<()> {
    let module = match std::env::args_os().nth(1) {
        Some(path) => Module::from_file(path)?,
        None => Module::from_bytes(&wat::parse_str(include_str!("guard.wat"))?)?,
    };
    // One worker. Workers that share data, a clock, stats and faults are started with clones of one `VmOptions`.
    let vm = Vm::configured(&module, VmOptions::default(), b"")?;
    let requests = [
        ("without a key", Message::get("/")),
        ("with one", Message::get("/").with("x-key", "secret")),
    ];
    for (name, request) in requests {
        let exchange = vm.exchange(&request, Message::response(200, "text/plain", "hello"));
        println!(
            "{name}: {:?}, upstream reached: {}, client got {} `{}`",
            exchange.outcome,
            exchange.forwarded(),
            exchange.downstream.headers.status(),
            exchange.downstream.text(),
        );
        for line in &exchange.logs {
            println!("  {line:?}");
        }
    }
    Ok(())
}
