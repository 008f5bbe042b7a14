//! The console beside a gate whose policy needs a person: without it nobody could ever say yes.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};

use super::Request;
use super::template::{WASM, indented};
use super::upstream::socket;
use crate::text::json;

/// `envoy/approvals/envoy.yaml`, as this program was built with: the console's listener is cut out of it.
const SHIPPED: &str = include_str!("../../../../envoy/approvals/envoy.yaml");
const LISTENER: &str = "{address: 127.0.0.1, port_value: 10001}";
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Where the gate's VM and the console's are told apart.
const VM: &str = "code: {local: {filename: target/wasm32-wasip1/release/toolgate.wasm}}\n";

/// A console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Console {
    /// Where people connect.
    pub listen: SocketAddr,
    /// The SHA-256 of the token of the one approver, in hex; without it nobody's.
    pub token_sha256: Option<String>,
}

impl Console {
    /// Its listener at this indentation. `code` is where the proxy finds the filter.
    pub(super) fn listener(&self, code: &str, indent: usize) -> Result<String> {
        let (_, rest) = SHIPPED
            .split_once("  - name: console\n")
            .context("no console")?;
        let (listener, _) = rest.split_once("\n  clusters:\n").context("no end of it")?;
        let address = socket(&self.listen.ip().to_string(), self.listen.port());
        let token = self.token_sha256.as_deref().unwrap_or(NOBODY);
        let listener = listener
            .replace(LISTENER, &address)
            .replace(WASM, code)
            .replace(NOBODY, token);
        let hint = match self.token_sha256 {
            Some(_) => String::new(),
            None => "# `token_sha256` below is nobody's: `toolgate console token --id YOU` prints a token and its hash.\n".to_owned(),
        };
        Ok(indented(
            &format!("{hint}- name: console\n{}", indented(&listener, 2)),
            indent,
        ))
    }
}

/// The filter's entry with a VM of its own, where a console stands beside it.
pub(super) fn apart(template: &str, request: &Request) -> String {
    if request.console.is_none() {
        return template.to_owned();
    }
    let at = template.find(VM).map_or(0, |at| {
        template
            .get(..at)
            .unwrap_or_default()
            .rfind('\n')
            .map_or(at, |line| at - line - 1)
    });
    let pad = " ".repeat(at);
    template.replace(
        VM,
        &format!(
            "{VM}{pad}configuration:          # Not the console's: each has a VM of its own.\n{pad}  \"@type\": \
             type.googleapis.com/google.protobuf.StringValue\n{pad}  value: gate\n"
        ),
    )
}

/// For head comments: where people decide.
pub(super) fn line(request: &Request) -> String {
    match &request.console {
        Some(console) => format!("#   people decide at         http://{}\n", console.listen),
        None => String::new(),
    }
}

/// What the code of a filter in a file looks like.
pub(super) fn local(path: &str) -> String {
    format!("{{local: {{filename: {}}}}}", json(path))
}
