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

use std::time::Duration;

use common::{PIECES, Worst, all, hostile_texts, repeated};

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
    let mut worst: Vec<(Duration, u64, String)> = Vec::new();
    for unit in units {
        let text = repeated(&unit, 1 << 18);
        let mut least = Duration::MAX;
        let mut looks = 0;
        for _ in 0..3 {
            let start = cpu_time();
            looks = Worst::tenths(&scanner, &text);
            least = least.min((cpu_time() - start) * 4);
        }
        worst.push((least, looks, unit));
    }
    worst.sort();
    println!("ms/MiB  looks a byte");
    for (time, looks, unit) in worst.iter().rev().take(SHOWN) {
        let millis = time.as_secs_f64() * 1e3;
        println!("{millis:>6.1}  {:>5}.{}  {unit:?}", looks / 10, looks % 10);
    }
}

/// What this thread has taken of a processor, so that others on the machine do not count.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("nanoseconds"))
}
