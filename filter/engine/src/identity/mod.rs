//! Who is calling, and where: established from what the host verified, never from what a client may write.
//!
//! Everything here happens on request headers: of a stranger's request nothing is buffered.

mod grants;
mod metadata;
mod network;
mod policies;
mod resolve;
mod servers;

use std::borrow::Cow;

pub use grants::{Grant, Grants, TokenHash};
pub use network::network;
pub use policies::PolicyNames;
pub use servers::{Host, Server, Servers};

use crate::json::{Document, Limits};
use crate::shares::Share;
use crate::time::Timestamp;

/// A caller.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Its id within its source, for people.
    pub id: Box<str>,
    /// Which source established it; with `id` unique among principals.
    pub source: &'static str,
    /// Tells principals of one id apart, such as the issuer of a token.
    pub realm: Box<str>,
    /// A name for people.
    pub label: Option<Box<str>>,
    /// Its policy, as an index into the gate's; `None` if it has none.
    pub policy: Option<usize>,
    /// Flat claims, as an object; what `identity.*` paths read.
    pub claims: Option<Document<'static>>,
    /// Whether its claims came as doubles and one of them is a number that may have been another.
    pub rounded: bool,
    /// The [network] it calls from, where nothing else tells it from others and something shared depends on that.
    pub network: Option<Box<str>>,
}

impl Principal {
    /// The one principal of a gate without identity sources.
    pub fn anonymous() -> Self {
        Principal {
            id: "anonymous".into(),
            source: "anonymous",
            realm: "".into(),
            label: None,
            policy: Some(0),
            claims: None,
            rounded: false,
            network: None,
        }
    }

    /// Who vouches for it, where callers of one source have several: the issuer of its token.
    pub fn issuer(&self) -> Option<&str> {
        Some(&*self.realm).filter(|issuer| self.source == "jwt" && !issuer.is_empty())
    }

    /// What tells it from all other principals, as parts of a counter's key.
    pub fn key(&self) -> [&[u8]; 3] {
        [
            self.source.as_bytes(),
            self.realm.as_bytes(),
            self.id.as_bytes(),
        ]
    }

    /// What it has of tables and lists that all callers share.
    pub fn share(&self) -> Share {
        let [source, realm, id] = self.key();
        let network = self.network.as_deref().unwrap_or_default();
        Share::of(&[source, realm, id, network.as_bytes()])
    }
}

/// Who calls which server.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// Which server, if they are told apart.
    pub server: Option<Box<str>>,
    /// Request headers that must not go upstream: credentials the gate accepted.
    pub removals: Vec<Cow<'static, str>>,
    /// When the credential is over, where the gate knows that.
    pub expires: Option<Timestamp>,
}

/// What the host knows of a connection and its request, by the name of the attribute.
#[derive(Clone, Debug, Default)]
pub struct Attributes(pub Vec<(&'static str, Vec<u8>)>);

impl Attributes {
    /// The typed metadata that other filters left: `envoy.config.core.v3.Metadata`.
    pub const METADATA: &str = "metadata";
    /// The route Envoy matched.
    pub const ROUTE: &str = "xds.route_name";
    /// The URI SAN of the client certificate that Envoy verified.
    pub const URI_SAN: &str = "connection.uri_san_peer_certificate";
    /// Its DNS SAN.
    pub const DNS_SAN: &str = "connection.dns_san_peer_certificate";
    /// Its subject.
    pub const SUBJECT: &str = "connection.subject_peer_certificate";

    /// Where the connection comes from, as `address:port`; behind trusted proxies, where they say it comes from.
    pub const SOURCE: &str = "source.address";
    /// The SHA-256 of the client certificate, whatever names it has.
    pub const CERTIFICATE: &str = "connection.sha256_peer_certificate_digest";
    /// Its end in seconds, which no attribute of Envoy's tells: `set_filter_state` leaves it there, if it is asked to. A
    /// connection may outlive its certificate.
    pub const CERTIFICATE_END: &str = "filter_state.toolgate_certificate_end";

    /// An attribute that is there and not empty.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self
            .0
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_slice());
        found.filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }
}

/// Why a caller is turned away. The words end the rule pointer `/identity/<word>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// No credential.
    Missing,
    /// A credential nobody knows.
    Unknown,
    /// A grant past its `expires`.
    Expired,
    /// A grant that was taken back.
    Revoked,
    /// A claim that is required is not there.
    Claims,
    /// A grant for other servers.
    Server,
}

