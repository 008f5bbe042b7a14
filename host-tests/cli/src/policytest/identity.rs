//! Callers and servers of a policy test: what a request must carry to be theirs.
//!
//! The runner makes its own tokens for grants, so that no test file holds a secret. Claims, certificates and routes are what
//! the proxy verified and matched, so they come as its attributes and not as something a client sends.

use anyhow::{Context as _, Result, bail};
use toolgate_engine::config::Gate;
use toolgate_engine::identity::{Attributes, Servers, Source, TokenHash};
use toolgate_engine::json::{self, Edits, Limits, Value};
use toolgate_engine::pins::{self, Pins};

use super::case::{Ask, Caller, ListKind};
use super::{mcp, metadata};
use toolgate_document::Document;
use toolgate_host::Message;

/// A configuration whose grants have tokens that are known here.
#[derive(Debug)]
pub struct Credentials {
    config: String,
    /// The pins as they are written.
    pins: Option<Pins>,
    /// The configuration, compiled; nothing if it is wrong.
    gate: Option<Gate>,
    /// Ids of grants.
    pub(super) grants: Vec<String>,
}

impl Credentials {
    /// Gives every grant of a configuration a token of the runner's making, and every pin the digest of a definition that
    /// stands for the pinned one: nobody can tell from a digest what that was.
    pub fn of(config: &Document) -> Credentials {
        let mut edits = Edits::default();
        let mut grants = Vec::new();
        let listed = config.root().get("grants");
        for grant in listed.iter().flat_map(|list| list.items()) {
            let id = grant.get("id").and_then(|id| id.as_str());
            let (Some(id), Some(digest)) = (id, grant.get("token_sha256")) else {
                continue;
            };
            edits.replace(digest.span(), format!("\"{}\"", sha256_hex(&token(&id))));
            grants.push(id.into_owned());
        }
        if let Some(pins) = config.root().get("pins") {
            replace_digests(pins.get("tools"), &mut edits);
            for (_, server) in pins.get("servers").iter().flat_map(Value::members) {
                replace_digests(server.get("tools"), &mut edits);
            }
        }
        let written = Gate::from_json(config.json().as_bytes(), false).ok();
        let json = edits.apply(config.json());
        let json = json.unwrap_or_else(|| config.json().to_owned());
        Credentials {
            gate: Gate::from_json(json.as_bytes(), false).ok(),
            pins: written.and_then(|gate| gate.pins),
            config: json,
            grants,
        }
    }

    /// A listed entry as a server of the runner lists it: for a tool that is given by its name alone, or as it was pinned,
    /// what stands for the pinned definition.
    pub fn as_pinned(&self, list: ListKind, server: Option<&str>, entry: &str) -> String {
        let document = json::Document::parse(entry.as_bytes(), &Limits::REPLY);
        let (ListKind::Tools, Some(pins), Ok(document)) = (list, &self.pins, document) else {
            return entry.to_owned();
        };
        let name = document.root().get("name").and_then(|name| name.as_str());
        let name = name.unwrap_or_default();
        let only = self.gate.as_ref().and_then(|gate| match &gate.servers {
            Servers::One(name) => Some(&**name),
            _ => None,
        });
        let Some((_, pin)) = pins.of(server.or(only)).find(&name) else {
            return entry.to_owned();
        };
        let is_pinned = *pin.digest == *pins::digest(document.root());
        if is_pinned || entry == mcp::list_entry(list, &name) {
            return stand_in(&name);
        }
        entry.to_owned()
    }

    /// The configuration with those tokens.
    pub fn config(&self) -> &str {
        &self.config
    }

    /// Makes a request that of a caller, to a server.
    ///
    /// # Errors
    /// For a caller or a server that this configuration cannot know.
    pub fn present(&self, ask: &Ask, message: Message) -> Result<Message> {
        self.to_server(ask.server.as_deref(), self.by_caller(&ask.caller, message)?)
    }

