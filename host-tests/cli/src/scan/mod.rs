//! Asks a live MCP server what it offers.
//!
//! [`scan`] and [`scan_command`] speak as a real client does (rmcp's, in both protocol eras), over HTTP or to a command,
//! page through every list, and keep each tool definition as the server wrote it: digests are taken over the JSON on the
//! wire, not over what an SDK understood of it. From that come a starting [`policy`],
//! [`Pins`] that show a change later, and [`tests`] for the policy.
//!
//! What a server says about itself is text from a stranger. It ends up in comments, on terminals and in YAML keys, and is
//! made harmless on the way ([`text`](crate::text)).

mod client;
mod command;
mod drift;
mod lists;
mod naming;
mod pins;
mod pins_block;
mod policy;
mod recorder;
mod risk;
mod stdio;
mod tests;
mod tool;
mod trouble;

pub use client::{Era, Options, parse_header, scan};
pub use command::Command;
pub use drift::{Change, drift};
pub use pins::{PinError, Pinned, Pins};
pub use pins_block::{pins_block, pins_block_of};
pub use policy::policy;
pub use risk::{Risk, Verdict, assess};
pub use stdio::scan_command;
pub use tests::tests;
pub use tool::{FIELDS, ToolDefinition};

/// Where a server is.
#[derive(Clone, Debug)]
pub enum Target {
    /// At an address.
    Http {
        /// Its MCP endpoint.
        url: String,
        /// Headers as `Name: value`.
        headers: Vec<String>,
    },
    /// In a command, which is started.
    Command(Command),
}

/// What a server offers.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Its address, without credentials and query; or its command, without arguments that may be secret.
    pub url: String,
    /// Its name.
    pub server: String,
    /// Its version.
    pub version: String,
    /// The protocol version it was asked in.
    pub protocol: String,
    /// Its tools, in its order.
    pub tools: Vec<ToolDefinition>,
    /// How many prompts it has.
    pub prompts: usize,
    /// How many resources it has.
    pub resources: usize,
    /// How many templates of resources it has.
    pub templates: usize,
    /// Which lists beside the tools it did not give, and why.
    pub unlisted: Vec<String>,
}
