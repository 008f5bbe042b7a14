//! `identity`, `grants`, `server` and `servers`.

use super::console;
use super::error::nearest;
use super::reader::{Field, Object, Reader, alternatives};
use crate::Names;
use crate::identity::{
    Attributes, Grant, Grants, Host, Identity, RESERVED, Server, Servers, Source, TokenHash,
};
use crate::json::Kind;
use crate::policy::Policy;
use crate::time::Timestamp;

/// The policies a document defines: names in `policies`, or the one inline policy.
pub(super) struct PolicyNames<'p> {
    pub(super) policies: &'p [Policy],
    /// Whether they stand under `policies`.
    pub(super) named: bool,
}

impl PolicyNames<'_> {
    /// The policy that is meant where none is named: the inline one.
    fn default(&self) -> Option<usize> {
        (!self.named).then_some(0)
    }

    /// Reads the name of a policy.
    fn read(&self, reader: &mut Reader, field: Option<Field<'_>>) -> Option<usize> {
        let Some(field) = field else {
            return self.default();
        };
        let name = reader.text(&field)?;
        let found = self
            .policies
            .iter()
            .position(|policy| self.named && *policy.name == *name);
        if found.is_none() {
            let names: Vec<&str> = self
                .policies
                .iter()
                .map(|policy| &*policy.name)
                .filter(|name| !name.is_empty())
                .collect();
            let suggestion = nearest(&name, names.iter().copied()).map(str::to_owned);
            let message = match names.as_slice() {
                [] => format!(
                    "`{name}` is no policy: this document has one inline policy and none under `policies`"
                ),
                names => format!("`{name}` is no policy; expected {}", alternatives(names)),
            };
            reader.error_with(&field.at, message, suggestion);
        }
        found
    }
}

/// Reads who may call.
pub(super) fn read(
    reader: &mut Reader,
    object: &mut Object<'_>,
    names: &PolicyNames<'_>,
    servers: &Servers,
) -> Identity {
    let mut identity = Identity::default();
    let grants = object.take("grants");
    let field = object.take("identity");
    if let Some(field) = &grants {
        identity.grants = read_grants(reader, field, names, servers);
    }
    match field {
        Some(field) => read_identity(reader, field, (names, servers), &mut identity),
        // Grants without a word on sources are meant to be used.
        None if grants.is_some() => {
            identity.sources = vec![Source::Grant];
            identity.required = true;
        }
        None => {}
    }
    if let (Some(field), false) = (&grants, identity.sources.contains(&Source::Grant)) {
        reader.error(
            &field.at,
            "`grants` are of no use without the source `grant` in `identity.sources`",
        );
    }
    identity
}

fn read_identity(
    reader: &mut Reader,
    field: Field<'_>,
    (names, servers): (&PolicyNames<'_>, &Servers),
    identity: &mut Identity,
) {
    let at = field.at.clone();
    let Some(mut object) = reader.object(field) else {
        return;
    };
    if let Some(field) = object.take("sources") {
        for item in reader.list(&field) {
            identity
                .sources
                .extend(read_source(reader, item, names, servers));
        }
    }
    identity.required = match object.take("required") {
        Some(field) => reader.boolean(&field).unwrap_or(true),
        None => true,
    };
    if let Some(field) = object.take("require_claims") {
        for item in reader.list(&field) {
            identity
                .require_claims
                .extend(reader.name(&item).map(Into::into));
        }
    }
    identity.resource_metadata = object.take("resource_metadata").and_then(|field| {
        let url = reader.text(&field)?;
        // It goes into a quoted header parameter.
        let plain = url.starts_with("https://") || url.starts_with("http://");
        if !plain
            || url
                .bytes()
                .any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'"' | b'\\'))
        {
            reader.expected(&field, "a plain URL");
            return None;
        }
        Some(url.into())
    });
    object.finish(reader);
    if identity.sources.is_empty() {
        reader.error(
            &at,
            "`identity` needs `sources`: `grant`, `jwt`, `mtls` or `header`",
        );
    }
}

