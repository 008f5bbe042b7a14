//! Asks a live MCP server what it offers.
//!
//! [`scan`] speaks as a real client does (rmcp's, in both protocol eras), pages through every list, and keeps each tool
//! definition as the server wrote it: digests are taken over the JSON on the wire, not over what an SDK understood of it.
//! From that come a starting [`policy`], [`Pins`] that show a change later, and [`tests`] for the policy.
//!
//! What a server says about itself is text from a stranger. It ends up in comments, on terminals and in YAML keys, and is
//! made harmless on the way ([`text`]).

mod client;
mod drift;
mod pins;
mod pins_block;
mod policy;
mod recorder;
mod risk;
mod tests;
mod tool;
mod trouble;

pub use client::{Era, Options, parse_header, scan};
pub use drift::{Change, drift};
pub use pins::{PinError, Pinned, Pins};
pub use pins_block::pins_block;
pub use policy::policy;
pub use risk::{Risk, Verdict, assess};
pub use tests::tests;
pub use tool::{FIELDS, ToolDefinition};

/// What a server offers.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Its address, without credentials and query.
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
}
