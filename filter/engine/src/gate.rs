//! The compiled configuration: everything the data path needs, immutable. [`config`](crate::config) makes it from a document.

use std::sync::Arc;

use crate::Names;
use crate::approvals::Approvals;
use crate::audit::Audit;
use crate::counters::Counters;
use crate::identity::{Identity, PolicyNames, Principal, Servers};
use crate::metrics::Metrics;
use crate::pins::Pins;
use crate::policy::{Policy, ResultRules};

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
    /// What is counted among the host's statistics.
    pub metrics: Metrics,
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
    /// Largest request body, in bytes. The default is what servers of the TypeScript SDK take.
    pub max_body_bytes: usize,
    /// Most text of requests and replies that a worker keeps at a time, of all streams, in bytes.
    pub max_kept_bytes: usize,
    /// Put before the text of every refusal.
    pub denial_prefix: String,
    /// Forward what a caller asks of the host's own router.
    pub trust_envoy_headers: bool,
}

impl Default for Http {
    fn default() -> Self {
        Http {
            hold_request_headers: true,
            body_timeout: 10,
            max_body_bytes: 4 << 20,
            max_kept_bytes: 256 << 20,
            denial_prefix: "[POLICY DENIED] ".to_owned(),
            trust_envoy_headers: false,
        }
    }
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

impl Gate {
    /// The policy of a caller, if it has one.
    pub fn policy_of(&self, principal: &Principal) -> Option<&Policy> {
        principal.policy.and_then(|index| self.policies.get(index))
    }

    /// The policies, as identity sources name them.
    pub fn policy_names(&self) -> PolicyNames<'_> {
        PolicyNames::new(&self.policies, self.named_policies)
    }
}
