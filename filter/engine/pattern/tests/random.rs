//! Random patterns and texts beside regex-lite, which reads the plain ones alike: what is found, and where.
//!
//! `PAIRS=1000000` asks for so many pairs, `SEED=7` for others.
#![allow(
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod common;

use common::Random;
use toolgate_pattern::{Budget, Pattern};

/// Texts for each pattern: its states are worked out by the first ones and known to the others.
const TEXTS: usize = 8;

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(number) => number.parse().expect("a number"),
        Err(_) => otherwise,
    }
}

#[test]
fn found_where_another_engine_finds_it() {
    let mut random = Random(number("SEED", 3));
    let pairs = number("PAIRS", 40_000);
    let (mut compared, mut found) = (0, 0);
    while compared < pairs {
        let depth = random.below(4) + 1;
        let pattern = random.pattern(depth);
        let theirs = regex_lite::Regex::new(&pattern);
        let ours = Pattern::new(&pattern);
        let (Ok(theirs), Ok(ours)) = (&theirs, &ours) else {
            assert_eq!(
                theirs.is_ok(),
                ours.is_ok(),
                "{pattern}: {theirs:?} {ours:?}"
            );
            continue;
        };
        for _ in 0..TEXTS {
            let text = random.text();
            let expected: Vec<_> = theirs.find_iter(&text).map(|found| found.range()).collect();
            assert_eq!(
                ours.is_match(&text, &Budget::for_input(text.len(), 1)),
                Ok(!expected.is_empty()),
                "{pattern:?} in {text:?}"
            );
            let expected: Vec<_> = expected
                .into_iter()
                .filter(|span| !span.is_empty())
                .collect();
            found += expected.len();
            let actual = ours.find_all(&text, &Budget::for_input(text.len(), 1));
            assert_eq!(actual, Ok(expected), "{pattern:?} in {text:?}");
            compared += 1;
        }
    }
    println!("{compared} pairs, {found} matches, no difference");
    assert!(found > usize::try_from(compared).expect("small") / 4);
}
