//! Holds values to schemas: a line `{"schema": …, "value": …}` in, a line out: `fits`, `gap` where the schema says what is
//! not enforced, or what does not fit. `host-tests/schemas/compare.py` compares it with another implementation.

use std::io::{BufRead, Write};

use toolgate_engine::json::{Document, Limits};
use toolgate_engine::pins::schema::Schema;
use toolgate_engine::policy::Budget;

fn main() {
    let stdin = std::io::stdin().lock();
    let mut out = std::io::stdout().lock();
    for line in stdin.lines().map_while(Result::ok) {
        let told = judge(line.as_bytes()).unwrap_or_else(|| "unreadable".to_owned());
        if writeln!(out, "{told}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

fn judge(line: &[u8]) -> Option<String> {
    let document = Document::parse(line, &Limits::CONFIG).ok()?;
    let schema = document.root().get("schema")?.raw().to_owned();
    let schema = Schema::compile(schema).ok()?;
    if !schema.gaps().is_empty() {
        return Some("gap".to_owned());
    }
    let value = document.root().get("value")?;
    let budget = Budget::for_input(value.raw().len(), schema.patterns());
    let told = schema.judge(value, &budget);
    Some(told.unwrap_or_else(|| "fits".to_owned()))
}
