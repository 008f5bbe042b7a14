//! Random patterns and texts with what is found: a line of JSON each, `{"pattern", "plain", "text", "found"}`. `plain` is the
//! pattern as it is compiled. `filter/engine/pattern/tests/python.py` compares them with Python's `re`.
//!
//! Arguments: how many, and a seed.
#![allow(clippy::print_stdout, reason = "it prints")]

use std::io::Write;

use common::Random;
use serde_json::json;
use toolgate_pattern::{Budget, Pattern, translate};

#[path = "../tests/common/mod.rs"]
mod common;

fn main() -> std::io::Result<()> {
    let mut numbers = std::env::args()
        .skip(1)
        .map(|argument| argument.parse().ok());
    let count: u64 = numbers.next().flatten().unwrap_or(1000);
    let mut random = Random(numbers.next().flatten().unwrap_or(5));
    let mut out = std::io::stdout().lock();
    let mut pairs = 0_u64;
    while pairs < count {
        let depth = random.below(4).saturating_add(1);
        let source = random.pattern(depth);
        let (Ok(pattern), Ok(plain)) = (Pattern::new(&source), translate(&source)) else {
            continue;
        };
        for _ in 0..8 {
            let text = random.text();
            let budget = Budget::for_input(text.len(), 1);
            let found = pattern.find_all(&text, &budget).ok().map(|found| {
                let spans = found.into_iter().map(|span| [span.start, span.end]);
                spans.collect::<Vec<_>>()
            });
            writeln!(
                out,
                "{}",
                json!({"pattern": source, "plain": plain, "text": text, "found": found})
            )?;
            pairs = pairs.saturating_add(1);
        }
    }
    Ok(())
}
