#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::panic,
        reason = "a test may panic"
    )
)]

mod detectors;
mod domain;
mod number;
mod plain_url;
mod scan;
mod text;
mod token;

pub use detectors::{DETECTORS, Detector};
pub use plain_url::UrlTest;
pub use scan::{LOOKS_PER_BYTE, Match, SCHEMA_HOST, Scanner, join};
pub use toolgate_pattern::{Budget, TooMuchWork};
