//! What the detectors cost at most: texts that are made to cost much, each a piece that is repeated.
//!
//!     cargo run --release -p toolgate-detect --example hostile          the texts in tests/hostile.txt
//!     cargo run --release -p toolgate-detect --example hostile -- all   every two pieces the tests know, in turn, too
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "not part of the data plane"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::{PIECES, Worst, all, hostile_texts, repeated};
use toolgate_detect::Scanner;

/// Texts that are shown.
const SHOWN: usize = 40;

fn main() {
    let scanner = all(&["docs.acme.com", ".corp.io"]);
    let mut units = hostile_texts();
    if std::env::args().nth(1).as_deref() == Some("all") {
        for piece in PIECES {
            units.extend(PIECES.iter().map(|other| format!("{piece}{other}")));
        }
    }
    // Those that look bad in a glance are looked at longer.
    let mut glances: Vec<(Duration, String)> = units
        .into_iter()
        .map(|unit| (glance(&scanner, &unit), unit))
        .collect();
    glances.sort();
    let worst = glances.into_iter().rev().take(3 * SHOWN);
    let mut worst: Vec<_> = worst
        .map(|(_, unit)| (measure(&scanner, &unit), unit))
        .collect();
    worst.sort();
    println!("ms/MiB  looks a byte");
    for ((time, looks), unit) in worst.iter().rev().take(SHOWN) {
        let millis = time.as_secs_f64() * 1e3;
        println!("{millis:>6.1}  {:>5}.{}  {unit:?}", looks / 10, looks % 10);
    }
}

/// The least time a short text took.
fn glance(scanner: &Scanner, unit: &str) -> Duration {
    let text = repeated(unit, 1 << 14);
    let times = (0..3).map(|_| {
        let start = Instant::now();
        Worst::tenths(scanner, &text);
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

/// Time of a processor that a MiB takes, to a millisecond, and tenths of a look at each byte.
fn measure(scanner: &Scanner, unit: &str) -> (Duration, u64) {
    const ROUNDS: u32 = 8;
    let text = repeated(unit, 1 << 20);
    let start = cpu_time();
    let looks = (0..ROUNDS).map(|_| Worst::tenths(scanner, &text)).max();
    ((cpu_time() - start) / ROUNDS, looks.unwrap_or_default())
}

/// What this thread has taken of a processor, so that others on the machine do not count.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("nanoseconds"))
}
