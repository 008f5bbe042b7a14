//! MCP over HTTP as real clients and servers write it: what the runner sends, and what it lets the upstream answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use super::case::{Ask, Given, ListKind, Protocol, UpstreamKind, What};
use toolgate_host::Message;

/// The id of every request: they run one after the other.
pub const ID: &str = "7";

/// The body of a request.
pub fn body(ask: &Ask, what: &What) -> String {
    let (method, mut params) = match what {
        What::Raw(body) => return body.clone(),
        What::Tool(name, arguments) => ("tools/call", named("name", name, arguments.as_deref())),
        What::Prompt(name, arguments) => ("prompts/get", named("name", name, arguments.as_deref())),
        What::Resource(uri) => ("resources/read", named("uri", uri, None)),
    };
    if ask.protocol.is_modern() {
        params.push(modern_meta());
    }
    request(method, &params)
}

/// The body of a request for a list.
pub fn list_body(ask: &Ask, list: ListKind) -> String {
    let meta = ask.protocol.is_modern().then(modern_meta);
    request(list.method(), &Vec::from_iter(meta))
}

/// The body that begins a session.
pub fn initialize_body(protocol: Protocol) -> String {
    let params = [
        format!(r#""protocolVersion":"{}""#, protocol.name()),
        r#""capabilities":{},"clientInfo":{"name":"toolgate test","version":"1"}"#.to_owned(),
    ];
    request("initialize", &params)
}

fn named(key: &str, name: &str, arguments: Option<&str>) -> Vec<String> {
    let mut params = vec![format!(r#""{key}":{}"#, Value::from(name))];
    params.extend(arguments.map(|json| format!(r#""arguments":{json}"#)));
    params
}

fn modern_meta() -> String {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": Protocol::V2026_07_28.name(),
        "io.modelcontextprotocol/clientInfo": {"name": "toolgate test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    format!(r#""_meta":{meta}"#)
}

fn request(method: &str, params: &[String]) -> String {
    let params = params.join(",");
    format!(r#"{{"jsonrpc":"2.0","id":{ID},"method":"{method}","params":{{{params}}}}}"#)
}

/// A POST of a body, with the headers a client of this protocol sends.
pub fn post(ask: &Ask, body: &str) -> Message {
    let mut message = Message::post("/mcp", body)
        .header("accept", "application/json, text/event-stream")
        .header("accept-encoding", "gzip, deflate")
        .header("user-agent", "toolgate-test");
    if ask.protocol >= Protocol::V2025_06_18 {
        message = message.header("mcp-protocol-version", ask.protocol.name());
    }
    if ask.protocol.is_modern() {
        let parsed: Value = serde_json::from_str(body).unwrap_or_default();
        if let Some(method) = parsed.get("method").and_then(Value::as_str) {
            message = message.header("mcp-method", header_text(method));
        }
        let name = ["name", "uri", "taskId"]
            .iter()
            .find_map(|key| parsed.pointer(&format!("/params/{key}")));
        if let Some(name) = name.and_then(Value::as_str) {
            message = message.header("mcp-name", header_text(name));
        }
    }
    if let Some(session) = &ask.session {
        message = message.header("mcp-session-id", session);
    }
    message
}

/// A text as a header carries it: itself where that is safe, base64 in a wrapper where it is not.
fn header_text(text: &str) -> String {
    let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let trimmed = text.trim() == text && !text.is_empty();
    if plain && trimmed && !text.starts_with("=?base64?") {
        text.to_owned()
    } else {
        format!("=?base64?{}?=", STANDARD.encode(text))
    }
}

/// One entry of a list, by its name.
pub fn list_entry(list: ListKind, name: &str) -> String {
    match list {
        ListKind::Tools => json!({"name": name, "inputSchema": {"type": "object"}}),
        ListKind::Prompts => json!({"name": name}),
        ListKind::Resources => json!({"uri": name, "name": name}),
        ListKind::Templates => json!({"uriTemplate": name, "name": name}),
    }
    .to_string()
}

/// The upstream's answer to a list request.
pub fn list_reply(ask: &Ask, list: ListKind, entries: &[String]) -> Message {
    let entries = entries.join(",");
    let modern = if ask.protocol.is_modern() {
        r#""resultType":"complete","ttlMs":60000,"cacheScope":"private","#
    } else {
        ""
    };
    result(&format!(r#"{{{modern}"{}":[{entries}]}}"#, list.key()))
}

/// The upstream's answer that begins a session.
pub fn initialize_reply(protocol: Protocol, session: &str) -> Message {
    let version = protocol.name();
    let text = format!(
        r#"{{"protocolVersion":"{version}","capabilities":{{}},"serverInfo":{{"name":"upstream","version":"1"}}}}"#
    );
    result(&text).header("mcp-session-id", session)
}

/// The upstream's answer to a call.
pub fn reply(ask: &Ask, what: &What, kind: UpstreamKind, given: Option<&Given>) -> Message {
    let complete = if ask.protocol.is_modern() {
        r#""resultType":"complete","#
    } else {
        ""
    };
    match (kind, given) {
        (UpstreamKind::RpcError, _) => Message::response(
            200,
            "application/json",
            answer(r#""error":{"code":-32000,"message":"the tool did not run"}"#),
        ),
        (UpstreamKind::Http5xx, _) => Message::response(500, "text/plain", "internal server error"),
        (_, Some(Given::Json(json))) => result(json),
        (_, Some(Given::Text(text))) => plain(what, complete, text),
        (UpstreamKind::ToolError, _) => result(&format!(
            r#"{{{complete}"content":[{{"type":"text","text":"it failed"}}],"isError":true}}"#
        )),
        _ => plain(what, complete, "ok"),
    }
}

/// A result that holds this text and no more.
fn plain(what: &What, complete: &str, text: &str) -> Message {
    let text = Value::from(text);
    result(&match what {
        What::Prompt(..) => format!(
            r#"{{{complete}"messages":[{{"role":"user","content":{{"type":"text","text":{text}}}}}]}}"#
        ),
        What::Resource(uri) => {
            let uri = Value::from(uri.as_str());
            format!(r#"{{{complete}"contents":[{{"uri":{uri},"text":{text}}}]}}"#)
        }
        _ => format!(r#"{{{complete}"content":[{{"type":"text","text":{text}}}]}}"#),
    })
}

/// The one text in a result.
pub fn text_of(result: &Value) -> Option<&str> {
    let places = [
        "/content/0/text",
        "/messages/0/content/text",
        "/contents/0/text",
    ];
    let found = places.iter().find_map(|place| result.pointer(place));
    found.and_then(Value::as_str)
}

fn result(json: &str) -> Message {
    let body = answer(&format!(r#""result":{json}"#));
    Message::response(200, "application/json", body)
}

fn answer(member: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{ID},{member}}}"#)
}
