//! Who asked, by a record and the new configuration.

use serde_json::{Map, Value};
use toolgate_engine::config::Gate;
use toolgate_engine::identity::{Principal, Stranger};
use toolgate_engine::json::{Document as Json, Limits};
use toolgate_engine::time::Timestamp;

use toolgate_document::Document;

/// Who asked.
pub(super) enum Asking {
    /// This principal; and whether its claims are all known.
    Known(Principal, bool),
    /// Somebody the new configuration turns away: the last part of the rule.
    TurnedAway(&'static str),
    /// Somebody whose policy is not known.
    Unknown,
}

/// Sources of identities, as the engine names them.
const SOURCES: [&str; 5] = ["grant", "jwt", "mtls", "header", "anonymous"];

/// Who asked, as the new configuration sees it. What a grant gives is taken from there.
pub(super) fn asking(gate: &Gate, config: &Document, record: &Value, now: Timestamp) -> Asking {
    let text = |key: &str| record.get(key).and_then(Value::as_str);
    let id = text("principal").unwrap_or("anonymous");
    let source = text("source").unwrap_or("anonymous");
    let source = SOURCES.into_iter().find(|name| *name == source);
    let mut principal = Principal {
        id: id.into(),
        source: source.unwrap_or("anonymous"),
        ..Principal::anonymous()
    };
    let recorded = record.get("claims").and_then(Value::as_object);
    let recorded = recorded.cloned().unwrap_or_default();
    if principal.source == "grant" && config.root().get("grants").is_some() {
        return match by_grant(gate, config, principal, text("server"), now) {
            Ok(principal) => Asking::Known(principal, true),
            Err(stranger) => Asking::TurnedAway(stranger.word()),
        };
    }
    principal.policy = match (gate.named_policies, text("policy")) {
        (false, _) => Some(0),
        (true, Some(name)) => gate.policy_names().index(name),
        (true, None) => return Asking::Unknown,
    };
    let policy = text("policy").filter(|_| gate.named_policies);
    principal.claims = claims(recorded, id, policy, &[]);
    // Nobody in particular has no claims at all.
    let whole = principal.source == "anonymous";
    if whole {
        principal.claims = None;
    }
    Asking::Known(principal, whole)
}

fn by_grant(
    gate: &Gate,
    config: &Document,
    principal: Principal,
    server: Option<&str>,
    now: Timestamp,
) -> Result<Principal, Stranger> {
    let grants: Value = config
        .root()
        .get("grants")
        .and_then(|grants| serde_json::from_str(grants.raw()).ok())
        .unwrap_or_default();
    let grants = grants.as_array().cloned().unwrap_or_default();
    let text = |grant: &Value, key: &str| grant.get(key).and_then(Value::as_str).map(str::to_owned);
    let grant = grants
        .iter()
        .find(|grant| text(grant, "id").as_deref() == Some(&*principal.id))
        .ok_or(Stranger::Unknown)?;
    if grant.get("revoked").and_then(Value::as_bool) == Some(true) {
        return Err(Stranger::Revoked);
    }
    let expires = text(grant, "expires").and_then(|time| Timestamp::parse(&time));
    if expires.is_some_and(|expires| now >= expires) {
        return Err(Stranger::Expired);
    }
    let servers = grant.get("servers").and_then(Value::as_array);
    let here = |name: &Value| name.as_str() == server;
    if servers.is_some_and(|servers| !servers.is_empty() && !servers.iter().any(here)) {
        return Err(Stranger::Server);
    }
    let policy = text(grant, "policy");
    let index = match (gate.named_policies, &policy) {
        (false, _) => Some(0),
        (true, Some(name)) => gate.policy_names().index(name),
        (true, None) => None,
    };
    let label = text(grant, "label");
    let given = grant.get("claims").and_then(Value::as_object).cloned();
    let reserved = [("grant", Some(&*principal.id)), ("label", label.as_deref())];
    let claims = claims(
        given.unwrap_or_default(),
        &principal.id,
        policy.as_deref(),
        &reserved,
    );
    Ok(Principal {
        policy: index,
        claims,
        ..principal
    })
}

/// Claims as `identity.*` paths read them.
fn claims(
    mut claims: Map<String, Value>,
    id: &str,
    policy: Option<&str>,
    reserved: &[(&str, Option<&str>)],
) -> Option<Json<'static>> {
    let reserved = reserved.iter().copied();
    for (name, value) in reserved.chain([("id", Some(id)), ("policy", policy)]) {
        if let Some(value) = value {
            claims.insert(name.to_owned(), Value::from(value));
        }
    }
    Json::parse_owned(Value::Object(claims).to_string(), &Limits::WIRE).ok()
}
