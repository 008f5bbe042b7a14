//! The only place where refusals become bytes.
//!
//! The shapes were measured against nine MCP clients; any other shape hangs or kills some of them:
//! a denied `tools/call` is HTTP 200 with an `isError` tool result, always with `resultType`, never with
//! `structuredContent`. 4xx is for what is no MCP at all or can be read in two ways, and for 2026-07-28: Python clients of
//! the versions before tear their connection down.

use serde::Serialize;

use crate::approvals::Notice;
use crate::identity::Stranger;
use crate::json::ObjectWriter;
use crate::refusal::{Denial, Own, Rejection};
use crate::rpc::{Id, code};

/// A reply the gate makes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u32,
    /// Headers besides the status; the host adds `content-length`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What one message of a refused request is answered with.
#[derive(Clone, Debug)]
pub enum Answer<'d> {
    /// A tool result that says why.
    ToolError(Id<'d>, Denial),
    /// A JSON-RPC error that says why: where the client does not expect a tool result.
    RpcError(Id<'d>, Denial),
    /// It is refused before any policy is asked, for this and for what exactly.
    Rejected(Id<'d>, Rejection, &'static str),
    /// Would have been forwarded, but shares a batch with a refused call.
    Innocent(Id<'d>),
    /// Nothing: it has no id.
    Silence,
}

#[derive(Serialize)]
struct ToolResult<'a> {
    #[serde(rename = "resultType")]
    result_type: &'static str,
    content: [TextContent<'a>; 1],
    #[serde(rename = "isError")]
    is_error: bool,
    #[serde(rename = "_meta")]
    meta: Meta<'a>,
}

#[derive(Serialize)]
struct TextContent<'a> {
    r#type: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Meta<'a> {
    #[serde(rename = "toolgate/denial")]
    denial: DenialMeta<'a>,
}

#[derive(Serialize)]
struct DenialMeta<'a> {
    rule: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<&'a Notice>,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: i32,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Meta<'a>>,
}

