//! JSON-RPC 2.0 envelopes: what a message is before MCP gives it a meaning.
//!
//! Refuses what parsers or servers read differently: keys that look like an envelope key, `method` next to
//! `result` (Python servers execute such an object, others take it for a response), ids that are not a string
//! or an integer (clients hang when `5` comes back as `5.0`), or that are longer than anybody needs.

mod outline;

use crate::json::{Document, Kind, Value, impersonated};
pub use outline::{Asker, Outline};

/// JSON-RPC and MCP error codes the gate answers with.
pub mod code {
    /// The body is not JSON.
    pub const PARSE_ERROR: i32 = -32700;
    /// The body is JSON but not a request.
    pub const INVALID_REQUEST: i32 = -32600;
    /// The method does not exist, or is not offered here.
    pub const METHOD_NOT_FOUND: i32 = -32601;
    /// The parameters are not what the method takes.
    pub const INVALID_PARAMS: i32 = -32602;
    /// The gate cannot do its work.
    pub const INTERNAL_ERROR: i32 = -32603;
    /// A mirror header of 2026-07-28 differs from the body.
    pub const HEADER_MISMATCH: i32 = -32020;
    /// Refused by policy, where no tool result can say so. Outside the ranges JSON-RPC and MCP reserve;
    /// every client tried delivers it to the caller.
    pub const REFUSED: i32 = 1403;
    /// Who calls is not known, or not enough.
    pub const UNAUTHENTICATED: i32 = 1401;
}

/// Longest id, as written, in bytes. Clients count or make UUIDs; every answer repeats it, and every message of a reply may have to be
/// compared with it.
pub const MAX_ID: usize = 1024;

const ENVELOPE_KEYS: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];

/// Every key that some MCP version reads in `params` (or in an object directly inside it).
const PARAM_KEYS: &[&str] = &[
    "name",
    "arguments",
    "_meta",
    "uri",
    "cursor",
    "task",
    "taskId",
    "inputResponses",
    "requestState",
    "ref",
    "argument",
    "context",
    "protocolVersion",
    "capabilities",
    "clientInfo",
    "requestId",
    "reason",
    "progressToken",
    "progress",
    "total",
    "message",
    "level",
    "notifications",
];

const META_KEYS: &[&str] = &[
    "progressToken",
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/related-task",
    "io.modelcontextprotocol/subscriptionId",
    "io.modelcontextprotocol/logLevel",
];

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not an object, no `jsonrpc: "2.0"`, neither request nor response.
    Envelope,
    /// An id that is not a string or an integer.
    Id,
    /// An id longer than [`MAX_ID`].
    LongId,
    /// A key that only looks like a protocol key.
    Key,
    /// `params`, or a part of it that names the target, is missing or of the wrong type.
    Params,
}

/// A message, or what is wrong with it and the id to answer under.
pub type Parsed<'d> = Result<Message<'d>, (Malformed, Id<'d>)>;

/// The id token exactly as the caller wrote it; `null` where there is none to answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id<'d>(&'d str);

impl<'d> Id<'d> {
    /// The id of an answer to something that had no readable id.
    pub const NULL: Id<'static> = Id("null");

    /// The raw JSON token.
    pub fn token(self) -> &'d str {
        self.0
    }

    /// The same, for those who outlive the message.
    pub fn keep(self) -> KeptId {
        KeptId(self.0.into())
    }
}

/// An [`Id`] that outlives its message.
#[derive(Clone, Debug)]
pub struct KeptId(Box<str>);

impl KeptId {
    /// The id.
    pub fn id(&self) -> Id<'_> {
        Id(&self.0)
    }
}

/// One JSON-RPC message.
#[derive(Clone, Copy, Debug)]
pub enum Message<'d> {
    /// `method` and `id`.
    Request {
        /// The caller's id.
        id: Id<'d>,
        /// The rest of it.
        call: Call<'d>,
    },
    /// `method` without `id`.
    Notification(Call<'d>),
    /// A client's answer to a server's request.
    Response {
        /// The server's id.
        id: Id<'d>,
    },
}

/// A method with its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Call<'d> {
    /// The method as a string value; decode before comparing.
    pub method: crate::json::Text<'d>,
    /// An object, or nothing; null is nothing.
    pub params: Option<Value<'d>>,
}

