//! A session of the rmcp SDK, and what it answers when the server asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, ClientConfig,
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult,
    ElicitationAction, ErrorData, GetPromptRequestParams, GetTaskParams, Implementation,
    LoggingMessageNotificationParam, ProgressNotificationParam, ProtocolVersion,
    ReadResourceRequestParams, SamplingMessage, SubscriptionFilter, TaskPayload, UpdateTaskParams,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt as _, NotificationContext, RequestContext,
    RunningService, ServiceError, Subscription,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, RoleClient};
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use crate::drive::observe;
use crate::{Call, Cases, Era, Options, Progress, is_error};

/// A connection to one server.
pub struct Session {
    service: RunningService<RoleClient, Handler>,
    late: Arc<Mutex<Vec<f64>>>,
    /// The negotiated version.
    pub version: ProtocolVersion,
}

impl Session {
    /// Connects to `url`, with this bearer token if there is one.
    pub async fn connect(
        url: &str,
        token: Option<&str>,
        options: &Options,
        cases: &Cases,
    ) -> Result<Self> {
        let era = options.era;
        let late = Arc::<Mutex<Vec<f64>>>::default();
        let handler = Handler {
            sampled: cases.sample.answer.clone(),
            elicited: cases.elicit.answer.clone(),
            late: Arc::clone(&late),
            is_driven: options.drive.is_some(),
        };
        let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
        let lifecycle = match era {
            Era::Legacy => ClientLifecycleMode::Initialize,
            Era::Pinned => ClientLifecycleMode::Discover { preferred_versions },
            Era::Auto => ClientLifecycleMode::Auto {
                preferred_versions,
                legacy_version: None,
            },
        };
        let mut config = StreamableHttpClientTransportConfig::with_uri(url);
        config.auth_header = token.map(str::to_owned);
        let transport = StreamableHttpClientTransport::from_config(config);
        let service = handler.serve_with_lifecycle(transport, lifecycle).await?;
        let info = service
            .peer_info()
            .context("the server said nothing about itself")?;
        let version = info.protocol_version.clone();
        let modern = version.as_str() >= "2026-07-28";
        ensure!(
            era == Era::Auto || modern == (era == Era::Pinned),
            "negotiated {version}"
        );
        Ok(Self {
            service,
            late,
            version,
        })
    }

    /// Whether it speaks 2026-07-28.
    pub fn is_modern(&self) -> bool {
        self.version.as_str() >= "2026-07-28"
    }

    /// The names in the list of tools.
    pub async fn list_tools(&self) -> Result<Vec<String>> {
        let tools = self.service.list_all_tools().await?;
        Ok(tools
            .into_iter()
            .map(|tool| tool.name.into_owned())
            .collect())
    }

    /// The list of tools.
    pub async fn tools(&self) -> Result<Value, ServiceError> {
        Ok(json!(self.service.list_all_tools().await?))
    }

    /// Calls a tool.
    pub async fn call(&self, call: &Call) -> Result<Value> {
        Ok(self.reply(call).await?)
    }

    /// Calls a tool; the error is the SDK's own.
    pub async fn reply(&self, call: &Call) -> Result<Value, ServiceError> {
        let params =
            CallToolRequestParams::new(call.tool.clone()).with_arguments(call.arguments.clone());
        Ok(json!(self.service.call_tool(params).await?))
    }

    /// Calls a tool without arguments.
    pub async fn bare(&self, tool: &str) -> Result<Value, ServiceError> {
        let params = CallToolRequestParams::new(tool.to_owned());
        Ok(json!(self.service.call_tool(params).await?))
    }

    /// Reads a resource.
    pub async fn read(&self, uri: &str) -> Result<Value, ServiceError> {
        let params = ReadResourceRequestParams::new(uri);
        Ok(json!(self.service.read_resource(params).await?))
    }

    /// Fills in a prompt.
    pub async fn prompt(&self, name: &str) -> Result<Value, ServiceError> {
        let params = GetPromptRequestParams::new(name);
        Ok(json!(self.service.get_prompt(params).await?))
    }

    /// Calls a tool that answers with a task of 2026-07-28, and follows the task to its end: every state is observed.
    pub async fn task(&self, call: &Call) -> Result<Value, ServiceError> {
        let params =
            CallToolRequestParams::new(call.tool.clone()).with_arguments(call.arguments.clone());
        let created = match self.service.call_tool_once(params).await? {
            CallToolResponse::Task(created) => created,
            _ => return Err(ServiceError::UnexpectedResponse),
        };
        observe("task", &json!(created));
        loop {
            let got = self
                .service
                .get_task(GetTaskParams::new(&created.task.task_id))
                .await?;
            observe("task", &json!(got));
            match &got.task.payload {
                TaskPayload::Completed { result } => return Ok(json!(result)),
                TaskPayload::Failed { error } => return Ok(json!({"failed": error})),
                TaskPayload::InputRequired { input_requests } => {
                    let answer = json!({"action": "accept", "content": {"answer": "green"}});
                    let keys = input_requests.keys().cloned();
                    let answers = keys.map(|key| (key, answer.clone())).collect();
                    let update = UpdateTaskParams::new(&created.task.task_id, answers);
                    self.service.update_task(update).await?;
                }
                _ => {}
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Listens for changes of the list of tools.
    pub async fn listen(&self) -> Result<Subscription> {
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        Ok(self.service.listen(filter).await?)
    }

    /// How late each progress notification of a call is, in milliseconds, against the time in it.
    pub async fn lateness(&self, case: &Progress) -> Result<Vec<f64>> {
        self.late
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let reply = self.call(&case.call).await?;
        ensure!(!is_error(&reply), "{reply}");
        let late = self
            .late
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let steps = case.call.arguments.get("steps").and_then(Value::as_u64);
        ensure!(
            Some(late.len() as u64) == steps,
            "{} of {steps:?} notifications",
            late.len()
        );
        Ok(late)
    }

    /// Ends the session.
    pub async fn close(self) -> Result<String> {
        Ok(format!("{:?}", self.service.cancel().await?))
    }
}

/// Answers what a server asks, and notes how late its progress notifications are.
struct Handler {
    sampled: String,
    elicited: String,
    late: Arc<Mutex<Vec<f64>>>,
    is_driven: bool,
}

impl Handler {
    fn observe(&self, kind: &str, value: &Value) {
        if self.is_driven {
            observe(kind, value);
        }
    }
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder()
            .enable_sampling()
            .enable_elicitation()
            .enable_tasks()
            .build();
        ClientConfig::new(capabilities, Implementation::new("client-matrix", "1.0.0"))
    }

    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        self.observe("sampling", &json!(params));
        let message = SamplingMessage::assistant_text(&self.sampled);
        Ok(CreateMessageResult::new(message, "none".to_owned()))
    }

    async fn create_elicitation(
        &self,
        params: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        self.observe("elicitation", &json!(params));
        let content = json!({"answer": self.elicited});
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(content))
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        let shown = json!({"progress": params.progress, "message": params.message});
        self.observe("progress", &shown);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let sent = params
            .message
            .and_then(|message| message.parse::<f64>().ok());
        // A notification without a time counts as endlessly late.
        let late = now.ok().zip(sent).map_or(f64::INFINITY, |(now, sent)| {
            now.as_secs_f64() * 1000.0 - sent
        });
        self.late
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(late);
    }

    async fn on_logging_message(
        &self,
        params: LoggingMessageNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        self.observe("log", &json!(params));
    }
}
