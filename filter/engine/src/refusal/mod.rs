//! Why something is refused: before any policy is asked ([`Rejection`]), or by policy ([`Denial`]).
//!
//! What a refusal looks like on the wire is the business of [`pep`](crate::pep).

mod denial;
mod own;
mod rejection;

pub use denial::Denial;
pub use own::Own;
pub use rejection::{Rejection, is_readable_otherwise};
