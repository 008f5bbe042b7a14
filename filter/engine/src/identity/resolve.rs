//! From the headers of a request to its caller.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::metadata::jwt_payloads;
use super::{
    Attributes, Caller, Grant, Identity, PolicyNames, Principal, Source, Stranger, TurnedAway,
    claims_document, network,
};
use crate::headers::{Headers, header};
use crate::json::{Decimal, Document, Kind, Limits, Value};
use crate::protobuf::holds_rounded;
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
        policies: PolicyNames<'_>,
        headers: &Headers,
        attributes: &Attributes,
        server: Option<Box<str>>,
        now: Timestamp,
    ) -> Result<Caller, TurnedAway> {
        if self.sources.is_empty() {
            return Ok(Caller {
                principal: unidentified(policies, attributes),
                server,
                removals: Vec::new(),
                expires: None,
            });
        }
        let credential = read_credential(headers);
        let grant = credential.bearer.and_then(|token| self.grants.find(token));
        let mut removals: Vec<Cow<'static, str>> = Vec::new();
        if grant.is_some() {
            removals.push("authorization".into());
        }
        let mut found = None;
        let mut expires = None;
        for source in &self.sources {
            if let Source::Header {
                name, keep: false, ..
            } = source
            {
                removals.push(name.to_string().into());
            }
            if found.is_some() {
                continue;
            }
            found = match source {
                Source::Grant => match grant {
                    Some(grant) => {
                        expires = grant.expires;
                        Some(by_grant(grant, server.as_deref(), now)?)
                    }
                    None => None,
                },
                Source::Jwt {
                    payload,
                    subject,
                    policy_claim,
                    policy,
                } => {
                    let token = by_jwt(
                        policies,
                        attributes,
                        payload,
                        subject,
                        policy_claim.as_deref(),
                        *policy,
                    )?;
                    let principal = match token {
                        Some((principal, end)) => {
                            expires = end;
                            Some(not_after(principal, end, now)?)
                        }
                        None => None,
                    };
                    if principal.is_some() && credential.presented {
                        removals.push("authorization".into());
                    }
                    principal
                }
                Source::Mtls { attribute, policy } => {
                    match by_certificate(attributes, attribute)? {
                        Some(id) => {
                            expires = certificate_end(attributes)?;
                            let principal = plain(policies, id, "mtls", attribute, *policy);
                            Some(not_after(principal, expires, now)?)
                        }
                        None => None,
                    }
                }
                Source::Header { name, policy, .. } => {
                    by_header(headers, name)?.map(|id| plain(policies, id, "header", name, *policy))
                }
            };
        }
        // A token is a claim to be somebody, whoever else the caller is: it has to be known, where tokens are read.
        let reads_tokens = self
            .sources
            .iter()
            .any(|source| matches!(source, Source::Grant | Source::Jwt { .. }));
        let by_token = found
            .as_ref()
            .is_some_and(|principal| matches!(principal.source, "grant" | "jwt"));
        if found.is_some() && credential.presented && reads_tokens && !by_token && grant.is_none() {
            return Err(Stranger::Unknown.into());
        }
        let principal = match found {
            Some(principal) => principal,
            None if credential.presented => return Err(Stranger::Unknown.into()),
            None if self.required => return Err(Stranger::Missing.into()),
            None => unidentified(policies, attributes),
        };
        let claim = |name: &str| {
            let claims = principal.claims.as_ref().map(Document::root);
            claims
                .and_then(|claims| claims.get(name))
                .is_some_and(says_something)
        };
        if !self.require_claims.iter().all(|name| claim(name)) {
            // Nobody in particular may yet become somebody.
            let stranger = if principal.source == "anonymous" {
                Stranger::Missing
            } else {
                Stranger::Claims
            };
            return Err(TurnedAway {
                stranger,
                principal: Some(Box::new(principal)),
            });
        }
        Ok(Caller {
            principal,
            server,
            removals,
            expires,
        })
    }
}

