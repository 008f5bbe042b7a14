//! The standard exchanges: what is counted, compared with the repository, and profiled.
//!
//! Each runs in a VM of its own with the policy it needs, a few times before it is counted, so that counters exist and
//! memory has grown. Everything they see is the same in every run, the clock and random numbers included.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolgate_engine::approvals::{self, Approver, State};
use toolgate_engine::time::Timestamp;
use toolgate_host::{Message, Module, Outcome, Stream, Vm, VmOptions};
use toolgate_rig::stage::Shelf;

use crate::{TOOL, headers, input};

/// How often an exchange runs before it is counted.
const WARM_UP: usize = 5;
/// Large bodies arrive in pieces of this many bytes, which is what Envoy reads at once.
const PIECE: usize = 16 * 1024;

const RESULT: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"issue 42 was created"}],"isError":false}}"#;
const JSON: &str = "application/json";

/// One exchange that everybody can repeat.
pub struct Exchange {
    /// What it is called, in tables and on the command line.
    pub name: &'static str,
    /// What happens in it.
    pub about: &'static str,
    policy: String,
    run: fn(&Vm) -> Result<()>,
}

/// All of them, in the order of the table.
pub fn exchanges() -> Vec<Exchange> {
    let rules = || input::policy(20, 20);
    let exchange = |name, about, policy, run: fn(&Vm) -> Result<()>| Exchange {
        name,
        about,
        policy,
        run,
    };
    vec![
        exchange(
            "allow-300",
            "a call of 300 bytes, 20 rules, a counter, a record",
            rules(),
            |vm| forwarded(vm, post(&input::call(300)), answer(RESULT)),
        ),
        exchange("allow-64k", "the same call with 64 KiB", rules(), |vm| {
            forwarded(vm, post(&input::call(65_536)), answer(RESULT))
        }),
        exchange("deny", "a call that the first rule refuses", rules(), deny),
        exchange(
            "list-20-json",
            "a list of 20 tools, half of them hidden",
            input::policy(10, 20),
            |vm| list(vm, 20, false),
        ),
        exchange(
            "list-200-json",
            "a list of 200 tools, half of them hidden",
            input::policy(100, 20),
            |vm| list(vm, 200, false),
        ),
        exchange(
            "list-20-sse",
            "the list of 20 as an event",
            input::policy(10, 20),
            |vm| list(vm, 20, true),
        ),
        exchange(
            "list-200-sse",
            "the list of 200 as an event",
            input::policy(100, 20),
            |vm| list(vm, 200, true),
        ),
        exchange(
            "redact-64k",
            "a result of 64 KiB, all detectors, something found every few KiB",
            input::redaction_policy(input::DETECTORS),
            redact,
        ),
        exchange(
            "batch-10",
            "ten calls of 300 bytes in one batch",
            rules(),
            batch,
        ),
        exchange(
            "get-100",
            "a GET stream of 100 events, one at a time",
            rules(),
            get_stream,
        ),
        exchange(
            "held",
            "a call that waits for a person, is approved and goes on",
            held_policy(),
            held,
        ),
    ]
}

impl Exchange {
    /// The exchange with this name; the error lists them.
    pub fn named(name: &str) -> Result<Self> {
        let all = exchanges();
        let names: Vec<&str> = all.iter().map(|exchange| exchange.name).collect();
        let names = names.join(", ");
        let found = all.into_iter().find(|exchange| exchange.name == name);
        found.with_context(|| format!("no exchange is called `{name}`; there are {names}"))
    }

    /// A VM in which it has run a few times.
    pub fn warm(&self, module: &Module) -> Result<Vm> {
        let vm = Vm::configured(module, VmOptions::default(), self.policy.as_bytes())?;
        for _ in 0..WARM_UP {
            self.run(&vm)?;
        }
        Ok(vm)
    }

    /// Runs it once. An outcome that it should not have is an error.
    pub fn run(&self, vm: &Vm) -> Result<()> {
        (self.run)(vm).with_context(|| self.name)?;
        vm.take_logs();
        Ok(())
    }

    /// Instructions of one run, in wasmtime's fuel: one for an instruction and for each byte that one copies or fills.
    pub fn count(&self, module: &Module) -> Result<u64> {
        let vm = self.warm(module)?;
        let before = vm.fuel_used();
        self.run(&vm)?;
        Ok(vm.fuel_used() - before)
    }
}

/// A `POST` with the headers that Envoy shows a filter.
fn post(body: &[u8]) -> Message {
    let mut message = Message::default();
    for (name, value) in headers(body.len()) {
        message = message.header(&String::from_utf8_lossy(&name), value);
    }
    message.body(vec![body.to_vec()]).chunked(PIECE)
}

