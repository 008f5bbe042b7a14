//! From a configuration document to a [`Gate`].
//!
//! Reading goes on after an error, so that all of them are reported at once; only a document without any
//! becomes a gate. Unknown keys are errors everywhere: a misspelt `defualt: deny` must not be an open door.

mod approval;
mod approvals;
mod article;
mod audit;
mod catalog;
mod conditions;
mod console;
mod counters;
mod document;
mod error;
mod http;
mod identity;
mod json_v1;
#[cfg(feature = "schema")]
pub mod keys;
mod limits;
#[cfg(feature = "lint")]
mod lint;
mod metrics;
mod naming;
mod pins;
mod reader;
mod redactions;
mod results;
mod rule_limits;
mod rules;
mod wording;

pub use crate::approvals::{Approvals, AskMode, Notify};
pub use crate::audit::{Audit, AuditArgs};
pub use crate::console::{Approver, Console};
pub use crate::counters::Counters;
pub use crate::gate::{Gate, Http, Methods, Mode, Results};
pub use crate::json::canonical;
pub use crate::protobuf::struct_to_json;
pub use document::Configured;
pub use error::{ConfigError, ConfigErrors, nearest};
#[cfg(feature = "lint")]
pub use lint::{KINDS as LINT_KINDS, Lint, LintKind, lint};

const MODES: [(&str, Mode); 2] = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];

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