/// The refusal of a call in the shape its caller expects.
pub fn refusal(id: Id<'_>, denial: Denial, tool_result: bool) -> Answer<'_> {
    if tool_result {
        Answer::ToolError(id, denial)
    } else {
        Answer::RpcError(id, denial)
    }
}

/// The reply to a request that held one message.
pub fn single(answer: &Answer<'_>, prefix: &str, modern: bool) -> Reply {
    match render(answer, prefix) {
        // Since 2026-07-28 the status says it too; to older clients a 4xx is the end of their session.
        Some(body) => match answer {
            // By this one clients of any version know that they have to begin a new session.
            Answer::Rejected(_, Rejection::Session, _) => json(Rejection::Session.status(), body),
            Answer::Rejected(_, rejection, _) if modern => json(rejection.status(), body),
            _ => json(200, body),
        },
        None => dropped(),
    }
}

/// The reply to a batch of which something was refused.
pub fn batch(answers: &[Answer<'_>], prefix: &str) -> Reply {
    let rendered: Vec<String> = answers
        .iter()
        .filter_map(|answer| render(answer, prefix))
        .collect();
    if rendered.is_empty() {
        dropped()
    } else {
        json(200, format!("[{}]", rendered.join(",")))
    }
}

/// The reply to what expects none.
pub fn dropped() -> Reply {
    Reply {
        status: 202,
        headers: Vec::new(),
        body: Vec::new(),
    }
}

/// The reply to a client of 2026-07-28 that is to retry at once, with this state.
pub fn input_required(id: Id<'_>, state: &str) -> Reply {
    let mut result = ObjectWriter::default();
    result.text("resultType", "input_required");
    result.text("requestState", state);
    let mut body = ObjectWriter::default();
    body.text("jsonrpc", "2.0");
    body.raw("id", id.token());
    body.raw("result", &result.finish());
    json(200, body.finish())
}

impl Rejection {
    /// The reply to one message of a version before 2026-07-28 that can be read but for what it is rejected for: an error
    /// under its id, or nothing to a notification. The status is not one that would end the client's session.
    pub fn reply_within(self, id: Option<Id<'_>>, detail: &str) -> Reply {
        id.map_or_else(dropped, |id| json(200, self.body(id, detail)))
    }

    fn body(self, id: Id<'_>, detail: &str) -> String {
        let message = self.explain(detail);
        error(id, self.code(), &message, Some(&self.pointer()))
    }

    /// The reply to a rejected request. `detail` names what exactly.
    pub fn reply(self, id: Id<'_>, detail: &str) -> Reply {
        let mut reply = json(self.status(), self.body(id, detail));
        if self == Rejection::HttpMethod {
            reply
                .headers
                .push(("allow", "POST, GET, DELETE".to_owned()));
        }
        reply
    }
}

/// The refusal of a client that looks for an authorization server, in words of OAuth (RFC 6749): there is none here.
pub fn no_oauth() -> Reply {
    let description =
        "there is no authorization server here: ask the operator of this gate for a credential";
    let mut body = ObjectWriter::default();
    body.text("error", "invalid_request");
    body.text("error_description", description);
    let mut reply = json(404, body.finish());
    reply.headers.push(("cache-control", "no-store".to_owned()));
    reply
}

/// Said where no server matches.
pub const NO_SERVER: &str = "this gate serves no such server";

/// The reply to a request for no server of the configuration.
pub fn no_server() -> Reply {
    json(
        404,
        error(
            Id::NULL,
            code::INVALID_REQUEST,
            NO_SERVER,
            Some(Own::NoServer.pointer()),
        ),
    )
}

/// The reply of a host that serves before it has a configuration.
pub fn unconfigured() -> Reply {
    let message = "the gate has no configuration";
    json(503, error(Id::NULL, code::INTERNAL_ERROR, message, None))
}

/// The reply to a caller that is turned away: 401 or 403 with a challenge (RFC 6750), never a tool result. Where
/// there is protected resource metadata (RFC 9728) it is named.
pub fn turned_away(stranger: Stranger, resource_metadata: Option<&str>) -> Reply {
    let (status, kind) = match stranger {
        Stranger::Missing => (401, None),
        _ if stranger.is_unauthenticated() => (401, Some("invalid_token")),
        _ => (403, Some("insufficient_scope")),
    };
    let mut challenge = "Bearer realm=\"mcp\"".to_owned();
    if let Some(kind) = kind {
        challenge.push_str(&format!(
            ", error=\"{kind}\", error_description=\"{}\"",
            stranger.message()
        ));
    }
    if let Some(url) = resource_metadata {
        challenge.push_str(&format!(", resource_metadata=\"{url}\""));
    }
    let rule = format!("/identity/{}", stranger.word());
    let code = if status == 401 {
        code::UNAUTHENTICATED
    } else {
        code::REFUSED
    };
    let mut reply = json(
        status,
        error(Id::NULL, code, stranger.message(), Some(&rule)),
    );
    reply.headers.push(("www-authenticate", challenge));
    reply
}

/// What takes the place of a reply that must not be shown. `is_tool` tells that the client expects a tool result.
pub fn withheld(id: Id<'_>, is_tool: bool, denial: &Denial, prefix: &str) -> String {
    if is_tool {
        tool_error(id, denial, prefix)
    } else {
        rpc_error(id, denial, prefix)
    }
}

fn json(status: u32, body: String) -> Reply {
    Reply {
        status,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.into_bytes(),
    }
}

fn render(answer: &Answer<'_>, prefix: &str) -> Option<String> {
    match answer {
        Answer::ToolError(id, denial) => Some(tool_error(*id, denial, prefix)),
        Answer::RpcError(id, denial) => Some(rpc_error(*id, denial, prefix)),
        Answer::Rejected(id, rejection, detail) => Some(rejection.body(*id, detail)),
        Answer::Innocent(id) => {
            let reason = "not executed: another call in this batch was refused";
            Some(error(
                *id,
                code::REFUSED,
                &format!("{prefix}{reason}"),
                None,
            ))
        }
        Answer::Silence => None,
    }
}

fn meta(denial: &Denial) -> Meta<'_> {
    Meta {
        denial: DenialMeta {
            rule: &denial.rule,
            retry_after: denial.retry_after,
            approval: denial.approval.as_deref(),
        },
    }
}

fn tool_error(id: Id<'_>, denial: &Denial, prefix: &str) -> String {
    let text = format!("{prefix}{}", denial.reason);
    let result = ToolResult {
        result_type: "complete",
        content: [TextContent {
            r#type: "text",
            text: &text,
        }],
        is_error: true,
        meta: meta(denial),
    };
    // Serializing text and numbers cannot fail.
    let result = serde_json::to_string(&result).unwrap_or_default();
    format!(
        r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#,
        id.token()
    )
}

fn rpc_error(id: Id<'_>, denial: &Denial, prefix: &str) -> String {
    let message = format!("{prefix}{}", denial.reason);
    envelope(
        id,
        &ErrorObject {
            code: code::REFUSED,
            message: &message,
            data: Some(meta(denial)),
        },
    )
}

fn error(id: Id<'_>, code: i32, message: &str, rule: Option<&str>) -> String {
    let data = rule.map(|rule| Meta {
        denial: DenialMeta {
            rule,
            retry_after: None,
            approval: None,
        },
    });
    envelope(
        id,
        &ErrorObject {
            code,
            message,
            data,
        },
    )
}

fn envelope(id: Id<'_>, error: &ErrorObject<'_>) -> String {
    // Serializing text and numbers cannot fail.
    let error = serde_json::to_string(error).unwrap_or_default();
    format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, id.token())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_without_a_configuration_says_so() {
        let reply = unconfigured();
        assert_eq!(reply.status, 503);
        let body = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"the gate has no configuration"}}"#;
        assert_eq!(String::from_utf8(reply.body).unwrap(), body);
    }
}
