//! A real proxy with a console, for tests of the whole way: an MCP server, a gate of two workers in front of it, and people.

use std::net::SocketAddr;

use anyhow::Result;
use serde_json::json;

use crate::envoy::{Config, Envoy, Options};
use crate::identity::token_sha256;
use crate::upstream::Upstream;
use toolgate_host::wasm;

/// What the shipped configuration holds in place of the hash of a token.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The proxy and the server behind it.
pub struct Proxy {
    envoy: Envoy,
    upstream: Upstream,
}

impl Proxy {
    /// Starts both. The token of the one approver is `token-operator`, that of the one grant, `agent`, `token-agent`.
    /// Payments over 500 and every closing of an account wait for a person.
    ///
    /// # Errors
    /// If one of them does not start.
    pub async fn start() -> Result<Self> {
        let upstream = Upstream::start().await?;
        let policy = json!({
            "version": "1",
            "default": "deny",
            "grants": [{"id": "agent", "label": "The agent", "token_sha256": token_sha256(&super::token("agent"))}],
            "tools": {
                "get_balance": {},
                "create_payment": {"approval": {
                    "when": [{"path": "args.amount", "op": "gt", "value": 500}],
                    "on_deny": "A payment over 500 needs a person.",
                }},
                "close_account": {"approval": {}},
            },
        });
        let config = Config::approvals()?
            .wasm(&wasm::artifact()?)?
            .upstream(upstream.address())?
            .replace(NOBODY, &token_sha256(&super::token("operator")))?
            .policy_json(&policy.to_string())?;
        let options = Options {
            concurrency: 2,
            ..Options::default()
        };
        // Waits for a process; that is all this runtime has to do meanwhile.
        let envoy = tokio::task::block_in_place(|| Envoy::start(config, &options))?;
        Ok(Proxy { envoy, upstream })
    }

    /// Where agents go, and where people go.
    pub fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        let listener = |name| self.envoy.listener(name);
        Some((listener("mcp")?, listener("console")?))
    }

    /// Calls that reached the server so far.
    pub fn calls(&self) -> usize {
        let records = self.upstream.records();
        records
            .iter()
            .filter(|record| record.rpc_method().as_deref() == Some("tools/call"))
            .count()
    }
}