/// `grant`, or one of `{jwt: {…}}`, `{mtls: {…}}`, `{header: {…}}`.
fn read_source(
    reader: &mut Reader,
    field: Field<'_>,
    names: &PolicyNames<'_>,
    servers: &Servers,
) -> Option<Source> {
    if field.value.as_text().is_some() {
        let jwt = Source::Jwt {
            payload: "jwt_payload".into(),
            subject: "sub".into(),
            policy_claim: None,
            policy: names.default(),
        };
        let mtls = Source::Mtls {
            attribute: Attributes::URI_SAN,
            policy: names.default(),
        };
        return match reader.choice(&field, &[("grant", 0), ("jwt", 1), ("mtls", 2)])? {
            0 => Some(Source::Grant),
            1 => Some(jwt),
            _ => Some(mtls),
        };
    }
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let source = if let Some(field) = object.take("jwt") {
        read_jwt(reader, field, names)
    } else if let Some(field) = object.take("mtls") {
        let mut object = reader.object(field)?;
        let choices = [
            ("uri_san", Attributes::URI_SAN),
            ("dns_san", Attributes::DNS_SAN),
            ("subject", Attributes::SUBJECT),
        ];
        let attribute = object
            .take("field")
            .map_or(Some(Attributes::URI_SAN), |field| {
                reader.choice(&field, &choices)
            });
        let policy = names.read(reader, object.take("policy"));
        object.finish(reader);
        attribute.map(|attribute| Source::Mtls { attribute, policy })
    } else if let Some(field) = object.take("header") {
        read_header(reader, field, names, servers)
    } else {
        reader.error(&at, "a source is `grant`, `jwt`, `mtls`, or `{jwt: {…}}`, `{mtls: {…}}`, `{header: {name: …}}`");
        return None;
    };
    object.finish(reader);
    source
}

fn read_jwt(reader: &mut Reader, field: Field<'_>, names: &PolicyNames<'_>) -> Option<Source> {
    let mut object = reader.object(field)?;
    let mut text =
        |object: &mut Object<'_>, key| object.take(key).and_then(|field| reader.name(&field));
    let payload = text(&mut object, "payload").unwrap_or_else(|| "jwt_payload".to_owned());
    let subject = text(&mut object, "subject").unwrap_or_else(|| "sub".to_owned());
    let policy_claim = text(&mut object, "policy_claim");
    let policy = names.read(reader, object.take("policy"));
    object.finish(reader);
    Some(Source::Jwt {
        payload: payload.into(),
        subject: subject.into(),
        policy_claim: policy_claim.map(Into::into),
        policy,
    })
}

fn read_header(
    reader: &mut Reader,
    field: Field<'_>,
    names: &PolicyNames<'_>,
    servers: &Servers,
) -> Option<Source> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let name = object
        .take("name")
        .map(|field| (field.clone(), reader.name(&field)));
    let policy = names.read(reader, object.take("policy"));
    let keep = object.take("keep").and_then(|field| reader.boolean(&field));
    object.finish(reader);
    let Some((field, name)) = name else {
        reader.error(
            &at,
            "`header` needs `name`: the header an earlier filter sets",
        );
        return None;
    };
    let name = name?.to_ascii_lowercase();
    let token = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !token || name == "authorization" {
        reader.expected(&field, "the name of a header other than `authorization`");
        return None;
    }
    Some(Source::Header {
        name: name.into(),
        policy,
        // A route may ask for it, and the route is what tells servers apart.
        keep: keep.unwrap_or(servers.by_route()),
    })
}

fn read_grants(
    reader: &mut Reader,
    field: &Field<'_>,
    names: &PolicyNames<'_>,
    servers: &Servers,
) -> Grants {
    let mut grants = Grants::default();
    let mut ids = Names::default();
    for item in reader.list(field) {
        let at = item.at.clone();
        let Some((token, grant)) = read_grant(reader, item, names, servers) else {
            continue;
        };
        if ids.insert(&grant.id, ()).is_some() {
            let message = format!("two grants have the id `{}`", grant.id);
            reader.error(&format!("{at}/id"), message);
        }
        if !grants.insert(token, grant) {
            let message = "two grants have the same token";
            reader.error(&format!("{at}/token_sha256"), message);
        }
    }
    grants
}

