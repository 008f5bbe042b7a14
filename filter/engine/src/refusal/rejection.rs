//! Requests that are refused before any policy is asked: not MCP, ambiguous or unreadable.

use crate::json::JsonErrorKind;
use crate::rpc::{Malformed, code};

/// Why a request was rejected. Its [`word`](Rejection::word) ends the rule pointer `/protocol/<word>`; the
/// words are a closed list that dashboards may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// An HTTP method other than POST, GET, DELETE, OPTIONS and HEAD, or a method override.
    HttpMethod,
    /// An upgrade, or CONNECT.
    Upgrade,
    /// A header that matters came twice, or is not what it must be.
    Header,
    /// Not `application/json` in UTF-8.
    ContentType,
    /// An encoded body.
    ContentEncoding,
    /// A body where none belongs.
    UnexpectedBody,
    /// No body where one is needed.
    Empty,
    /// A body over `http.max_body_bytes`.
    Size,
    /// Not UTF-8.
    Utf8,
    /// Not JSON, or not exactly one value.
    Json,
    /// A key twice.
    DuplicateKey,
    /// A key that looks like another.
    Key,
    /// A number no two parsers agree on.
    Number,
    /// Nested too deeply, or too many values.
    Depth,
    /// Not JSON-RPC 2.0.
    Envelope,
    /// An id that is no string or integer, or one longer than [`MAX_ID`](crate::rpc::MAX_ID).
    Id,
    /// Parameters of the wrong shape.
    Params,
    /// A batch that is empty, too long, repeats an id, or is not possible in this version.
    Batch,
    /// A mirror header that differs from the body.
    Mirror,
    /// An unknown method, or one that is switched off.
    Method,
    /// A request without an id: nobody could be told what became of it.
    Notification,
    /// No part of the body came in time.
    BodyTimeout,
    /// The server answered before the whole request was there.
    EarlyReply,
    /// The host failed to tell what had to be known.
    Host,
}

impl Rejection {
    /// All of them, for documentation and metrics.
    pub const ALL: [Rejection; 24] = [
        Rejection::HttpMethod,
        Rejection::Upgrade,
        Rejection::Header,
        Rejection::ContentType,
        Rejection::ContentEncoding,
        Rejection::UnexpectedBody,
        Rejection::Empty,
        Rejection::Size,
        Rejection::Utf8,
        Rejection::Json,
        Rejection::DuplicateKey,
        Rejection::Key,
        Rejection::Number,
        Rejection::Depth,
        Rejection::Envelope,
        Rejection::Id,
        Rejection::Params,
        Rejection::Batch,
        Rejection::Mirror,
        Rejection::Method,
        Rejection::Notification,
        Rejection::BodyTimeout,
        Rejection::EarlyReply,
        Rejection::Host,
    ];

