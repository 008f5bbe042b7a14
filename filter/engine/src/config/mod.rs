//! From a configuration document to a [`Gate`].
//!
//! Reading goes on after an error, so that all of them are reported at once; only a document without any
//! becomes a gate. Unknown keys are errors everywhere: a misspelt `defualt: deny` must not be an open door.

mod approval;
mod approvals;
mod compile;
mod conditions;
mod console;
mod error;
mod identity;
mod json_v1;
#[cfg(feature = "schema")]
pub mod keys;
mod limits;
#[cfg(feature = "lint")]
mod lint;
mod pins;
mod reader;
mod results;
mod rules;
mod wording;

pub use crate::approvals::{Approvals, AskMode, Notify};
pub use crate::audit::{Audit, AuditArgs};
pub use crate::console::{Approver, Console};
pub use crate::counters::Counters;
pub use crate::gate::{Gate, Http, Methods, Mode, Results};
pub use crate::json::canonical;
pub use crate::protobuf::struct_to_json;
pub use error::{ConfigError, ConfigErrors, nearest};
#[cfg(feature = "lint")]
pub use lint::{KINDS as LINT_KINDS, Lint, LintKind, lint};

impl Gate {
    /// As [`Configured::from_bytes`], for a gate.
    ///
    /// # Errors
    /// Every error in the document; a console's document is one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Gate, ConfigErrors> {
        Configured::from_bytes(bytes)?.gate()
    }

    /// As [`Configured::from_json`], for a gate.
    ///
    /// # Errors
    /// Every error in the document; a console's document is one.
    pub fn from_json(text: &[u8], doubles: bool) -> Result<Gate, ConfigErrors> {
        Configured::from_json(text, doubles)?.gate()
    }
}

/// What a document configures.
#[derive(Debug)]
pub enum Configured {
    /// A gate: it has a policy.
    Gate(Box<Gate>),
    /// A console: it has `console` and no policy.
    Console(Console),
}

impl Configured {
    /// Reads a plugin configuration as a host hands it over: JSON text, or a serialized
    /// `google.protobuf.Struct`. Envoy delivers a `Struct` as protobuf, not as JSON (measured on 1.40).
    ///
    /// # Errors
    /// Every error in the document.
    pub fn from_bytes(bytes: &[u8]) -> Result<Configured, ConfigErrors> {
        match struct_to_json(bytes) {
            Some(json) => Configured::from_json(json.as_bytes(), true),
            None => Configured::from_json(bytes, false),
        }
    }

    /// Reads a configuration from JSON text. `doubles` tells that its numbers have been through doubles, so
    /// that integers beyond 2^53 cannot be trusted.
    ///
    /// # Errors
    /// Every error in the document.
    pub fn from_json(text: &[u8], doubles: bool) -> Result<Configured, ConfigErrors> {
        compile::configured(text, doubles)
    }

    fn gate(self) -> Result<Gate, ConfigErrors> {
        match self {
            Configured::Gate(gate) => Ok(*gate),
            Configured::Console(_) => Err(ConfigErrors(vec![ConfigError {
                pointer: "/console".to_owned(),
                message: "this document configures a console; a gate needs a policy".to_owned(),
                suggestion: None,
            }])),
        }
    }
}
