//! Toolgate as a proxy-wasm filter: the thin shell between a host (Envoy) and `toolgate-engine`.
//!
//! ```text
//! host ─callback─▶ stream ─bytes─▶ engine::exchange ─Step─▶ stream ─host call─▶ host
//! ```

#![allow(
    missing_docs,
    reason = "the entry point that the SDK declares has none; this crate exports nothing else"
)]

mod console;
mod held;
mod host;
mod kept;
mod live;
mod metrics;
mod perform;
mod plugin;
mod recorder;
mod requirements;
mod root;
mod store;
mod stream;
mod webhook;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|id| Box::new(root::Root::new(id)));
}}
