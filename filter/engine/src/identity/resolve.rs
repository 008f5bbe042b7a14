//! From the headers of a request to its caller.

use std::borrow::Cow;

use super::metadata::jwt_payloads;
use super::{Attributes, Caller, Grant, Identity, Principal, Source, Stranger, claims_document};
use crate::config::Gate;
use crate::exchange::{Headers, header};
use crate::json::{Document, Limits};
use crate::time::Timestamp;

/// The credential a request presents.
struct Credential<'h> {
    /// The token of a bearer authorization.
    bearer: Option<&'h [u8]>,
    /// Whether there is any authorization at all.
    presented: bool,
}

impl Identity {
    /// The caller of a request for `server`.
    ///
    /// # Errors
    /// Why it is turned away, and as whom, if that is known.
    pub fn resolve(
        &self,
        gate: &Gate,
        headers: &Headers,
        attributes: &Attributes,
        server: Option<Box<str>>,
        now: Timestamp,
    ) -> Result<Caller, (Stranger, Option<Box<str>>)> {
        if self.sources.is_empty() {
            return Ok(Caller {
                principal: Principal::anonymous(),
                server,
                removals: Vec::new(),
            });
        }
        let credential = read_credential(headers);
        let grant = credential.bearer.and_then(|token| self.grants.find(token));
        let mut removals: Vec<Cow<'static, str>> = Vec::new();
        if grant.is_some() {
            removals.push("authorization".into());
        }
        let mut found = None;
        for source in &self.sources {
            if let Source::Header { name, .. } = source {
                removals.push(name.to_string().into());
            }
            if found.is_some() {
                continue;
            }
            found = match source {
                Source::Grant => match grant {
                    Some(grant) => Some(by_grant(grant, server.as_deref(), now)?),
                    None => None,
                },
                Source::Jwt {
                    payload,
                    subject,
                    policy_claim,
                    policy,
                } => {
                    let principal = by_jwt(
                        gate,
                        attributes,
                        payload,
                        subject,
                        policy_claim.as_deref(),
                        *policy,
                    );
                    if principal.is_some() && credential.presented {
                        removals.push("authorization".into());
                    }
                    principal
                }
                Source::Mtls { attribute, policy } => attributes
                    .text(attribute)
                    .map(|id| plain(gate, id, "mtls", attribute, *policy)),
                Source::Header { name, policy } => {
                    let value =
                        header(headers, name).and_then(|value| std::str::from_utf8(value).ok());
                    value
                        .filter(|id| !id.is_empty())
                        .map(|id| plain(gate, id, "header", name, *policy))
                }
            };
        }
        let principal = match found {
            Some(principal) => principal,
            None if credential.presented => return Err((Stranger::Unknown, None)),
            None if self.required => return Err((Stranger::Missing, None)),
            None => Principal {
                policy: (gate.policies.len() == 1 && !gate.named_policies).then_some(0),
                ..Principal::anonymous()
            },
        };
        let claim = |name: &str| {
            let claims = principal.claims.as_ref().map(Document::root);
            claims
                .and_then(|claims| claims.get(name))
                .is_some_and(|claim| !claim.is_null())
        };
        if !self.require_claims.iter().all(|name| claim(name)) {
            return Err((Stranger::Claims, Some(principal.id)));
        }
        Ok(Caller {
            principal,
            server,
            removals,
        })
    }
}

fn read_credential(headers: &Headers) -> Credential<'_> {
    let value = header(headers, "authorization").filter(|value| !value.is_empty());
    let bearer = value.and_then(|value| {
        let (scheme, token) = value.split_at_checked(7)?;
        scheme
            .eq_ignore_ascii_case(b"bearer ")
            .then(|| token.trim_ascii())
    });
    Credential {
        bearer: bearer.filter(|token| !token.is_empty()),
        presented: value.is_some(),
    }
}

fn by_grant(
    grant: &Grant,
    server: Option<&str>,
    now: Timestamp,
) -> Result<Principal, (Stranger, Option<Box<str>>)> {
    let turned_away = |stranger| Err((stranger, Some(grant.id.clone())));
    if grant.revoked {
        return turned_away(Stranger::Revoked);
    }
    if grant.expires.is_some_and(|expires| now >= expires) {
        return turned_away(Stranger::Expired);
    }
    let good_here = grant.servers.is_empty()
        || server.is_some_and(|server| grant.servers.iter().any(|name| **name == *server));
    if !good_here {
        return turned_away(Stranger::Server);
    }
    let reserved = [
        ("id", Some(&*grant.id)),
        ("grant", Some(&*grant.id)),
        ("policy", grant.policy_name.as_deref()),
        ("label", grant.label.as_deref()),
    ];
    Ok(Principal {
        id: grant.id.clone(),
        source: "grant",
        realm: "".into(),
        label: grant.label.clone(),
        policy: grant.policy,
        claims: claims_document(grant.claims.as_deref(), &reserved),
    })
}

fn by_jwt(
    gate: &Gate,
    attributes: &Attributes,
    payload: &str,
    subject: &str,
    policy_claim: Option<&str>,
    policy: Option<usize>,
) -> Option<Principal> {
    let payloads = jwt_payloads(attributes.get(Attributes::METADATA)?)?;
    let document = Document::parse(payloads.as_bytes(), &Limits::WIRE).ok()?;
    let claims = document.root().get(payload)?;
    let id = claims.get(subject)?.as_str().filter(|id| !id.is_empty())?;
    let issuer = claims
        .get("iss")
        .and_then(|issuer| issuer.as_str())
        .unwrap_or_default();
    let named = policy_claim.and_then(|claim| claims.get(claim));
    let policy = match named {
        // A claim that names an unknown policy, or no name at all, leaves the caller without one.
        Some(name) => name.as_str().and_then(|name| gate.policy_index(&name)),
        None => policy,
    };
    let policy_name = policy
        .and_then(|index| gate.policies.get(index))
        .map(|policy| &*policy.name);
    let reserved = [("id", Some(&*id)), ("policy", policy_name)];
    Some(Principal {
        id: (*id).into(),
        source: "jwt",
        realm: (*issuer).into(),
        label: None,
        policy,
        claims: claims_document(Some(claims.raw()), &reserved),
    })
}

fn plain(
    gate: &Gate,
    id: &str,
    source: &'static str,
    realm: &str,
    policy: Option<usize>,
) -> Principal {
    let policy_name = policy
        .and_then(|index| gate.policies.get(index))
        .map(|policy| &*policy.name);
    Principal {
        id: id.into(),
        source,
        realm: realm.into(),
        label: None,
        policy,
        claims: claims_document(None, &[("id", Some(id)), ("policy", policy_name)]),
    }
}