fn answer(body: impl AsRef<[u8]>) -> Message {
    Message::response(200, JSON, body).chunked(PIECE)
}

fn forwarded(vm: &Vm, request: Message, reply: Message) -> Result<()> {
    let exchange = vm.exchange(&request, reply);
    ensure!(exchange.forwarded(), "not forwarded: {exchange:?}");
    ensure!(exchange.outcome == Outcome::Answered, "{exchange:?}");
    ensure!(exchange.downstream.status == 200, "{exchange:?}");
    Ok(())
}

fn deny(vm: &Vm) -> Result<()> {
    let exchange = vm.exchange(&post(&input::refused_call()), answer(RESULT));
    let text = exchange.downstream.text();
    ensure!(
        !exchange.forwarded() && text.contains("POLICY DENIED"),
        "{text}"
    );
    Ok(())
}

fn list(vm: &Vm, tools: usize, as_event: bool) -> Result<()> {
    let list = input::tools_list(tools);
    let reply = if as_event {
        let event = format!("event: message\ndata: {list}\n\n");
        Message::events(event.as_bytes().chunks(PIECE))
    } else {
        answer(list)
    };
    let call = br#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;
    let exchange = vm.exchange(&post(call), reply);
    let left = exchange
        .downstream
        .text()
        .matches("\"inputSchema\"")
        .count();
    ensure!(left == tools / 2, "{left} of {tools} tools are left");
    Ok(())
}

fn redact(vm: &Vm) -> Result<()> {
    let exchange = vm.exchange(&post(&input::call(300)), answer(input::result(65_536)));
    let text = exchange.downstream.text();
    ensure!(
        exchange.outcome == Outcome::Answered
            && !text.contains("4111 1111")
            && text.contains("order filters"),
        "{text}"
    );
    Ok(())
}

fn batch(vm: &Vm) -> Result<()> {
    let all = |one: &str, count: usize| {
        let members: Vec<String> = (0..count)
            .map(|id| one.replacen(r#""id":7"#, &format!(r#""id":{id}"#), 1))
            .collect();
        format!("[{}]", members.join(","))
    };
    let call = String::from_utf8(input::call(300))?;
    // The only version of the protocol that has batches.
    let request = post(all(&call, 10).as_bytes()).with("mcp-protocol-version", "2025-03-26");
    forwarded(vm, request, answer(all(RESULT, 10)))
}

fn get_stream(vm: &Vm) -> Result<()> {
    let mut request = Message::default();
    for (name, value) in headers(0) {
        request = match name.as_slice() {
            b"content-type" | b"content-length" => request,
            b":method" => request.header(":method", "GET"),
            name => request.header(&String::from_utf8_lossy(name), value),
        };
    }
    forwarded(vm, request, Message::events((0..100).map(input::event)))
}

fn held_policy() -> String {
    let mut policy: Value = serde_json::from_str(&input::policy(20, 20)).unwrap_or_default();
    policy["tools"][TOOL]["approval"] = json!({"timeout": "30m", "hold": "45s"});
    policy.to_string()
}

fn held(vm: &Vm) -> Result<()> {
    let stream = vm.stream();
    stream.send(&post(&input::call(300)));
    ensure!(
        stream.outcome() == Outcome::Hung,
        "not held: {:?}",
        stream.snapshot()
    );
    approve(vm)?;
    released(vm, &stream)?;
    stream.answer(answer(RESULT));
    let exchange = stream.done();
    ensure!(exchange.outcome == Outcome::Answered, "{exchange:?}");
    Ok(())
}

/// Somebody approves what waits.
fn approve(vm: &Vm) -> Result<()> {
    let now = Timestamp::from_nanos(vm.clock().nanos());
    let mut store = Shelf::new(vm.shared(), &VmOptions::default().vm_id);
    let all = approvals::list(&mut store, now).map_err(|_| anyhow::anyhow!("the store is lost"))?;
    let open = all.iter().find(|question| question.state == State::Pending);
    let question = open.context("nothing waits for a person")?;
    let by = Approver {
        id: "bob",
        groups: &[],
        own: &[],
    };
    let decided = approvals::decide(&mut store, now, &question.id, true, &by, "agreed");
    ensure!(decided.is_ok(), "not decided: {decided:?}");
    Ok(())
}

/// The tick that sees it.
fn released(vm: &Vm, stream: &Stream) -> Result<()> {
    vm.clock().advance(Duration::from_millis(100));
    vm.tick();
    ensure!(
        stream.upstream().is_some_and(|sent| sent.ended),
        "not released: {:?}",
        stream.snapshot()
    );
    Ok(())
}
