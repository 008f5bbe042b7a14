//! What must hold of the engine whatever it is given: one function for each fuzz target, which panics where it does not.
//!
//! `cargo fuzz run request_body` runs one under libFuzzer; `drive` runs them all without it; the engine's test
//! `invariants` runs them for a moment, on seeds from the hostile corpus.

mod body;
mod config;
mod cost;
mod decimal;
mod detect;
mod drive;
mod gate;
mod paths;
mod pattern;
mod random;
mod results;
mod schema;
mod stream;

pub use body::{exchange, mirrors, request_body};
pub use config::configuration;
pub use cost::cost;
pub use decimal::decimals;
pub use detect::detectors;
pub use drive::{Driver, TARGETS, Target, seeds};
pub use paths::paths_and_patterns;
pub use pattern::patterns;
pub use random::Random;
pub use results::results;
pub use schema::input_schemas;
pub use stream::{json_stream, sse_stream};
