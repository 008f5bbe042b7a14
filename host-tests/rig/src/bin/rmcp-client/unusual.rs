//! Calls that go beyond a limit or a rule: an error each, and the session lives.

use anyhow::{Result, ensure};
use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::session::Session;
use crate::{Call, Cases, allowed_call};

/// One of them: its argument is long or deep, its key one that is not taken; or it is a resource.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unusual {
    pub check: String,
    fill: Option<usize>,
    #[serde(default)]
    nest: usize,
    key: Option<String>,
    read: Option<String>,
    #[serde(default)]
    null: bool,
    /// What the error says; without it the call may as well succeed.
    words: Option<String>,
}

/// Makes the call, and an ordinary one after it.
pub async fn survived(session: &Session, cases: &Cases, case: &Unusual) -> Result<String> {
    let told = match call(session, cases, case).await {
        Ok(reply) => {
            ensure!(case.words.is_none(), "a result: {reply}");
            reply.to_string()
        }
        Err(error) => {
            let told = format!("{error:#}");
            let words = case.words.as_deref().unwrap_or_default();
            // From 2026-07-28 on the status may be all that an SDK hands over.
            ensure!(session.is_modern() || told.contains(words), "{told}");
            told
        }
    };
    allowed_call(session, cases).await?;
    Ok(told)
}

async fn call(session: &Session, cases: &Cases, case: &Unusual) -> Result<Value> {
    if let Some(uri) = &case.read {
        return Ok(session.read(uri).await?);
    }
    if case.null {
        return Ok(session.bare(&cases.allowed.tool).await?);
    }
    let mut value = case
        .fill
        .map_or(Value::Null, |size| json!("a".repeat(size)));
    for _ in 0..case.nest {
        value = json!([value]);
    }
    let key = case.key.clone().unwrap_or_else(|| "text".to_owned());
    let tool = cases.allowed.tool.clone();
    let arguments = JsonObject::from_iter([(key, value)]);
    session.call(&Call { tool, arguments }).await
}
