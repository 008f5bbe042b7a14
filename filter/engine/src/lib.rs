//! The pure core of Toolgate: bytes in, steps out.
//!
//! No host calls, no clock, no randomness, no logging: a host hands in what arrives and performs the
//! [`exchange::Step`] it gets back. One call, top to bottom:
//!
//! ```text
//! request headers ─▶ exchange::head     is this MCP, and does everybody read it the same way?
//! request body    ─▶ json, rpc, mcp     strict reading; what is asked for?
//!                 ─▶ pdp::decide        the policy, in its documented order
//!                 ─▶ pdp::settle        charges, all or nothing; mints the Permit
//!                 ─▶ Step::Forward      byte for byte, or Step::Reply from pep
//! reply           ─▶ exchange::reply    lists filtered (pep::lists), results redacted (redact), events one by one (sse)
//!                 ─▶ exchange::watch    gives back what did not run
//! every decision  ─▶ audit::Record
//! ```
//!
//! [`config`] turns a document into the [`gate::Gate`] all of this reads.

#![forbid(unsafe_code)]
#![warn(unreachable_pub)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::string_slice,
        reason = "a test may panic"
    )
)]

pub mod approvals;
pub mod audit;
pub mod config;
pub mod console;
pub mod control;
pub mod counters;
pub mod exchange;
pub mod gate;
mod headers;
mod hmac;
pub mod identity;
pub mod mcp;
pub mod metrics;
mod names;
pub mod ndjson;
pub mod pdp;
pub mod pep;
pub mod pins;
pub mod policy;
mod protobuf;
pub mod redact;
pub mod refusal;
pub mod rpc;
pub mod shares;
pub mod sse;
mod text;
pub mod time;

pub use names::{NameMap, Names};
pub use text::hex;
pub use toolgate_json as json;
use toolgate_json::order;
