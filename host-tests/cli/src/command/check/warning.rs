//! What is legal for a host but not good for the gate.

use toolgate_engine::json::Value;

use crate::command::diagnostic::{Diagnostic, Severity};
use toolgate_document::Document;

/// A kind of warning about a host's file. Codes stay what they are; `envoy/README.md` lists them.
#[derive(Debug, PartialEq, Eq)]
pub struct Warning {
    /// Stable, never used for anything else.
    pub code: &'static str,
    /// What to do.
    pub help: &'static str,
}

macro_rules! warnings {
    ($($name:ident $code:literal $help:literal)*) => {
        $(pub(super) const $name: Warning = Warning { code: $code, help: $help };)*
        /// Every kind, by code.
        pub const WARNINGS: &[Warning] = &[$($name),*];
    };
}

warnings! {
    WINDOW "TH01" "in HTTP/2 a stream's window is Envoy's buffer for what the gate holds of it: make it 8388608"
    BUFFER "TH02" "make it 8388608: what is larger is answered with 413, and a reply with 500 after the call has run"
    STRUCT "TH03" "Envoy's YAML reader comes first: `NO` is false there, `0.5` is text; write JSON text in a `StringValue`"
    PATTERN "TH04" "give the whole `path`, one route each: a server may read another spelling as the path of its MCP endpoint"
    DISABLED "TH05" "leave the gate on in the listener and switch it off in routes: one that is forgotten is then judged"
    RETRY "TH06" "take it away: a call that is sent twice may run twice"
    TIMEOUT "TH07" "`timeout: 0s`: the default of 15 s cuts every SSE stream"
    PATHS "TH08" "one spelling of each path, or a route's prefix does not mean what it says"
    UNDERSCORES "TH09" "`headers_with_underscores_action: REJECT_REQUEST`: servers that turn headers into variables read `x_user` as `x-user`"
    STOP_ITERATION "TH10" "without it the gate never gets a body, and each call is answered with 503 after 10 s"
    FAILURE "TH11" "`FAIL_RELOAD`: a fault refuses one request, and the worker has a new VM a second later"
}

impl Warning {
    /// At a value of a document.
    pub(super) fn at(
        &self,
        document: &Document,
        value: Value<'_>,
        message: impl Into<String>,
    ) -> Diagnostic {
        let position = document.position(value);
        Diagnostic {
            severity: Severity::Warning,
            code: Some(self.code.to_owned()),
            file: document.source().name().to_owned(),
            position,
            pointer: String::new(),
            message: message.into(),
            suggestion: None,
            help: Some(self.help.to_owned()),
            excerpt: document.source().excerpt(position),
        }
    }
}
