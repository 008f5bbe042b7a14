//! Host and tools.
pub mod demo;
pub mod envoy;
pub mod upstream;
pub mod wire;
pub mod host;
pub mod wasm;
pub mod document;
pub mod policytest;
pub mod cli;
pub mod scan;
pub mod render;
