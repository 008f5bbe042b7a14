//! A strict JSON reader: one document, one reading.
//!
//! Lenient parsers disagree about what a body says: which of two equal keys counts, whether a comment
//! is there, what `1e400` is. The gate forwards the bytes it judged, so it only accepts bodies that every
//! conforming parser reads the same way, and refuses the rest:
//!
//! * strict UTF-8 without a byte order mark, RFC 8259 without any leniency, exactly one value;
//! * no two keys of an object equal after unescaping, no control character in a key;
//! * no lone surrogate escapes; numbers kept as text with an exponent within ±999;
//! * bounded depth, values and number length, so that work is linear in the body.
//!
//! The result is a flat tape over the text, read through [`Value`] cursors. The same type serves request
//! bodies, replies, configurations and the literals in policies, so they all compare alike.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::string_slice,
        reason = "a test may panic"
    )
)]

mod canonical;
mod decimal;
mod edit;
mod fold;
mod keys;
pub mod order;
mod reader;
mod tape;
mod text;
mod value;
mod write;

pub use canonical::{canonical, compact, legible};
pub use decimal::{Decimal, MAX_EXPONENT};
pub use edit::Edits;
pub use fold::{fold_case, impersonated, is_case_variant};
pub use keys::Keys;
pub use reader::{JsonError, JsonErrorKind, Limits};
pub use tape::Kind;
pub use text::Text;
pub use value::{Document, Members, Value};
pub use write::{ObjectWriter, is_unprintable, one_line, quoted};
