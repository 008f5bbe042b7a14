//! A proxy-wasm host on wasmtime that treats a module as Envoy does.
//!
//! It runs any module of ABI 0.2.1 (built for `wasm32-wasip1`, a reactor with `_initialize`) and models what Envoy does
//! around it: which callbacks run when, what a Pause holds back, what a local reply stops, what a trap costs. It knows
//! proxy-wasm and HTTP streams; it knows nothing of MCP. What it models was measured on Envoy 1.40 or read in its
//! source; where a test needs the real thing, it runs a real Envoy.
//!
//! ```no_run
//! use toolgate_host::{Message, Module, Vm, VmOptions};
//!
//! # fn main() -> anyhow::Result<()> {
//! let module = Module::from_file("target/wasm32-wasip1/release/toolgate.wasm")?;
//! let vm = Vm::configured(&module, VmOptions::default(), br#"{"version": "1"}"#)?;
//! let exchange = vm.exchange(
//!     &Message::post("/mcp", r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#),
//!     Message::response(200, "application/json", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
//! );
//! assert!(exchange.forwarded());
//! # Ok(())
//! # }
//! ```
//!
//! # Flow
//!
//! A [`Module`] is compiled once. A [`Vm`] is one worker's instance; workers of one Envoy share [`SharedData`],
//! [`Metrics`] and [`Clock`] through [`VmOptions`]. A [`Stream`] takes events one by one (`stream.rs`), the pipeline
//! turns each into callbacks and their answers into bytes on either side (`pipeline.rs`, `replies.rs`), host calls read and write
//! the state of the VM (`hostcalls.rs`), and an [`Exchange`] is what is left at the end. Nothing is global but the
//! compiler's settings, so tests run in parallel.
//!
//! # Not modelled
//!
//! Flow control, HTTP/2 framing, headers Envoy itself adds (`x-request-id`, `date`, `server`), other filters, TCP
//! streams, shared queues, gRPC streams, gRPC-shaped local replies, `FAIL_OPEN`, foreign functions other than
//! `clear_route_cache`.

#![warn(missing_docs)]

mod abi;
mod callout;
mod calls_env;
mod calls_http;
mod clock;
mod contexts;
mod faults;
mod headers;
mod hostcalls;
mod inner;
mod message;
mod metrics;
mod module;
mod pipeline;
pub mod profile;
mod replies;
mod shared;
mod state;
mod stream;
mod vm;
mod wasi;
pub mod wasm;
mod worker;

pub use abi::Status;
pub use callout::{Answer, Callout, CalloutKind, Responder};
pub use clock::{Clock, START_NANOS};
pub use faults::{Faults, When};
pub use headers::Headers;
pub use message::{Ending, Message, Received, Request, Response, SentUpstream, Upstream};
pub use metrics::Metrics;
pub use module::Module;
pub use shared::{Flaw, SharedData};
pub use state::{Level, LogLine, Properties};
pub use stream::{Exchange, Outcome, Stream};
pub use vm::{Vm, VmOptions};

/// The README's code is run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
