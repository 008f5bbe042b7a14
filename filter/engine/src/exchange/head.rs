//! Request headers: is this MCP over HTTP at all, and does everybody read it the same way?

use crate::gate::Gate;
use crate::headers::{Headers, header, is_json};
use crate::identity::Source;
use crate::mcp::Mirrors;
use crate::refusal::Rejection;
use crate::text::clip;

/// What is kept of the request headers.
#[derive(Debug)]
pub(super) struct RequestHead {
    /// A POST: the body is a message.
    pub(super) carries_message: bool,
    /// A GET: the reply may be a stream that redelivers anything.
    pub(super) is_get: bool,
    /// How long the body says it is, in bytes.
    pub(super) declared: Option<usize>,
    pub(super) mirrors: Mirrors,
    pub(super) request_id: Option<String>,
    pub(super) traceparent: Option<String>,
    /// `mcp-session-id`, as it arrived.
    pub(super) session: Option<String>,
    /// What it asks of the host's own router, where that is not trusted.
    pub(super) router: Vec<&'static str>,
}

/// Headers that decide how a request is read. A second one is a second reading.
const ONCE: [&str; 14] = [
    ":method",
    ":path",
    ":authority",
    ":scheme",
    "host",
    "authorization",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "mcp-protocol-version",
    "mcp-session-id",
    "mcp-method",
    "mcp-name",
];

/// Lets some frameworks treat a POST as another method, or a GET as a POST.
const OVERRIDES: [&str; 3] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];

/// Headers by which Envoy's router lets a caller set retries, timeouts and where a request goes. Envoy takes them off requests
/// that come from outside; what is outside is configuration, and in a mesh nobody may be.
const ROUTER: [&str; 13] = [
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-is-timeout-retry",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-stream-duration-ms",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-original-dst-host",
];

type Refused = (Rejection, String);

/// How much a body may be, and the key that says so.
pub(super) fn largest(gate: &Gate) -> String {
    let bytes = gate.http.max_body_bytes;
    format!("at most {bytes} bytes (`http.max_body_bytes`)")
}

fn refused(rejection: Rejection, detail: &str) -> Refused {
    (rejection, detail.to_owned())
}

impl RequestHead {
    /// Checks the headers.
    ///
    /// # Errors
    /// The rejection and what exactly it is about.
    pub(super) fn read(headers: &Headers) -> Result<RequestHead, Refused> {
        let mut seen = [false; ONCE.len()];
        for (name, _) in headers {
            let known = ONCE
                .iter()
                .zip(&mut seen)
                .find(|(once, _)| name.eq_ignore_ascii_case(once.as_bytes()));
            if let Some((once, seen)) = known
                && std::mem::replace(seen, true)
            {
                return Err(refused(Rejection::Header, &format!("`{once}` is repeated")));
            }
        }
        if OVERRIDES
            .into_iter()
            .any(|name| header(headers, name).is_some())
        {
            return Err(refused(Rejection::HttpMethod, ""));
        }
        if header(headers, "upgrade").is_some() {
            return Err(refused(Rejection::Upgrade, ""));
        }
        let carries_message = match header(headers, ":method") {
            Some(b"POST") => true,
            Some(b"GET" | b"DELETE" | b"OPTIONS" | b"HEAD") => false,
            Some(b"CONNECT") => return Err(refused(Rejection::Upgrade, "")),
            _ => return Err(refused(Rejection::HttpMethod, "")),
        };
        let encoding = header(headers, "content-encoding");
        if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
            return Err(refused(Rejection::ContentEncoding, ""));
        }
        if carries_message && !header(headers, "content-type").is_some_and(is_json) {
            return Err(refused(Rejection::ContentType, ""));
        }
        // Hosts join repeated values with a comma, which no bearer token holds (RFC 6750).
        let token = header(headers, "authorization").unwrap_or_default();
        let is_bearer = token
            .get(..7)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
        if is_bearer && token.contains(&b',') {
            return Err(refused(Rejection::Header, "`authorization` is repeated"));
        }
        let declared = header(headers, "content-length")
            .map(|length| std::str::from_utf8(length).unwrap_or_default());
        if let Some(declared) = declared {
            let digits = !declared.is_empty() && declared.bytes().all(|byte| byte.is_ascii_digit());
            if !digits {
                return Err(refused(
                    Rejection::Header,
                    "`content-length` is not a number",
                ));
            }
        }
        let session = header(headers, "mcp-session-id").map(std::str::from_utf8);
        // Two sessions that are no text would be one.
        let session = session
            .transpose()
            .map_err(|_not_text| refused(Rejection::Header, "`mcp-session-id` is not text"))?;
        let text = |name| header(headers, name).map(|value| clip(&String::from_utf8_lossy(value)));
        let bytes = |name| header(headers, name).map(<[u8]>::to_vec);
        Ok(RequestHead {
            carries_message,
            is_get: header(headers, ":method") == Some(b"GET"),
            // Digits that are no number are a large one.
            declared: declared.map(|length| length.parse().unwrap_or(usize::MAX)),
            mirrors: Mirrors {
                version: bytes("mcp-protocol-version"),
                method: bytes("mcp-method"),
                name: bytes("mcp-name"),
            },
            request_id: text("x-request-id"),
            traceparent: text("traceparent"),
            session: session.map(str::to_owned),
            router: present(headers, &ROUTER),
        })
    }
}

/// Whether a name belongs into the head of a request, where it decides how that is read, who calls or where it goes. Servers that
/// turn headers into variables take an underscore for a dash, and some read trailers as headers.
pub fn belongs_to_head(gate: &Gate, name: &[u8]) -> bool {
    let name: Vec<u8> = name
        .iter()
        .map(|byte| {
            if *byte == b'_' {
                b'-'
            } else {
                byte.to_ascii_lowercase()
            }
        })
        .collect();
    let is = |known: &str| *name == *known.as_bytes();
    let of_source = |source: &Source| match source {
        Source::Header { name, .. } => is(&name.replace('_', "-")),
        _ => false,
    };
    let known = ONCE
        .iter()
        .chain(&OVERRIDES)
        .chain(&ROUTER)
        .chain(&["upgrade", "cookie"]);
    known.copied().any(is)
        || name.starts_with(b"x-forwarded-")
        || gate.identity.sources.iter().any(of_source)
}

/// A header that some servers take for another which matters. The name of an identity source is itself, underscores and all.
pub(super) fn alias(headers: &Headers, gate: &Gate) -> Option<String> {
    let is_source = |name: &[u8]| {
        let named = |source: &Source| matches!(source, Source::Header { name: own, .. } if name.eq_ignore_ascii_case(own.as_bytes()));
        gate.identity.sources.iter().any(named)
    };
    let mut names = headers.iter().map(|(name, _)| name.as_slice());
    let alias = names
        .find(|name| name.contains(&b'_') && !is_source(name) && belongs_to_head(gate, name))?;
    Some(clip(&String::from_utf8_lossy(alias)))
}

/// Those of these names that are there.
fn present(headers: &Headers, names: &[&'static str]) -> Vec<&'static str> {
    let is_there = |name: &&&str| header(headers, name).is_some();
    names.iter().filter(is_there).copied().collect()
}
