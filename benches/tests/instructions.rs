//! Instructions of the standard exchanges stay what `instructions.txt` says.
//!
//! More than the tolerance above it, and the exchange that became slower is named. As far below it, and the table is out of
//! date: a fall is committed, so that the next rise is seen. Small differences come from the compiler and from where the
//! repository lies, and are let pass.

use std::fs;
use std::path::Path;

use benches::standard::exchanges;
use toolgate_host::Module;
use toolgate_host::wasm;

/// In thousandths of what the table says.
const TOLERANCE: u64 = 50;
const HELP: &str = "`UPDATE_EXPECT=1 cargo test -p benches --test instructions` rewrites the table; commit it with the \
     change. `cargo run -p benches --bin vm -- profile NAME` shows where the instructions go";

#[test]
fn instructions_are_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.txt");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let table = fs::read_to_string(&path).unwrap_or_default();
    let module = Module::from_file(wasm::artifact().expect("the filter builds")).expect("a module");
    let counted: Vec<(&str, &str, u64)> = exchanges()
        .iter()
        .map(|exchange| {
            let count = exchange.count(&module).expect("the exchange runs");
            (exchange.name, exchange.about, count)
        })
        .collect();
    if update {
        fs::write(&path, render(&counted)).expect("the table can be written");
        return;
    }
    let expected = read(&table);
    let names = |name: &&str| counted.iter().any(|(known, ..)| known == name);
    let mut wrong: Vec<String> = expected
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !names(name))
        .map(|name| format!("{name}: stands in the table and is no exchange"))
        .collect();
    for (name, _, count) in &counted {
        let known = expected.iter().find(|(known, _)| known == name);
        wrong.extend(match known {
            Some((_, expected)) => compare(name, *count, *expected),
            None => Some(format!(
                "{name}: {count} instructions, and not in the table"
            )),
        });
    }
    assert!(wrong.is_empty(), "\n{}\n\n{HELP}\n", wrong.join("\n"));
}

/// What is wrong with a count, if something is.
fn compare(name: &str, count: u64, expected: u64) -> Option<String> {
    let change = 100.0 * (count as f64 / expected as f64 - 1.0);
    let within = expected * TOLERANCE;
    if count * 1000 > expected * 1000 + within {
        return Some(format!(
            "{name}: {count} instructions where the table says {expected} ({change:+.1} %): slower"
        ));
    }
    (count * 1000 + within < expected * 1000).then(|| {
        format!("{name}: {count} instructions where the table says {expected} ({change:+.1} %): faster, and the table is out of date")
    })
}

fn read(table: &str) -> Vec<(&str, u64)> {
    table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next().expect("a name");
            let count = words.next().and_then(|count| count.parse().ok());
            (name, count.expect("a count behind the name"))
        })
        .collect()
}

fn render(counted: &[(&str, &str, u64)]) -> String {
    let mut out = "# Instructions of the standard exchanges in wasm, as wasmtime counts them: one each, and one for each byte copied or filled.\n\
         # Held by `cargo test -p benches --test instructions`; UPDATE_EXPECT=1 rewrites it.\n"
        .to_owned();
    for (name, about, count) in counted {
        out.push_str(&format!("{name:<14} {count:>10}  {about}\n"));
    }
    out
}

#[test]
fn a_change_is_named() {
    assert_eq!(compare("x", 105, 100), None);
    assert_eq!(compare("x", 95, 100), None);
    let slower = compare("allow-300", 1051, 1000).unwrap_or_default();
    assert!(
        slower.contains("allow-300") && slower.contains("slower"),
        "{slower}"
    );
    let faster = compare("deny", 949, 1000).unwrap_or_default();
    assert!(
        faster.contains("deny") && faster.contains("out of date"),
        "{faster}"
    );
}