impl Stranger {
    /// All of them, for documentation and metrics.
    pub const ALL: [Stranger; 6] = [
        Stranger::Missing,
        Stranger::Unknown,
        Stranger::Expired,
        Stranger::Revoked,
        Stranger::Claims,
        Stranger::Server,
    ];

    /// The last part of the rule pointer.
    pub fn word(self) -> &'static str {
        match self {
            Stranger::Missing => "missing",
            Stranger::Unknown => "unknown",
            Stranger::Expired => "expired",
            Stranger::Revoked => "revoked",
            Stranger::Claims => "claims",
            Stranger::Server => "server",
        }
    }

    /// What to tell the caller.
    pub fn message(self) -> &'static str {
        match self {
            Stranger::Missing => "a credential is needed",
            Stranger::Unknown => "the credential is not known here",
            Stranger::Expired => "the credential has expired",
            Stranger::Revoked => "the credential has been revoked",
            Stranger::Claims => "the identity lacks a claim that is required here",
            Stranger::Server => "the credential is not for this server",
        }
    }

    /// Whether another credential might help (401), or this one is not enough (403).
    pub fn is_unauthenticated(self) -> bool {
        !matches!(self, Stranger::Claims | Stranger::Server)
    }
}

/// A caller that is turned away, and who it is, where that is known.
#[derive(Clone, Debug)]
pub struct TurnedAway {
    /// Why.
    pub stranger: Stranger,
    /// Who.
    pub principal: Option<Box<Principal>>,
}

impl From<Stranger> for TurnedAway {
    fn from(stranger: Stranger) -> Self {
        TurnedAway {
            stranger,
            principal: None,
        }
    }
}

/// Where identities come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A bearer token of a grant.
    Grant,
    /// A JWT that Envoy's `jwt_authn` verified; its payload is in dynamic metadata under this key.
    Jwt {
        /// `payload_in_metadata` of the provider.
        payload: Box<str>,
        /// The claim that is the principal's id.
        subject: Box<str>,
        /// The claim that names the policy.
        policy_claim: Option<Box<str>>,
        /// The policy where no claim names one, as an index.
        policy: Option<usize>,
    },
    /// A client certificate that Envoy verified.
    Mtls {
        /// One of [`Attributes::URI_SAN`], [`Attributes::DNS_SAN`], [`Attributes::SUBJECT`].
        attribute: &'static str,
        /// The policy, as an index.
        policy: Option<usize>,
    },
    /// A header that an earlier, trusted filter sets. A client must not be able to.
    Header {
        /// Its name, in lower case.
        name: Box<str>,
        /// The policy, as an index.
        policy: Option<usize>,
        /// Leave it to routes and servers, who may read it too.
        keep: bool,
    },
}

/// How callers are told apart.
#[derive(Debug, Default)]
pub struct Identity {
    /// In order; the first that yields a principal wins. Without any, all callers are one principal.
    pub sources: Vec<Source>,
    /// Turn away callers without a credential.
    pub required: bool,
    /// Claims every principal must have.
    pub require_claims: Vec<Box<str>>,
    /// Where a client may learn how to get a credential (RFC 9728).
    pub resource_metadata: Option<Box<str>>,
    /// Known tokens.
    pub grants: Grants,
}

/// Claims as the object that `identity.*` paths read: those given, and the reserved names.
fn claims_document(
    claims: Option<&str>,
    reserved: &[(&str, Option<&str>)],
) -> Option<Document<'static>> {
    let mut members = Vec::new();
    for (name, value) in reserved {
        if let Some(value) = value {
            members.push(format!("{}:{}", json_text(name)?, json_text(value)?));
        }
    }
    if let Some(claims) = claims {
        let document = Document::parse(claims.as_bytes(), &Limits::WIRE).ok()?;
        for (key, value) in document.root().members() {
            if !RESERVED.iter().any(|name| key.is(name)) {
                members.push(format!("\"{}\":{}", key.raw(), value.raw()));
            }
        }
    }
    Document::parse_owned(format!("{{{}}}", members.join(",")), &Limits::WIRE).ok()
}

/// Names in `identity.*` that no claim can take.
pub const RESERVED: [&str; 4] = ["id", "grant", "policy", "label"];

fn json_text(text: &str) -> Option<String> {
    serde_json::to_string(text).ok()
}
