//! Server-sent events, judged one at a time while they stream.

mod event;
mod rewriter;

pub use event::Event;
pub use rewriter::{Edit, Rewriter};