fn read_grant(
    reader: &mut Reader,
    field: Field<'_>,
    names: &PolicyNames<'_>,
    servers: &Servers,
) -> Option<(TokenHash, Grant)> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let id = object.take("id").and_then(|field| reader.name(&field));
    let token = object
        .take("token_sha256")
        .and_then(|field| console::read_token(reader, &field));
    let label = object.take("label").and_then(|field| reader.text(&field));
    let policy = match object.take("policy") {
        Some(field) => names.read(reader, Some(field)),
        None => names.default(),
    };
    let mut good_for = Vec::new();
    if let Some(field) = object.take("servers") {
        for item in reader.list(&field) {
            let Some(name) = reader.name(&item) else {
                continue;
            };
            if !servers.knows(&name) {
                reader.error(&item.at, format!("`{name}` is no server of this document"));
            }
            good_for.push(name.into());
        }
    }
    let expires = object.take("expires").and_then(|field| {
        let time = field
            .value
            .as_str()
            .and_then(|text| Timestamp::parse(&text));
        if time.is_none() {
            reader.expected(&field, "a time in UTC such as `2027-01-01T00:00:00Z`");
        }
        time
    });
    let revoked = object
        .take("revoked")
        .and_then(|field| reader.boolean(&field))
        .unwrap_or(false);
    let claims = object
        .take("claims")
        .and_then(|field| read_claims(reader, &field));
    for key in ["id", "token_sha256"] {
        if !object.has(key) {
            reader.error(&at, format!("a grant needs `{key}`"));
        }
    }
    object.finish(reader);
    let policy_name = policy
        .and_then(|index| names.policies.get(index))
        .map(|policy| policy.name.clone());
    let grant = Grant {
        id: id?.into(),
        label: label.map(Into::into),
        policy,
        policy_name: policy_name.filter(|name| !name.is_empty()),
        servers: good_for,
        expires,
        revoked,
        claims,
    };
    Some((token?, grant))
}

fn read_claims(reader: &mut Reader, field: &Field<'_>) -> Option<Box<str>> {
    reader.check_doubles(field);
    for (name, claim) in reader.map(field) {
        if RESERVED.contains(&&*name) {
            reader.error(
                &claim.at,
                format!("`identity.{name}` is reserved; choose another name for the claim"),
            );
        }
        if claim.value.kind() == Kind::Object {
            reader.expected(
                &claim,
                "a flat claim: text, a number, true, false or a list",
            );
        }
    }
    (field.value.kind() == Kind::Object).then(|| field.value.raw().into())
}

/// Reads `server` or `servers`.
pub(super) fn read_servers(reader: &mut Reader, object: &mut Object<'_>) -> Servers {
    let one = object.take("server");
    let several = object.take("servers");
    if let (Some(_), Some(field)) = (&one, &several) {
        reader.error(&field.at, "a document has either `server` or `servers`");
    }
    if let Some(field) = several {
        let servers: Vec<Server> = reader
            .map(&field)
            .into_iter()
            .flat_map(|(name, field)| read_server(reader, &name, field))
            .collect();
        if servers.is_empty() && field.value.kind() == Kind::Object {
            reader.expected(&field, "at least one server");
        }
        return Servers::several(servers);
    }
    one.and_then(|field| reader.name(&field))
        .map_or(Servers::Any, |name| Servers::One(name.into()))
}

/// A server, once for each of its hosts.
fn read_server(reader: &mut Reader, name: &str, field: Field<'_>) -> Vec<Server> {
    let at = field.at.clone();
    let Some(mut object) = reader.object(field) else {
        return Vec::new();
    };
    let mut text = |key| object.take(key).and_then(|field| reader.name(&field));
    let (route, path_prefix) = (text("route"), text("path_prefix"));
    let hosts = object.take("host").map(|field| read_hosts(reader, field));
    object.finish(reader);
    if route.is_none() && hosts.is_none() && path_prefix.is_none() {
        reader.error(
            &at,
            "a server needs `route`, `host` or `path_prefix`: what Envoy matched",
        );
    }
    let server = Server {
        name: name.into(),
        route: route.map(Into::into),
        host: None,
        path_prefix: path_prefix.map(Into::into),
    };
    match hosts {
        Some(hosts) => {
            let at_host = |host| Server {
                host: Some(host),
                ..server.clone()
            };
            hosts.into_iter().map(at_host).collect()
        }
        None => vec![server],
    }
}

/// One host, or a list of them.
fn read_hosts(reader: &mut Reader, field: Field<'_>) -> Vec<Host> {
    let fields = match field.value.kind() {
        Kind::Array => reader.list(&field),
        _ => vec![field],
    };
    let mut hosts = Vec::new();
    for field in fields {
        let Some(text) = reader.name(&field) else {
            continue;
        };
        let host = Host::parse(&text);
        if host.is_none() {
            reader.expected(
                &field,
                "a host as a domain of Envoy's: `mcp.example`, `mcp.example:8443`, or `mcp.example:*` for any port",
            );
        }
        hosts.extend(host);
    }
    hosts
}
