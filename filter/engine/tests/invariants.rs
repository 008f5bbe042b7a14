//! What must hold of the engine whatever it is given, for a moment and on a stable compiler: the fuzz targets of
//! `toolgate-checks`, on seeds from the hostile corpus, changed at random, the same way on every run.
//!
//! `TOOLGATE_INVARIANTS=60` runs each target for so many seconds.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use toolgate_checks::{Driver, TARGETS, Target, seeds};

#[test]
fn hold_for_every_seed() {
    for target in TARGETS {
        let all = corpus_of(target);
        assert!(all.len() > 2, "{}: only {} seeds", target.0, all.len());
        for seed in all {
            must_hold(target, &seed, || target.1(&seed));
        }
    }
}

#[test]
fn hold_for_what_becomes_of_them() {
    let seconds =
        std::env::var("TOOLGATE_INVARIANTS").map_or(0, |text| text.parse().expect("seconds"));
    for target in TARGETS {
        let mut driver = Driver::new(*target, corpus_of(target), 1);
        let (start, mut runs, mut input) = (Instant::now(), 0_u64, Vec::new());
        // By default a number of runs, so that a run can be repeated whatever else the machine does.
        while runs < 1500 || start.elapsed() < Duration::from_secs(seconds) {
            let outcome = catch_unwind(AssertUnwindSafe(|| driver.run(&mut input)));
            must_hold(target, &input, || {
                if let Err(panic) = outcome {
                    std::panic::resume_unwind(panic);
                }
            });
            runs += 1;
        }
        println!("{}: {runs} runs", target.0);
    }
}

fn corpus_of(target: &Target) -> Vec<Vec<u8>> {
    seeds(
        target.0,
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host-tests/corpus"),
    )
}

fn must_hold(target: &Target, input: &[u8], run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        eprintln!("{}: {:?}", target.0, String::from_utf8_lossy(input));
        std::panic::resume_unwind(panic);
    }
}