    /// The last part of the rule pointer.
    pub fn word(self) -> &'static str {
        match self {
            Rejection::HttpMethod => "http-method",
            Rejection::Upgrade => "upgrade",
            Rejection::Header => "header",
            Rejection::ContentType => "content-type",
            Rejection::ContentEncoding => "content-encoding",
            Rejection::UnexpectedBody => "unexpected-body",
            Rejection::Empty => "empty",
            Rejection::Size => "size",
            Rejection::Utf8 => "utf8",
            Rejection::Json => "json",
            Rejection::DuplicateKey => "duplicate-key",
            Rejection::Key => "key",
            Rejection::Number => "number",
            Rejection::Depth => "depth",
            Rejection::Envelope => "envelope",
            Rejection::Id => "id",
            Rejection::Params => "params",
            Rejection::Batch => "batch",
            Rejection::Mirror => "mirror",
            Rejection::Method => "method",
            Rejection::Notification => "notification",
            Rejection::BodyTimeout => "body-timeout",
            Rejection::EarlyReply => "early-reply",
            Rejection::Host => "host",
        }
    }

    /// What to tell whoever debugs the client.
    pub fn message(self) -> &'static str {
        match self {
            Rejection::HttpMethod => {
                "MCP uses POST, GET and DELETE; method overrides are not accepted"
            }
            Rejection::Upgrade => "protocol upgrades are not accepted here",
            Rejection::Header => "a request header is repeated or malformed",
            Rejection::ContentType => "the content type must be application/json in UTF-8",
            Rejection::ContentEncoding => "encoded request bodies are not accepted",
            Rejection::UnexpectedBody => "this HTTP method takes no body",
            Rejection::Empty => "the request has no body",
            Rejection::Size => "the request body is too large",
            Rejection::Utf8 => "the body is not UTF-8",
            Rejection::Json => "the body is not exactly one JSON value (RFC 8259)",
            Rejection::DuplicateKey => "an object in the body has the same key twice",
            Rejection::Key => "a key in the body could be taken for another key",
            Rejection::Number => "a number in the body is out of range",
            Rejection::Depth => "the body is nested too deeply or holds too many values",
            Rejection::Envelope => "the body is not a JSON-RPC 2.0 message",
            Rejection::Id => "an id must be a string or an integer of at most 1024 bytes",
            Rejection::Params => "the parameters are not what the method takes",
            Rejection::Batch => {
                "batches hold 1 to 100 messages with different ids, and none since 2026-07-28"
            }
            Rejection::Mirror => "a mirror header is missing or differs from the body",
            Rejection::Method => "unknown method",
            Rejection::Notification => "a request has no id",
            Rejection::BodyTimeout => {
                "no body came in time; if this happens to every request, the filter's configuration on the proxy lacks \
                 `allow_on_headers_stop_iteration: true` (or set `http.hold_request_headers: false`)"
            }
            Rejection::EarlyReply => "the server answered before the whole request was there",
            Rejection::Host => "the proxy could not read the request",
        }
    }

    /// The rule pointer.
    pub fn pointer(self) -> String {
        format!("/protocol/{}", self.word())
    }

    /// The message with what exactly it is about.
    pub fn explain(self, detail: &str) -> String {
        if detail.is_empty() {
            self.message().to_owned()
        } else {
            format!("{}: {detail}", self.message())
        }
    }

    /// The HTTP status of the answer.
    pub fn status(self) -> u32 {
        match self {
            Rejection::HttpMethod => 405,
            Rejection::Size => 413,
            Rejection::EarlyReply => 502,
            Rejection::Host | Rejection::BodyTimeout => 503,
            _ => 400,
        }
    }

    /// The JSON-RPC error code of the answer.
    pub fn code(self) -> i32 {
        match self {
            Rejection::Utf8 | Rejection::Json | Rejection::Empty => code::PARSE_ERROR,
            Rejection::Params => code::INVALID_PARAMS,
            Rejection::Mirror => code::HEADER_MISMATCH,
            Rejection::Method => code::METHOD_NOT_FOUND,
            _ => code::INVALID_REQUEST,
        }
    }
}

impl From<JsonErrorKind> for Rejection {
    fn from(kind: JsonErrorKind) -> Self {
        match kind {
            JsonErrorKind::Empty => Rejection::Empty,
            JsonErrorKind::Utf8 | JsonErrorKind::LoneSurrogate => Rejection::Utf8,
            JsonErrorKind::Syntax
            | JsonErrorKind::TrailingData
            | JsonErrorKind::ControlCharacter => Rejection::Json,
            JsonErrorKind::DuplicateKey => Rejection::DuplicateKey,
            JsonErrorKind::ControlInKey => Rejection::Key,
            JsonErrorKind::NumberRange => Rejection::Number,
            JsonErrorKind::Depth | JsonErrorKind::Size => Rejection::Depth,
        }
    }
}

impl From<Malformed> for Rejection {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Envelope => Rejection::Envelope,
            Malformed::Id | Malformed::LongId => Rejection::Id,
            Malformed::Key => Rejection::Key,
            Malformed::Params => Rejection::Params,
        }
    }
}
