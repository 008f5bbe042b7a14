//! Clients that look for an authorization server ask at paths of their own. A refusal there has to be one that they understand:
//! an OAuth error, not one of JSON-RPC.

use crate::headers::{Headers, header};

/// Where clients register and fetch tokens if there is no metadata (MCP 2025-03-26).
const ENDPOINTS: [&[u8]; 3] = [b"/register", b"/authorize", b"/token"];

/// Where metadata stands (RFC 8414, RFC 9728, OpenID Connect Discovery); below it, or behind a path, that of one resource.
const METADATA: [&[u8]; 2] = [b"/.well-known/oauth-", b"/.well-known/openid-configuration"];

/// Whether a request is such a question, by its path.
pub(super) fn is_oauth(headers: &Headers) -> bool {
    let path = header(headers, ":path").unwrap_or_default();
    let path = path.split(|&byte| byte == b'?').next().unwrap_or_default();
    let holds = |part: &&[u8]| path.windows(part.len()).any(|window| window == *part);
    ENDPOINTS.contains(&path) || METADATA.iter().any(holds)
}
