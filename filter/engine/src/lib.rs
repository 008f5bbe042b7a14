//! The pure core of Toolgate.
pub mod audit;
pub mod config;
pub mod counters;
pub mod exchange;
pub mod identity;
pub mod json;
pub mod mcp;
pub mod pdp;
pub mod pep;
pub mod policy;
pub mod rpc;
pub mod sse;
pub mod time;
