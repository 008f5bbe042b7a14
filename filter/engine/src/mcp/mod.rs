//! What MCP adds to JSON-RPC: methods, the targets they name, protocol versions and header mirrors.

mod method;
mod mirror;
mod uri;
mod version;

pub use method::{Asks, List, METHODS, Method};
pub use mirror::{Mirrors, Mismatch};
pub use uri::is_normal;
pub use version::Version;
