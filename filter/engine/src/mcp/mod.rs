//! What MCP adds to JSON-RPC: methods, the targets they name, protocol versions and header mirrors.

mod method;
mod mirror;
mod skill;
mod uri;
mod version;

pub use method::{Asks, List, METHODS, Method};
pub use mirror::{Mirrors, Mismatch};
pub use skill::{DIRECTORY, is_skill_file, within_directory};
pub use uri::is_normal;
pub use version::Version;
