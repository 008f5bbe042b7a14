//! Policy tests: what a policy must decide, as data beside it.
//!
//! ```yaml
//! config: policy.yaml
//! cases:
//!   - name: ten refunds a day
//!     steps:
//!       - {call: {tool: create_refund, arguments: {amount: 40}}, repeat: 10, expect: allow}
//!       - {call: {tool: create_refund, arguments: {amount: 40}}, expect: deny, rule: /tools/create_refund/limits/refunds}
//! ```
//!
//! [`TestFile::read`] reads such a file strictly, [`run`] sends each step as a real MCP request over HTTP through a
//! [`Backend`] and compares what came of it. Every case has a gate of its own, whose counters are empty and whose clock
//! stands still but for `at`.

pub mod backend;
mod case;
mod clock;
pub(crate) mod identity;
pub(crate) mod mcp;
mod metadata;
mod read;
mod run;
mod verdict;

pub use backend::{Agreeing, Backend, Native, Observed, Running, Wasm};
pub use case::{
    Ask, Caller, Case, Kind, ListKind, Moment, Protocol, Step, TestFile, UpstreamKind, What,
};
pub use clock::{duration, timestamp};
pub use identity::Credentials;
pub use read::LoadError;
pub use run::{CaseResult, Failure, run};
pub use verdict::Verdict;