    fn by_caller(&self, caller: &Caller, message: Message) -> Result<Message> {
        const UNSUPPORTED: &str = "is not supported by this configuration";
        let sources = self.gate.iter().flat_map(|gate| &gate.identity.sources);
        match caller {
            Caller::Anonymous => Ok(message),
            Caller::Grant(id) if self.grants.contains(id) => {
                Ok(message.header("authorization", format!("Bearer {}", token(id))))
            }
            Caller::Grant(id) => {
                bail!("the grant `{id}` {UNSUPPORTED}: `grants` has none of this id")
            }
            Caller::Claims(json) => {
                let payload = |source: &Source| match source {
                    Source::Jwt { payload, .. } => Some(payload.clone()),
                    _ => None,
                };
                let Some(payload) = sources.clone().find_map(payload) else {
                    bail!("`claims` {UNSUPPORTED}: `identity.sources` has no `jwt`");
                };
                let claims = serde_json::from_str(json).context("claims")?;
                let metadata = metadata::jwt_authn(&payload, &claims);
                let token = "Bearer verified.by.the-proxy";
                Ok(with_attribute(message, Attributes::METADATA, &metadata)
                    .header("authorization", token))
            }
            Caller::Certificate(name) => {
                let attribute = |source: &Source| match source {
                    Source::Mtls { attribute, .. } => Some(*attribute),
                    _ => None,
                };
                let Some(attribute) = sources.clone().find_map(attribute) else {
                    bail!("`certificate` {UNSUPPORTED}: `identity.sources` has no `mtls`");
                };
                Ok(with_attribute(message, attribute, name.as_bytes()))
            }
            Caller::Header(id) => {
                let header = |source: &Source| match source {
                    Source::Header { name, .. } => Some(name.clone()),
                    _ => None,
                };
                let Some(name) = sources.clone().find_map(header) else {
                    bail!("`header` {UNSUPPORTED}: `identity.sources` has no `header`");
                };
                Ok(message.header(&name, id))
            }
        }
    }

    /// Without a name: to the first server there is.
    fn to_server(&self, name: Option<&str>, message: Message) -> Result<Message> {
        let Some(servers) = self.gate.as_ref().map(|gate| &gate.servers) else {
            return Ok(message);
        };
        if let Some(name) = name.filter(|name| !servers.knows(name)) {
            bail!("`{name}` is no server of this configuration");
        }
        let Servers::Several(servers) = servers else {
            return Ok(message);
        };
        let wanted = |name: &str| servers.iter().find(|server| *server.name == *name);
        let Some(server) = name.map_or(servers.first(), wanted) else {
            return Ok(message);
        };
        let mut message = message;
        if let Some(route) = &server.route {
            message = with_attribute(message, Attributes::ROUTE, route.as_bytes());
        }
        if let Some(host) = &server.host {
            message = message.with(":authority", host.example());
        }
        if let Some(prefix) = &server.path_prefix {
            message = message.with(":path", &**prefix);
        }
        Ok(message)
    }
}

/// A definition that stands for the pinned one.
fn stand_in(name: &str) -> String {
    let description = "As it was pinned: what `toolgate test` lists for this tool.";
    serde_json::json!({"name": name, "description": description}).to_string()
}

fn replace_digests(tools: Option<Value<'_>>, edits: &mut Edits) {
    for (name, pin) in tools.iter().flat_map(Value::members) {
        let entry = stand_in(&name.decode());
        let digest = match pin.get("digest") {
            Some(digest) => Some(digest),
            None => pin.as_text().map(|_| pin),
        };
        if let (Some(digest), Ok(document)) = (
            digest,
            json::Document::parse(entry.as_bytes(), &Limits::REPLY),
        ) {
            let stands = pins::digest(document.root());
            edits.replace(digest.span(), format!("\"{stands}\""));
        }
    }
}

fn with_attribute(message: Message, name: &str, value: &[u8]) -> Message {
    let path: Vec<&str> = name.split('.').collect();
    message.property(&path, value)
}

/// The runner's token for a grant.
fn token(id: &str) -> String {
    format!("tg_test_{}", sha256_hex(id).get(..40).unwrap_or_default())
}

fn sha256_hex(text: &str) -> String {
    TokenHash::of(text.as_bytes()).to_string()
}
