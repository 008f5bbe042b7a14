//! The tools: what a payment provider and a code host would offer. They do nothing but say what they would have done.

use std::sync::Arc;

use rmcp::ErrorData;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock,
    Implementation, JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities,
    ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};

/// Every tool of the server, in the order of its list.
pub const NAMES: [&str; 9] = [
    "get_balance",
    "create_payment",
    "create_refund",
    "close_account",
    "list_issues",
    "create_issue",
    "delete_repository",
    "post_message",
    "whoami",
];

/// The `payment` for which `create_refund` answers with a JSON-RPC error.
pub const UNKNOWN_PAYMENT: &str = "unknown";

/// The MCP server behind the gate.
#[derive(Clone, Debug, Default)]
pub(super) struct Tools {
    /// Tools that are defined otherwise than usual.
    pub(super) changed: Arc<Vec<Tool>>,
}

impl Tools {
    fn tool(&self, name: &'static str) -> Tool {
        let changed = self.changed.iter().find(|tool| tool.name == name);
        changed.cloned().unwrap_or_else(|| tool(name))
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(
                "demo-upstream",
                env!("CARGO_PKG_VERSION"),
            ))
            .with_instructions(
                "Accounts, payments and repositories of a company that does not exist.",
            )
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(
            ListToolsResult::with_all_items(NAMES.map(|name| self.tool(name)).into())
                .with_ttl_ms(60_000)
                // A list that a gate filters for one caller must not stay public: here to see that it does not.
                .with_cache_scope(CacheScope::Public),
        )
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let known = NAMES.into_iter().find(|known| *known == name);
        known.map(|name| self.tool(name))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let text = |name: &str| match arguments.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => "?".to_owned(),
        };
        let done = match request.name.as_ref() {
            "get_balance" => {
                let mut result =
                    CallToolResult::structured(json!({"balance": 2500, "currency": "EUR"}));
                result.content = vec![ContentBlock::text("Balance: 2500 EUR")];
                return Ok(result.into());
            }
            "create_payment" => format!("Paid {} {}", text("amount"), text("currency")),
            "create_refund" if text("payment") == UNKNOWN_PAYMENT => {
                return Err(ErrorData::invalid_params("no payment with this id", None));
            }
            "create_refund" => {
                format!("Refunded {} of payment {}", text("amount"), text("payment"))
            }
            "close_account" => format!("Closed account {}", text("account")),
            "list_issues" => format!(
                "2 open issues in {}/{}: #7 from ana@example.com, #12",
                text("owner"),
                text("repo")
            ),
            "create_issue" => format!(
                "Opened #13 in {}/{}: {}",
                text("owner"),
                text("repo"),
                text("title")
            ),
            "delete_repository" => format!("Deleted {}/{}", text("owner"), text("repo")),
            "post_message" => format!("Posted to {}", text("channel")),
            "whoami" => return Ok(CallToolResult::structured(headers(&context)).into()),
            name => {
                return Err(ErrorData::invalid_params(
                    format!("unknown tool `{name}`"),
                    None,
                ));
            }
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(done)]).into())
    }
}

/// The headers of the request that made this call, as this server got them.
fn headers(context: &RequestContext<RoleServer>) -> Value {
    let parts = context.extensions.get::<http::request::Parts>();
    let headers = parts.into_iter().flat_map(|parts| &parts.headers);
    let named = headers.map(|(name, value)| {
        (
            name.to_string(),
            String::from_utf8_lossy(value.as_bytes()).into(),
        )
    });
    json!({"headers": named.collect::<JsonObject>()})
}

fn tool(name: &'static str) -> Tool {
    let (description, read_only, arguments): (_, _, &[(&str, &str)]) = match name {
        "get_balance" => ("The balance of the company's account", true, &[]),
        "create_payment" => (
            "Pays somebody",
            false,
            &[("amount", "number"), ("currency", "string")],
        ),
        "create_refund" => (
            "Gives a payment back",
            false,
            &[("payment", "string"), ("amount", "number")],
        ),
        "close_account" => (
            "Closes an account for good",
            false,
            &[("account", "string")],
        ),
        "list_issues" => (
            "Open issues of a repository",
            true,
            &[("owner", "string"), ("repo", "string")],
        ),
        "create_issue" => (
            "Opens an issue",
            false,
            &[("owner", "string"), ("repo", "string"), ("title", "string")],
        ),
        "delete_repository" => (
            "Deletes a repository for good",
            false,
            &[("owner", "string"), ("repo", "string")],
        ),
        "post_message" => (
            "Posts to a channel",
            false,
            &[("channel", "string"), ("text", "string")],
        ),
        _ => ("The HTTP headers that this call came with", true, &[]),
    };
    let properties: JsonObject = arguments
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), json!({"type": kind})))
        .collect();
    let required: Vec<_> = arguments.iter().map(|(name, _)| name).collect();
    let schema = object(json!({"type": "object", "properties": properties, "required": required}));
    let tool = Tool::new(name, description, schema)
        .with_annotations(ToolAnnotations::new().read_only(read_only));
    if name == "get_balance" {
        // Some clients hold a reply against this, refusals included.
        return tool.with_raw_output_schema(
            object(json!({
                "type": "object",
                "properties": {"balance": {"type": "number"}, "currency": {"type": "string"}},
                "required": ["balance", "currency"],
            }))
            .into(),
        );
    }
    tool
}

fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}