/// Whether a claim is there: `email_verified: false` and an empty list of groups are claims to nothing.
fn says_something(claim: Value<'_>) -> bool {
    match claim.kind() {
        Kind::Null | Kind::False => false,
        Kind::Array => claim.items().next().is_some(),
        Kind::Object => claim.members().next().is_some(),
        _ => claim.as_str().is_none_or(|text| !text.is_empty()),
    }
}

/// A caller of whom nothing is known. Where policies have names none of them is its own.
fn unidentified(policies: PolicyNames<'_>, attributes: &Attributes) -> Principal {
    Principal {
        policy: policies.of_anybody(),
        network: attributes.text(Attributes::SOURCE).map(network),
        ..Principal::anonymous()
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

fn by_grant(grant: &Grant, server: Option<&str>, now: Timestamp) -> Result<Principal, TurnedAway> {
    let reserved = [
        ("id", Some(&*grant.id)),
        ("grant", Some(&*grant.id)),
        ("policy", grant.policy_name.as_deref()),
        ("label", grant.label.as_deref()),
    ];
    let principal = Principal {
        id: grant.id.clone(),
        source: "grant",
        realm: "".into(),
        label: grant.label.clone(),
        policy: grant.policy,
        claims: claims_document(grant.claims.as_deref(), &reserved),
        rounded: false,
        network: None,
    };
    let good_here = grant.servers.is_empty()
        || server.is_some_and(|server| grant.servers.iter().any(|name| **name == *server));
    let stranger = if grant.revoked {
        Stranger::Revoked
    } else if grant.expires.is_some_and(|expires| now >= expires) {
        Stranger::Expired
    } else if !good_here {
        Stranger::Server
    } else {
        return Ok(principal);
    };
    Err(TurnedAway {
        stranger,
        principal: Some(Box::new(principal)),
    })
}

fn by_jwt(
    policies: PolicyNames<'_>,
    attributes: &Attributes,
    payload: &str,
    subject: &str,
    policy_claim: Option<&str>,
    policy: Option<usize>,
) -> Result<Option<(Principal, Option<Timestamp>)>, TurnedAway> {
    let unknown = || TurnedAway::from(Stranger::Unknown);
    let metadata = attributes.get(Attributes::METADATA).unwrap_or_default();
    // What was verified and cannot be read whole was presented all the same: nobody else may speak for its bearer.
    let payloads = jwt_payloads(metadata).map_err(|_unreadable| unknown())?;
    let Some(payloads) = payloads else {
        return Ok(None);
    };
    let document =
        Document::parse(payloads.as_bytes(), &Limits::WIRE).map_err(|_unreadable| unknown())?;
    let Some(claims) = document.root().get(payload) else {
        return Ok(None);
    };
    // A verified token that names nobody was presented all the same: `jwt_authn` has taken the header off by now.
    let subject = claims.get(subject).and_then(|subject| subject.as_str());
    let id = subject.filter(|id| !id.is_empty()).ok_or_else(unknown)?;
    let end = claims
        .get("exp")
        .filter(|end| !end.is_null())
        .map(|end| numeric_date(end).ok_or_else(unknown))
        .transpose()?;
    let issuer = claims
        .get("iss")
        .and_then(|issuer| issuer.as_str())
        .unwrap_or_default();
    let named = policy_claim.and_then(|claim| claims.get(claim));
    let policy = match named {
        // A claim that names an unknown policy, or no name at all, leaves the caller without one.
        Some(name) => name.as_str().and_then(|name| policies.index(&name)),
        None => policy,
    };
    let policy_name = policies.name(policy);
    let reserved = [("id", Some(&*id)), ("policy", policy_name)];
    let document = claims_document(Some(claims.raw()), &reserved).ok_or_else(unknown)?;
    let principal = Principal {
        id: (*id).into(),
        source: "jwt",
        realm: (*issuer).into(),
        label: None,
        policy,
        claims: Some(document),
        rounded: holds_rounded(claims),
        network: None,
    };
    Ok(Some((principal, end)))
}

/// A time as claims write it (RFC 7519, `NumericDate`): seconds, maybe with a fraction. What lies beyond all clocks is cut.
fn numeric_date(value: Value<'_>) -> Option<Timestamp> {
    let seconds = value.as_decimal()?;
    let last = Timestamp::from_nanos(u64::MAX);
    if seconds.compare(&Decimal::parse(&last.seconds().to_string())?) != Ordering::Less {
        return Some(last);
    }
    let nanos = seconds.to_nanos()?.max(0);
    u64::try_from(nanos).ok().map(Timestamp::from_nanos)
}

/// The end of the client certificate, where the host was asked to tell it: seconds, and a dash where it has none.
fn certificate_end(attributes: &Attributes) -> Result<Option<Timestamp>, TurnedAway> {
    let told = attributes.get(Attributes::CERTIFICATE_END);
    let Some(text) = told.filter(|text| *text != b"-") else {
        return Ok(None);
    };
    let seconds = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    match seconds {
        Some(seconds) => Ok(Some(Timestamp::from_seconds(seconds))),
        None => Err(Stranger::Unknown.into()),
    }
}

/// A caller whose credential is not over yet.
fn not_after(
    principal: Principal,
    end: Option<Timestamp>,
    now: Timestamp,
) -> Result<Principal, TurnedAway> {
    if end.is_none_or(|end| now < end) {
        return Ok(principal);
    }
    Err(TurnedAway {
        stranger: Stranger::Expired,
        principal: Some(Box::new(principal)),
    })
}

/// The name in a certificate, where there is a certificate.
fn by_certificate<'a>(
    attributes: &'a Attributes,
    attribute: &str,
) -> Result<Option<&'a str>, TurnedAway> {
    let name = attributes.get(attribute);
    if name.is_none() && attributes.get(Attributes::CERTIFICATE).is_none() {
        return Ok(None);
    }
    // A certificate without the name, or with one that can be read in two ways, was presented all the same.
    let name = name.and_then(|name| std::str::from_utf8(name).ok());
    let plain = name.filter(|name| is_plain_name(name));
    plain.map(Some).ok_or_else(|| Stranger::Unknown.into())
}

