//! What hostile and ordinary texts cost: milliseconds, units of the budget, and the share of what a budget for one pattern
//! allows. For wasm, build it with `--target wasm32-wasip1` and run it in any runtime; `examples/hostile.mjs` does so in V8.
//!
//! An argument is a factor for the sizes; with `lite`, regex-lite is measured beside it, which takes minutes.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "small numbers, and nobody's calls depend on them"
)]

use std::time::Instant;

use toolgate_pattern::{Budget, Pattern};

const MIB: usize = 1 << 20;

/// `part` again and again.
fn repeated(part: &str, bytes: usize) -> String {
    part.repeat(bytes.div_ceil(part.len()))
}

/// Characters in no order, the same on every run.
fn scattered(chars: &str, bytes: usize) -> String {
    let chars: Vec<char> = chars.chars().collect();
    let mut state = 1_u64;
    let mut text = String::with_capacity(bytes);
    while text.len() < bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let index = usize::try_from(state >> 33).unwrap_or(0) % chars.len().max(1);
        text.extend(chars.get(index));
    }
    text
}

fn prose(bytes: usize) -> String {
    repeated(
        "The committee met on 14 March 2026 and agreed that the figures for the second quarter, which had been \
         revised twice, should be published as they stand; Mrs. O'Neill's objection (see item 7.3) was noted. \
         Contact: press-office at the usual number. {\"id\": 4711, \"state\": \"open\", \"tags\": [\"a\", \"b\"]}\n",
        bytes,
    )
}

fn main() {
    let mut factor = 1;
    let mut lite = false;
    for argument in std::env::args().skip(1) {
        match argument.parse() {
            Ok(number) => factor = number,
            Err(_) => lite = argument == "lite",
        }
    }
    let mib = |count: usize| count * MIB * factor;
    let secret = r"\b(?:sk|pk)_(?:live|test)_[A-Za-z0-9]{16,}";
    let rows: Vec<(&str, &str, String)> = vec![
        (r"[a-z]+@[a-z]+\.com", "4 MiB of a", "a".repeat(mib(4))),
        (
            "0{32}",
            "4 MiB of near misses",
            repeated(&("0".repeat(31) + "1"), mib(4)),
        ),
        ("a{1000}b", "4 MiB of a", "a".repeat(mib(4))),
        (
            "a{1000}b",
            "4 MiB of near misses",
            repeated(&("a".repeat(999) + "b"), mib(4)),
        ),
        (
            "(?i)ignore (all )?previous instructions",
            "4 MiB of prose",
            prose(mib(4)),
        ),
        (
            "(?i)ignore (all )?previous instructions",
            "4 MiB of near misses",
            repeated("ignore all previous instruction ", mib(4)),
        ),
        ("[A-Za-z0-9]{32,}", "4 MiB of prose", prose(mib(4))),
        ("[A-Za-z0-9]{32,}", "4 MiB of a", "a".repeat(mib(4))),
        (secret, "4 MiB of prose", prose(mib(4))),
        (
            secret,
            "4 MiB of near misses",
            repeated("sk_live_abcdefghijklmno ", mib(4)),
        ),
        (
            "sk_live_[A-Za-z0-9]+",
            "4 MiB of matches",
            repeated("sk_live_a ", mib(4)),
        ),
        ("a", "4 MiB of a", "a".repeat(mib(4))),
        (
            r"\b\d{3}-\d{2}-\d{4}\b",
            "4 MiB of digits",
            repeated("123-45-678", mib(4)),
        ),
        (r"(?s)a.*b|a", "4 MiB of a", "a".repeat(mib(4))),
        ("a[ab]{60}c", "4 MiB of a and b", scattered("ab", mib(4))),
        (
            "[ab]*a[ab]{500}c",
            "4 MiB of a and b",
            scattered("ab", mib(4)),
        ),
        (
            r"(?:password|token).{0,100}=.{0,100}[0-9]",
            "4 MiB of its words",
            scattered("tokenpassword= 1é", mib(4)),
        ),
        (
            r"x[^y]{0,40}z",
            "4 MiB of x and é",
            scattered("xéab漢", mib(4)),
        ),
        (
            r"[^a-z]{0,200}q\w+[^0-9]{0,200}=",
            "4 MiB of all sorts",
            scattered("xéabq1=漢 ", mib(4)),
        ),
    ];
    println!(
        "{:>9} {:>6} {:>12} {:>8}  pattern, text",
        "ms", "ns/B", "units", "ns/unit"
    );
    for (pattern, text, bytes) in rows {
        let compiled = match Pattern::new(pattern) {
            Ok(compiled) => compiled,
            Err(error) => {
                println!("{pattern}: {error}");
                continue;
            }
        };
        let budget = Budget::for_input(bytes.len(), 1);
        let before = budget.left();
        let start = Instant::now();
        let found = compiled.find_all(&bytes, &budget);
        let seconds = start.elapsed().as_secs_f64();
        let units = before - budget.left();
        let outcome = found.map_or("too much work".to_owned(), |found| {
            format!("{} found", found.len())
        });
        println!(
            "{:9.1} {:6.2} {units:12} {:8.2}  `{pattern}`, {text}: {outcome}, {} KiB kept",
            seconds * 1e3,
            seconds * 1e9 / bytes.len() as f64,
            seconds * 1e9 / units as f64,
            compiled.bytes() / 1024,
        );
        if lite && let Ok(other) = regex_lite::Regex::new(pattern) {
            let start = Instant::now();
            let found = other.find_iter(&bytes).count();
            println!(
                "{:9.1} regex-lite: {found} found",
                start.elapsed().as_secs_f64() * 1e3
            );
        }
    }
}
