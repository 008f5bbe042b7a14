//! Host and tools.
pub mod cli;
pub mod console;
pub mod demo;
pub mod document;
pub mod envoy;
pub mod explain;
pub mod host;
pub mod identity;
pub mod init;
pub mod policytest;
pub mod render;
pub mod replay;
pub mod scan;
pub mod schema;
mod shared_store;
pub mod upstream;
pub mod wasm;
pub mod wire;
