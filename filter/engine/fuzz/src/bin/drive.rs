//! Runs targets for a while without libFuzzer, or writes their seeds where cargo-fuzz looks for them.
//!
//!     cargo run --release --no-default-features --bin drive -- 120              all targets, 120 seconds each
//!     cargo run --release --no-default-features --bin drive -- 120 decimals     this one
//!     cargo run --no-default-features --bin drive -- seeds                      seeds into `corpus/TARGET`

use std::path::Path;
use std::time::{Duration, Instant};

use toolgate_checks::{Driver, TARGETS, seeds};

fn main() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = here.join("../../../host-tests/corpus");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let what = arguments.first().map_or("10", String::as_str);
    for target in TARGETS {
        let name = target.0;
        if arguments.len() > 1 && !arguments[1..].iter().any(|wanted| wanted == name) {
            continue;
        }
        let seeds = seeds(name, &corpus);
        if what == "seeds" {
            let folder = here.join("corpus").join(name);
            std::fs::create_dir_all(&folder).expect("a folder");
            for (index, seed) in seeds.iter().enumerate() {
                std::fs::write(folder.join(format!("seed-{index:04}")), seed).expect("a seed");
            }
            println!("{name}: {} seeds", seeds.len());
            continue;
        }
        let limit = Duration::from_secs(what.parse().expect("`seeds`, or seconds"));
        let (start, mut runs, mut input) = (Instant::now(), 0_u64, Vec::new());
        let mut driver = Driver::new(*target, seeds, 1);
        while start.elapsed() < limit {
            let outcome =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| driver.run(&mut input)));
            if outcome.is_err() {
                println!("{name}: run {runs}: {:?}", String::from_utf8_lossy(&input));
                std::process::exit(1);
            }
            runs += 1;
        }
        println!(
            "{name}: {runs} runs in {} s, nothing found",
            limit.as_secs()
        );
    }
}
