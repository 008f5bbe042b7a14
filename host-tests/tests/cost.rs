//! What hostile exchanges cost, in instructions: a measure that the filter does not take itself, the same on every machine.
//!
//! Each attack is made in two sizes. What it costs is bounded by the formula of the documentation, in both: what grows faster than
//! its input passes no bound that is made from its size. `siege attacks` shows the same in milliseconds.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    reason = "a test may panic"
)]

use std::sync::OnceLock;

use serde_json::{Value, json};
use toolgate_engine::policy::Budget;
use toolgate_host::{Message, Module, Vm, VmOptions};
use toolgate_rig::attacks::{self, Attack};

const SMALL: usize = 32 << 10;
const LARGE: usize = 128 << 10;

/// Instructions of a unit of the budget. A unit is below 5 ns in the proxy, which is this many where its compiler leaves least of them
/// to do (24 for each nanosecond, measured with the detectors).
const PER_UNIT: u64 = 120;

/// What any exchange takes, whatever is in it.
const FIXED: u64 = 2_000_000;

fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| {
        let wasm = toolgate_host::wasm::artifact().expect("the filter builds");
        Module::from_file(wasm).expect("the filter is a module")
    })
}

fn options() -> VmOptions {
    VmOptions {
        buffer_limit: 8 << 20,
        // Fifty times what the large ones may take.
        fuel_per_call: 20_000_000_000,
        ..VmOptions::default()
    }
}

/// Instructions of an exchange in a fresh VM, and what the client got.
fn exchange(attack: &Attack) -> (u64, String) {
    let policy = attack.policy.to_string();
    let vm = Vm::configured(module(), options(), policy.as_bytes())
        .unwrap_or_else(|error| panic!("{}: {error}", attack.name));
    let request = Message::post("/mcp", &attack.request);
    let reply = match &attack.reply {
        None => Message::response(
            200,
            "application/json",
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#,
        ),
        Some(reply) => {
            let whole = Message::response(200, reply.media, &reply.body);
            match reply.has_length {
                true => whole,
                false => whole.without("content-length").chunked(16 << 10),
            }
        }
    };
    let before = vm.fuel_used();
    let exchange = vm.exchange(&request, reply);
    let spent = vm.fuel_used() - before;
    exchange
        .check()
        .unwrap_or_else(|error| panic!("{}: {error}", attack.name));
    (spent, exchange.downstream.text())
}

/// What the formula allows: request and reply have a floor each.
fn allowed(attack: &Attack) -> u64 {
    let budget = Budget::for_input(attack.bytes(), attack.patterns);
    (budget.left() + Budget::FLOOR) * PER_UNIT + FIXED
}

#[test]
fn no_attack_costs_more_than_the_formula_allows() {
    let attacks = [attacks::all(SMALL), attacks::all(LARGE)].concat();
    assert!(attacks.len() > 200, "only {}", attacks.len());
    let mut rows: Vec<(u64, u64, String)> = attacks
        .iter()
        .map(|attack| {
            let (spent, _) = exchange(attack);
            let bytes = attack.bytes();
            let each = spent / bytes as u64;
            let row = format!("{each:7} a byte of {bytes:7}  {}", attack.name);
            (spent * 100 / allowed(attack), spent, row)
        })
        .collect();
    rows.sort_unstable();
    for (percent, _, row) in rows.iter().rev() {
        println!("{percent:4} %  {row}");
    }
    let over: Vec<_> = rows.iter().filter(|(percent, ..)| *percent > 100).collect();
    assert!(over.is_empty(), "{over:#?}");
}

/// `TOOLGATE_ROUNDS` says how many.
#[test]
fn no_attack_at_random_costs_more_either() {
    let rounds =
        std::env::var("TOOLGATE_ROUNDS").map_or(150, |text| text.parse().expect("a number"));
    let mut worst: Vec<(u64, String)> = Vec::new();
    for seed in 0..rounds {
        let attack = attacks::drawn(seed, LARGE);
        let (spent, _) = exchange(&attack);
        worst.push((spent * 100 / allowed(&attack), attack.name));
        worst.sort_unstable_by(|left, right| right.cmp(left));
        worst.truncate(5);
    }
    println!("{worst:#?}");
    assert!(
        worst.iter().all(|(percent, _)| *percent <= 100),
        "{worst:#?}"
    );
}

#[test]
fn ordinary_texts_are_always_judged() {
    for attack in attacks::ordinary() {
        let (spent, shown) = exchange(&attack);
        assert!(!shown.contains("toolgate/denial"), "{}", attack.name);
        let percent = spent * 100 / allowed(&attack);
        println!("{percent:4} %  {}", attack.name);
        assert!(percent <= 60, "{}: {percent} %", attack.name);
    }
}

/// Instructions that a configuration takes to load.
fn loading(policy: &Value) -> u64 {
    let vm = Vm::start(module(), options()).expect("a VM");
    let before = vm.fuel_used();
    let loaded = vm.configure(policy.to_string().as_bytes());
    assert!(loaded.is_ok_and(|loaded| loaded), "{:?}", vm.logs());
    vm.fuel_used() - before
}

/// Configurations hold what servers wrote: schemas.
#[test]
fn configurations_cost_by_their_size() {
    let pinned = |schema: Value| {
        json!({"version": "1", "default": "allow", "pins": {"validate_arguments": true, "tools": {
            "echo": {"digest": format!("sha256:{}", "0".repeat(64)), "input_schema": schema}}}})
    };
    let named = |count: usize, value: &dyn Fn(usize) -> Value| {
        let members = (0..count).map(|index| (format!("name{index}"), value(index)));
        Value::Object(members.collect())
    };
    let string = |_: usize| json!({"type": "string"});
    let configurations: [(&str, &dyn Fn(usize) -> Value); 7] = [
        ("properties", &|count| {
            pinned(json!({"properties": named(count, &string)}))
        }),
        ("references into an object", &|count| {
            let reference = |index| json!({"$ref": format!("#/$defs/name{index}")});
            pinned(json!({"properties": named(count, &reference), "$defs": named(count, &string)}))
        }),
        ("references into a list", &|count| {
            let reference = |index| json!({"$ref": format!("#/allOf/{index}")});
            let all: Vec<Value> = (0..count).map(string).collect();
            pinned(json!({"properties": named(count, &reference), "allOf": all}))
        }),
        ("alternatives", &|count| {
            let all: Vec<Value> = (0..count).map(|index| json!({"const": index})).collect();
            pinned(json!({"anyOf": all}))
        }),
        ("required names", &|count| {
            let all: Vec<String> = (0..count).map(|index| format!("name{index}")).collect();
            pinned(json!({"required": all, "enum": all}))
        }),
        (
            "tools",
            &|count| json!({"version": "1", "tools": named(count, &|_| json!({}))}),
        ),
        ("pins", &|count| {
            let digest = format!("sha256:{}", "0".repeat(64));
            json!({"version": "1", "default": "allow", "pins": {"tools": named(count, &|_| json!(digest))}})
        }),
    ];
    for (name, configuration) in configurations {
        let (small, large) = (
            loading(&configuration(2_000)),
            loading(&configuration(8_000)),
        );
        println!("{small:11} {large:11}  {name}");
        assert!(large < small * 6, "{name}: {small}, then {large}");
    }
}