/// Whether everybody reads a name in a certificate alike: a prefix of `spiffe://a/pay/` admits `/pay/../other`, and a subject
/// that holds `OU=pay` may have it escaped in its common name.
fn is_plain_name(name: &str) -> bool {
    let escapes = |char: char| char.is_control() || matches!(char, '\\' | '%');
    let mut segments = name.split('/');
    !name.contains(escapes) && !segments.any(|segment| matches!(segment, "." | ".."))
}

/// The value of a trusted header. Two of them are nobody's: one of them is the client's.
fn by_header<'h>(headers: &'h Headers, name: &str) -> Result<Option<&'h str>, TurnedAway> {
    let unknown = || TurnedAway::from(Stranger::Unknown);
    let mut values = headers
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
    let value = values.next().map(|(_, value)| value.trim_ascii());
    if values.next().is_some() {
        return Err(unknown());
    }
    let id = value.map(std::str::from_utf8).transpose();
    Ok(id
        .map_err(|_not_text| unknown())?
        .filter(|id| !id.is_empty()))
}

fn plain(
    policies: PolicyNames<'_>,
    id: &str,
    source: &'static str,
    realm: &str,
    policy: Option<usize>,
) -> Principal {
    let policy_name = policies.name(policy);
    Principal {
        id: id.into(),
        source,
        realm: realm.into(),
        label: None,
        policy,
        claims: claims_document(None, &[("id", Some(id)), ("policy", policy_name)]),
        rounded: false,
        network: None,
    }
}
