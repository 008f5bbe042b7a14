//! Requests that are refused before any policy is asked: not MCP, ambiguous or unreadable.

use crate::json::JsonErrorKind;
use crate::rpc::{Malformed, code};

macro_rules! rejections {
    ($($(#[$doc:meta])+ $name:ident $word:literal $status:literal $code:ident $message:literal;)+) => {
        /// Why a request was rejected. Its [`word`](Rejection::word) ends the rule pointer `/protocol/<word>`; the
        /// words are a closed list that dashboards may rely on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Rejection {
            $($(#[$doc])+ $name,)+
        }

        impl Rejection {
            /// All of them, for documentation and metrics.
            pub const ALL: &[Rejection] = &[$(Rejection::$name),+];

            /// The last part of the rule pointer.
            pub fn word(self) -> &'static str {
                match self {
                    $(Rejection::$name => $word,)+
                }
            }

            /// What to tell whoever debugs the client.
            pub fn message(self) -> &'static str {
                match self {
                    $(Rejection::$name => $message,)+
                }
            }

            /// The HTTP status of the answer.
            pub fn status(self) -> u32 {
                match self {
                    $(Rejection::$name => $status,)+
                }
            }

            /// The JSON-RPC error code of the answer.
            pub fn code(self) -> i32 {
                match self {
                    $(Rejection::$name => code::$code,)+
                }
            }
        }
    };
}

// The word, the HTTP status and the JSON-RPC code of the answer, and its text.
rejections! {
    /// An HTTP method other than POST, GET, DELETE, OPTIONS and HEAD, or a method override.
    HttpMethod "http-method" 405 INVALID_REQUEST
        "MCP uses POST, GET and DELETE; method overrides are not accepted";
    /// An upgrade, or CONNECT.
    Upgrade "upgrade" 400 INVALID_REQUEST
        "protocol upgrades are not accepted here";
    /// A header that matters came twice, or is not what it must be.
    Header "header" 400 INVALID_REQUEST
        "a request header is repeated or malformed";
    /// Not `application/json` in UTF-8.
    ContentType "content-type" 400 INVALID_REQUEST
        "the content type must be application/json in UTF-8";
    /// An encoded body.
    ContentEncoding "content-encoding" 400 INVALID_REQUEST
        "encoded request bodies are not accepted";
    /// A body where none belongs.
    UnexpectedBody "unexpected-body" 400 INVALID_REQUEST
        "this HTTP method takes no body";
    /// No body where one is needed.
    Empty "empty" 400 PARSE_ERROR
        "the request has no body";
    /// A body over `http.max_body_bytes`.
    Size "size" 413 INVALID_REQUEST
        "the request body is too large";
    /// Not UTF-8.
    Utf8 "utf8" 400 PARSE_ERROR
        "the body is not UTF-8";
    /// Not JSON, or not exactly one value.
    Json "json" 400 PARSE_ERROR
        "the body is not exactly one JSON value (RFC 8259)";
    /// A key twice.
    DuplicateKey "duplicate-key" 400 INVALID_REQUEST
        "an object in the body has the same key twice";
    /// A key that looks like another.
    Key "key" 400 INVALID_REQUEST
        "a key in the body could be taken for another key";
    /// A number no two parsers agree on.
    Number "number" 400 INVALID_REQUEST
        "a number in the body is out of range";
    /// Nested too deeply, or too many values.
    Depth "depth" 400 INVALID_REQUEST
        "the body is nested too deeply or holds too many values";
    /// Not JSON-RPC 2.0.
    Envelope "envelope" 400 INVALID_REQUEST
        "the body is not a JSON-RPC 2.0 message";
    /// An id that is no string or integer, or one longer than [`MAX_ID`](crate::rpc::MAX_ID).
    Id "id" 400 INVALID_REQUEST
        "an id must be a string or an integer of at most 1024 bytes";
    /// Parameters of the wrong shape.
    Params "params" 400 INVALID_PARAMS
        "the parameters are not what the method takes";
    /// A batch that is empty, too long, repeats an id, or is not possible in this version.
    Batch "batch" 400 INVALID_REQUEST
        "batches hold 1 to 100 messages with different ids, and none since 2026-07-28";
    /// A session that a limit counts by, and that the gate did not see the server issue to this caller.
    Session "session" 404 INVALID_REQUEST
        "the session is not known here: begin a new one";
    /// A mirror header that differs from the body.
    Mirror "mirror" 400 HEADER_MISMATCH
        "a mirror header is missing or differs from the body";
    /// An unknown method, or one that is switched off.
    Method "method" 404 METHOD_NOT_FOUND
        "unknown method";
    /// A request without an id: nobody could be told what became of it.
    Notification "notification" 400 INVALID_REQUEST
        "a request has no id";
    /// No part of the body came in time.
    BodyTimeout "body-timeout" 503 INVALID_REQUEST
        "no body came in time; if this happens to every request, the filter's configuration on the proxy lacks \
                 `allow_on_headers_stop_iteration: true` (or set `http.hold_request_headers: false`)";
    /// The server answered before the whole request was there.
    EarlyReply "early-reply" 502 INVALID_REQUEST
        "the server answered before the whole request was there";
    /// The route is another one without the headers that must not go upstream.
    Route "route" 503 INVALID_REQUEST
        "the proxy routes this request by a header that must not go upstream, so it would go elsewhere without it; match the route on \
                 another header, or say `keep: true` where it is the header of an identity source";
    /// Too much text is kept for all requests, and most of it of this caller.
    Crowded "crowded" 503 INVALID_REQUEST
        "the proxy keeps too many unfinished requests of yours; finish them, or try again later";
    /// The host failed to tell what had to be known.
    Host "host" 503 INVALID_REQUEST
        "the proxy could not read the request";
}

impl Rejection {
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
}

/// Whether what breaks a rule of the reader leaves no doubt which message it is part of, and whose: it is refused like a
/// call then, and not like something that is no MCP.
pub fn is_readable_otherwise(kind: JsonErrorKind) -> bool {
    match kind {
        JsonErrorKind::ControlInKey
        | JsonErrorKind::LoneSurrogate
        | JsonErrorKind::NumberRange
        | JsonErrorKind::Depth
        | JsonErrorKind::Size => true,
        JsonErrorKind::Empty
        | JsonErrorKind::Utf8
        | JsonErrorKind::Syntax
        | JsonErrorKind::TrailingData
        | JsonErrorKind::ControlCharacter
        | JsonErrorKind::DuplicateKey => false,
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
