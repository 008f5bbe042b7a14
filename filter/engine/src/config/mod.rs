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
mod limits;
#[cfg(feature = "lint")]
mod lint;
mod pins;
mod reader;
mod results;
mod rules;
mod wording;

pub use crate::json::canonical;
pub use crate::protobuf::struct_to_json;
#[cfg(feature = "explain")]
pub(crate) use conditions::op_name;
pub use console::{Approver, Console};
pub use error::{ConfigError, ConfigErrors};
#[cfg(feature = "lint")]
pub use lint::{KINDS as LINT_KINDS, Lint, LintKind, lint};

use std::sync::Arc;

use crate::Names;
use crate::counters::Table;
use crate::identity::{Identity, Servers};
use crate::pins::Pins;
use crate::policy::Policy;
use crate::redact::ResultRules;

/// A compiled configuration: everything the data path needs, immutable.
#[derive(Debug)]
pub struct Gate {
    /// SHA-256 over the canonical document, in hex: the same policy has the same digest however it is
    /// spelled.
    pub digest: String,
    /// The policies: those under `policies`, or the one inline policy.
    pub policies: Vec<Policy>,
    /// Whether policies are picked by identity.
    pub named_policies: bool,
    /// How callers are told apart.
    pub identity: Identity,
    /// The upstreams.
    pub servers: Servers,
    /// Attributes of the host that are needed to tell callers and upstreams apart.
    pub attributes: Vec<&'static str>,
    /// Whether refusals are enforced.
    pub mode: Mode,
    /// The stop switch: refuse every call.
    pub stopped: bool,
    /// Exceptions to the table of methods.
    pub methods: Methods,
    /// How HTTP is handled.
    pub http: Http,
    /// Where counters live.
    pub counters: Counters,
    /// How people are asked.
    pub approvals: Approvals,
    /// How replies are handled.
    pub results: Results,
    /// The definitions tools must have; absent where none are pinned.
    pub pins: Option<Pins>,
    /// What is recorded.
    pub audit: Audit,
}

/// Whether refusals are enforced or only recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Refuse.
    #[default]
    Enforce,
    /// Decide and record, never refuse by policy.
    Shadow,
}

/// Exceptions to the table of methods.
#[derive(Debug, Default)]
pub struct Methods {
    /// Unknown methods to forward.
    pub allow: Names,
    /// Known methods to refuse.
    pub deny: Names,
}

/// How HTTP is handled.
#[derive(Debug)]
pub struct Http {
    /// Hold request headers until the body is judged. Needs `allow_on_headers_stop_iteration` on the host.
    pub hold_request_headers: bool,
    /// How long a request whose headers are held may take until its body begins, in seconds.
    pub body_timeout: i64,
    /// Largest request body, in bytes.
    pub max_body_bytes: usize,
    /// Put before the text of every refusal.
    pub denial_prefix: String,
}

impl Default for Http {
    fn default() -> Self {
        Http {
            hold_request_headers: true,
            body_timeout: 10,
            max_body_bytes: 1 << 20,
            denial_prefix: "[POLICY DENIED] ".to_owned(),
        }
    }
}

/// Where counters live.
#[derive(Debug)]
pub struct Counters {
    /// Layout of the shared table.
    pub table: Table,
    /// Forward calls that cannot be counted. Off by default.
    pub allow_on_store_error: bool,
}

impl Default for Counters {
    fn default() -> Self {
        Counters {
            table: Table::new(65_536),
            allow_on_store_error: false,
        }
    }
}

/// How people are asked.
#[derive(Debug)]
pub struct Approvals {
    /// How clients wait.
    pub mode: AskMode,
    /// Signs what is handed to clients; always there with [`AskMode::Mrtr`].
    pub key: Option<Box<str>>,
    /// Most questions that are open at a time.
    pub max_pending: usize,
    /// Most requests one VM holds.
    pub max_held: usize,
    /// Who is told of questions and answers.
    pub notify: Option<Notify>,
    /// Whether any rule asks.
    pub used: bool,
}

impl Default for Approvals {
    fn default() -> Self {
        Approvals {
            mode: AskMode::Hold,
            key: None,
            max_pending: 256,
            max_held: 256,
            notify: None,
            used: false,
        }
    }
}

/// How clients wait for a person longer than a request can be held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AskMode {
    /// They are told, and repeat the call later.
    #[default]
    Hold,
    /// Those of 2026-07-28 retry at once, by a signed `requestState`.
    Mrtr,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// The host's cluster.
    pub cluster: Box<str>,
    /// `:path`.
    pub path: Box<str>,
    /// `:authority`.
    pub authority: Box<str>,
    /// Signs the body.
    pub hmac_secret: Box<str>,
    /// How long an announcement may take, in seconds.
    pub timeout: i64,
}

/// How replies are handled.
#[derive(Debug)]
pub struct Results {
    /// Largest JSON reply, or event of a stream, that is inspected, in bytes. Larger ones are withheld.
    pub max_json_bytes: usize,
    /// What applies to every reply: lists and housekeeping, and callers without a policy.
    pub rules: Arc<ResultRules>,
}

impl Default for Results {
    fn default() -> Self {
        Results {
            max_json_bytes: 4 << 20,
            rules: Arc::default(),
        }
    }
}

/// What is recorded of a decision.
#[derive(Debug)]
pub struct Audit {
    /// Also write each record to the proxy's log.
    pub log: bool,
    /// How much of the arguments to record.
    pub args: AuditArgs,
    /// Longest record, in bytes.
    pub max_bytes: usize,
    /// Claims of the caller to record.
    pub claims: Vec<Box<str>>,
    /// Recent decisions each VM keeps for operators to see.
    pub recent: usize,
    /// Record the SHA-256 of results.
    pub result_digest: bool,
}

impl Default for Audit {
    fn default() -> Self {
        Audit {
            log: true,
            args: AuditArgs::Keys,
            max_bytes: 8192,
            claims: Vec::new(),
            recent: 64,
            result_digest: false,
        }
    }
}

/// How much of the arguments is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditArgs {
    /// Nothing.
    None,
    /// The names of the top-level arguments.
    #[default]
    Keys,
    /// Everything.
    Full,
}

impl Gate {
    /// The index of the policy with this name under `policies`.
    pub fn policy_index(&self, name: &str) -> Option<usize> {
        self.policies
            .iter()
            .position(|policy| self.named_policies && *policy.name == *name)
    }

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
