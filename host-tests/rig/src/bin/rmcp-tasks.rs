//! A server on the rmcp SDK whose tools answer with tasks of 2026-07-28: `tasks/get` carries what they say.
//!
//! It says what a script tells it to (`host-tests/clients/harness/carriers.py` writes it). Usage: rmcp-tasks PORT SCRIPT

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CreateTaskResult,
    ErrorCode, ErrorData, GetTaskParams, GetTaskResult, InputRequest, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, UpdateTaskParams,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::task_manager::{TaskExit, TaskManager, TaskOptions};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const TOOLS: [&str; 3] = ["task", "task_that_fails", "task_that_asks"];

#[derive(Clone)]
struct Tasks {
    tasks: TaskManager,
    secrets: Arc<str>,
}

impl Tasks {
    fn start(&self, tool: String) -> CreateTaskResult {
        let secrets = self.secrets.clone();
        let options = TaskOptions::new()
            .with_poll_interval_ms(50)
            .with_status_message(secrets.as_ref());
        let task = self.tasks.spawn(options, move |context| {
            Box::pin(async move {
                if tool == "task_that_asks" {
                    let schema = json!({"type": "object", "properties": {"answer": {"type": "string", "description": &*secrets}}});
                    let question = json!({
                        "method": "elicitation/create",
                        "params": {"mode": "form", "message": &*secrets, "requestedSchema": schema},
                    });
                    let question: InputRequest = serde_json::from_value(question)
                        .map_err(|error| TaskExit::Error(invalid(error.to_string())))?;
                    context.request_input("person", question).await?;
                }
                tokio::time::sleep(Duration::from_millis(150)).await;
                if tool == "task_that_fails" {
                    let data = Value::String(secrets.to_string());
                    return Err(TaskExit::Error(ErrorData::new(
                        ErrorCode(1500),
                        secrets.to_string(),
                        Some(data),
                    )));
                }
                let text = ContentBlock::text(secrets.to_string());
                Ok(CallToolResult::success(vec![text]))
            })
        });
        CreateTaskResult::new(task)
    }
}

fn invalid(message: String) -> ErrorData {
    ErrorData::invalid_params(message, None)
}

impl ServerHandler for Tasks {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_tasks();
        ServerConfig::new(capabilities.build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = || {
            Arc::new(serde_json::Map::from_iter([(
                "type".to_owned(),
                json!("object"),
            )]))
        };
        let tools = TOOLS.map(|name| Tool::new(name, "Answers with a task.", schema()));
        Ok(ListToolsResult::with_all_items(tools.into()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResponse::Task(
            self.start(request.name.into_owned()),
        ))
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        Ok(GetTaskResult::new(self.tasks.get_task(&request.task_id)?))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.tasks
            .update_task(&request.task_id, request.input_responses)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().context("usage: rmcp-tasks PORT SCRIPT")?;
    let script = arguments.next().context("usage: rmcp-tasks PORT SCRIPT")?;
    let script: Value = serde_json::from_str(&std::fs::read_to_string(script)?)?;
    let secrets = script["secrets"]
        .as_str()
        .context("a script without secrets")?;
    let server = Tasks {
        tasks: TaskManager::new(),
        secrets: secrets.into(),
    };
    let config = StreamableHttpServerConfig::default().disable_allowed_hosts();
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(LocalSessionManager::default()),
        config,
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = service.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let service = service.clone();
                async move { Ok::<_, Infallible>(service.handle(request).await) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            // A client that hangs up is no news.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
