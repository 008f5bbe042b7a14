//! A reply as the client got it, and what it says.

use rmcp::model::{CallToolResult, ErrorData};
use rmcp::service::ServiceError;
use serde_json::Value;

use super::client::RawReply;
use crate::upstream::{NAMES, Record};

const DENIAL: &str = "toolgate/denial";

/// The client's side of a step.
#[derive(Debug)]
pub(super) enum Reply {
    List(Vec<String>),
    Result(CallToolResult),
    Error(ErrorData),
    Raw(RawReply),
    /// No reply that the client could read.
    None(String),
}

impl From<ServiceError> for Reply {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::McpError(error) => Self::Error(error),
            error => Self::None(error.to_string()),
        }
    }
}

impl Reply {
    /// The rule that the reply names.
    pub(super) fn rule(&self) -> Option<String> {
        Some(self.denial()?["rule"].as_str()?.to_owned())
    }

    /// The seconds after which the reply says to try again.
    pub(super) fn retry_after(&self) -> Option<u64> {
        self.denial()?["retry_after"].as_u64()
    }

    /// What the agent gets to read.
    pub(super) fn text(&self) -> String {
        let text = match self {
            Self::List(names) => names.join(" "),
            Self::Result(result) => {
                let blocks = result.content.iter();
                let texts = blocks.filter_map(|block| Some(block.as_text()?.text.as_str()));
                texts.collect::<Vec<_>>().join(" ")
            }
            Self::Error(error) => format!("error {}: {}", error.code.0, error.message),
            Self::Raw(raw) => format!("HTTP {} {}", raw.status, raw_text(&raw.json(), &raw.body)),
            Self::None(text) => text.clone(),
        };
        match self.retry_after() {
            Some(seconds) => format!("{} (again in {})", text.trim(), duration(seconds)),
            None => text.trim().to_owned(),
        }
    }

    /// What happened, in a word, seen from both sides.
    pub(super) fn decision(&self, arrived: &[Record]) -> &'static str {
        match (self, arrived) {
            (Self::List(names), _) if names.len() < NAMES.len() => "filter",
            (Self::Raw(raw), []) if raw.status == 202 => "drop",
            (Self::Raw(raw), []) if raw.status >= 400 => "reject",
            (Self::None(_), []) => "none",
            (_, []) => "deny",
            _ => "allow",
        }
    }

    /// The `toolgate/denial` object; the first of a batch.
    fn denial(&self) -> Option<Value> {
        let found = match self {
            Self::Result(result) => result.meta.as_ref()?.0.get(DENIAL)?.clone(),
            Self::Error(error) => error.data.as_ref()?[DENIAL].clone(),
            Self::Raw(raw) => {
                let json = raw.json();
                let messages = json.as_array().cloned().unwrap_or_else(|| vec![json]);
                let mut denials = messages.iter().flat_map(|message| {
                    [
                        &message["result"]["_meta"][DENIAL],
                        &message["error"]["data"][DENIAL],
                    ]
                });
                denials.find(|denial| denial["rule"].is_string())?.clone()
            }
            Self::List(_) | Self::None(_) => return None,
        };
        found.is_object().then_some(found)
    }
}

fn raw_text(json: &Value, body: &str) -> String {
    let one = |message: &Value| {
        let error = &message["error"];
        let result = &message["result"]["content"][0]["text"];
        let text = result.as_str().or(error["message"].as_str());
        match (text, error["code"].as_i64()) {
            (Some(text), Some(code)) => format!("error {code}: {text}"),
            (Some(text), None) => text.to_owned(),
            (None, _) => message.to_string(),
        }
    };
    match json {
        Value::Array(messages) => {
            let texts = messages
                .iter()
                .map(|message| format!("id {}: {}", message["id"], one(message)));
            texts.collect::<Vec<_>>().join("; ")
        }
        Value::Null => body.to_owned(),
        message => one(message),
    }
}

fn duration(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes:02} min"),
    }
}