impl<'d> Call<'d> {
    /// A member of `params`.
    pub fn param(&self, key: &str) -> Option<Value<'d>> {
        self.params.and_then(|params| params.get(key))
    }

    /// A member of `params._meta`.
    pub fn meta(&self, key: &str) -> Option<Value<'d>> {
        self.param("_meta").and_then(|meta| meta.get(key))
    }
}

/// The messages of a body: one object, or the elements of a batch.
pub fn messages<'d>(document: &'d Document<'_>) -> (bool, Vec<Value<'d>>) {
    let root = document.root();
    match root.kind() {
        Kind::Array => (true, root.items().collect()),
        _ => (false, vec![root]),
    }
}

/// Reads one message.
///
/// # Errors
/// What is malformed, with the id to answer under where one could be read.
pub fn read<'d>(value: Value<'d>) -> Parsed<'d> {
    if value.kind() != Kind::Object {
        return Err((Malformed::Envelope, Id::NULL));
    }
    let id = match value.get("id") {
        None => None,
        Some(id) => Some(read_id(id).ok_or((Malformed::Id, Id::NULL))?),
    };
    let wrong = |what: Malformed| (what, id.unwrap_or(Id::NULL));
    if id.is_some_and(|id| id.token().len() > MAX_ID) {
        return Err(wrong(Malformed::LongId));
    }

    if looks_alike(value, ENVELOPE_KEYS) {
        return Err(wrong(Malformed::Key));
    }
    if !value
        .get("jsonrpc")
        .and_then(|version| version.as_text())
        .is_some_and(|version| version.is("2.0"))
    {
        return Err(wrong(Malformed::Envelope));
    }
    let (result, error) = (value.get("result"), value.get("error"));
    let Some(method) = value.get("method") else {
        let answers = result.is_some() != error.is_some_and(|error| error.kind() == Kind::Object);
        return match id {
            Some(id) if answers && value.get("params").is_none() => Ok(Message::Response { id }),
            _ => Err(wrong(Malformed::Envelope)),
        };
    };
    let Some(method) = method.as_text() else {
        return Err(wrong(Malformed::Envelope));
    };
    if result.is_some() || error.is_some() {
        return Err(wrong(Malformed::Envelope));
    }
    let params = value.get("params").filter(|params| !is_absent(*params));
    if let Some(params) = params {
        if params.kind() != Kind::Object {
            return Err(wrong(Malformed::Params));
        }
        check_params(params).map_err(wrong)?;
    }
    let call = Call { method, params };
    Ok(match id {
        Some(id) => Message::Request { id, call },
        None => Message::Notification(call),
    })
}

/// Null where a value may be left out means that it was: many servers read it so, and clients send it.
pub fn is_absent(value: Value<'_>) -> bool {
    value.kind() == Kind::Null
}

/// An id is a string or an integer; `-0` comes back as `0` from half of all parsers.
pub fn read_id<'d>(value: Value<'d>) -> Option<Id<'d>> {
    let raw = value.raw();
    let integer = || {
        raw != "-0"
            && raw
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-')
    };
    match value.kind() {
        Kind::PlainString | Kind::EscapedString => Some(Id(raw)),
        Kind::Number if integer() => Some(Id(raw)),
        _ => None,
    }
}

fn check_params(params: Value<'_>) -> Result<(), Malformed> {
    if looks_alike(params, PARAM_KEYS) {
        return Err(Malformed::Key);
    }
    for (key, value) in params.members() {
        let protocol_object = ["_meta", "ref", "argument", "task"]
            .into_iter()
            .find(|name| key.is(name));
        let Some(name) = protocol_object else {
            continue;
        };
        if matches!(name, "_meta" | "task") && is_absent(value) {
            continue;
        }
        if value.kind() != Kind::Object {
            return Err(Malformed::Params);
        }
        let keys = if name == "_meta" {
            META_KEYS
        } else {
            PARAM_KEYS
        };
        if looks_alike(value, keys) {
            return Err(Malformed::Key);
        }
    }
    Ok(())
}

/// Whether a key of `object` could be taken for one of `names` without being it, or reaches for a JavaScript
/// object's prototype.
pub fn looks_alike(object: Value<'_>, names: &[&str]) -> bool {
    object.members().any(|(key, _)| {
        let key = key.decode();
        key == "__proto__" || impersonated(&key, names).is_some()
    })
}
