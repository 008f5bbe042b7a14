//! `--drive`: takes the steps of a file, and prints everything the application gets, one JSON line for each.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use rmcp::model::JsonObject;
use rmcp::service::ServiceError;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Duration, timeout};

use crate::session::Session;
use crate::{Call, Cases, Options};

/// One step: exactly one of the first four, or a list.
#[derive(Deserialize)]
struct Step {
    call: Option<String>,
    read: Option<String>,
    prompt: Option<String>,
    task: Option<String>,
    #[serde(default)]
    arguments: JsonObject,
}

/// Takes every step; one that fails does not keep the next from being taken.
pub async fn run(steps: &Path, options: &Options, cases: &Cases) -> Result<()> {
    let text = std::fs::read_to_string(steps)
        .with_context(|| format!("cannot read {}", steps.display()))?;
    let steps: Vec<Step> = serde_json::from_str(&text).context("not a list of steps")?;
    let token = options.token.as_deref();
    let session = Session::connect(&options.url, token, options, cases).await?;
    for (number, step) in steps.into_iter().enumerate() {
        let limit = Duration::from_secs(cases.timeout_seconds);
        match timeout(limit, take(&session, step)).await {
            Ok(Ok(reply)) => observe("reply", &json!({"step": number, "reply": reply})),
            Ok(Err(ServiceError::McpError(error))) => {
                observe("error", &json!({"step": number, "error": error}));
            }
            Ok(Err(error)) => observe("error", &failure(number, &error.to_string())),
            Err(_) => observe("error", &failure(number, "no answer")),
        }
    }
    session.close().await?;
    Ok(())
}

fn failure(step: usize, message: &str) -> Value {
    json!({"step": step, "error": {"message": message}})
}

async fn take(session: &Session, step: Step) -> Result<Value, ServiceError> {
    let call = |tool| Call {
        tool,
        arguments: step.arguments,
    };
    match (step.call, step.read, step.prompt, step.task) {
        (Some(tool), ..) => session.reply(&call(tool)).await,
        (_, Some(uri), ..) => session.read(&uri).await,
        (_, _, Some(name), _) => session.prompt(&name).await,
        (.., Some(tool)) => session.task(&call(tool)).await,
        _ => session.tools().await,
    }
}

/// Prints what reached the application; `at` is when, in milliseconds.
pub fn observe(kind: &str, value: &Value) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let at = now.map_or(0.0, |now| now.as_secs_f64() * 1000.0);
    println!("{}", json!({kind: value, "at": at}));
}
