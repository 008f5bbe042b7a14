//! What tests of the console's page stand on; ends when its standard input does.
//!
//! `console-stage` serves a console without a proxy and prints `{console, control}`, one line of JSON.
//! `console-stage --proxy` starts a real proxy with a gate and a console, prints `{console, gate}`, and answers each further
//! line of input with `{calls}`: how many calls the server behind the gate has had.

use std::io::{BufRead as _, stdin};

use anyhow::{Context as _, Result};
use serde_json::json;
use toolgate_rig::stage::{Proxy, Stage};

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    if std::env::args().any(|argument| argument == "--proxy") {
        let proxy = runtime.block_on(runtime.spawn(Proxy::start()))??;
        let (gate, console) = proxy.addresses().context("the proxy has two listeners")?;
        let (gate, console) = (format!("http://{gate}/mcp"), format!("http://{console}"));
        println!("{}", json!({"console": console, "gate": gate}));
        for line in stdin().lock().lines() {
            line?;
            println!("{}", json!({"calls": proxy.calls()}));
        }
        return Ok(());
    }
    let stage = Stage::new()?;
    runtime.spawn(stage.serve(|console, control| {
        let (console, control) = (format!("http://{console}"), format!("http://{control}"));
        println!("{}", json!({"console": console, "control": control}));
    }));
    for line in stdin().lock().lines() {
        line?;
    }
    Ok(())
}
