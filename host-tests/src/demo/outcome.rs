//! What came of a step, read from the wire: the client's reply and the server's record. The gate's own logs and
//! statistics have no say here.

use std::time::Duration;

use anyhow::{Result, bail};
use rmcp::model::{CallToolRequestParams, CallToolResponse};

use super::client::{self, Client};
use super::judge::{Fault, judge};
use super::reply::Reply;
use super::script::{Act, Era, Expect, Step};
use crate::upstream::Upstream;

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long something that was refused may take to arrive at the server after all.
const LATE: Duration = Duration::from_millis(50);

/// Everything that can be talked to.
#[derive(Debug)]
pub struct Stage<'a> {
    /// The gate's URL.
    pub url: String,
    /// The server behind it.
    pub upstream: &'a Upstream,
    /// A client of 2025-11-25, connected through the gate.
    pub sessions: Client,
    /// A client of 2026-07-28, connected through the gate.
    pub stateless: Client,
}

/// What came of a step.
#[derive(Clone, Debug)]
pub struct Row {
    /// What happened, in a word.
    pub decision: &'static str,
    /// The rule that the reply names.
    pub rule: String,
    /// What the agent got to read.
    pub told: String,
    /// What is wrong with it, if anything is.
    pub fault: Option<Fault>,
}

impl Stage<'_> {
    /// Does the step and judges what came of it.
    pub async fn run(&self, step: &Step) -> Result<Row> {
        let mark = self.upstream.mark();
        let reply = match tokio::time::timeout(PATIENCE, self.act(&step.act)).await {
            Ok(reply) => reply?,
            Err(_) => Reply::None(format!("no reply within {PATIENCE:?}")),
        };
        if !matches!(
            step.expect,
            Expect::Allowed | Expect::ServerError | Expect::Listed(_)
        ) {
            // Time for what should not come to come all the same.
            tokio::time::sleep(LATE).await;
        }
        let arrived = self.upstream.posts_since(mark);
        let fault = judge(step, &reply, &arrived).err();
        Ok(Row {
            decision: reply.decision(&arrived),
            rule: reply.rule().unwrap_or_default(),
            told: reply.text(),
            fault,
        })
    }

    async fn act(&self, act: &Act) -> Result<Reply> {
        Ok(match act {
            Act::List(era) => match self.client(*era).list_all_tools().await {
                Ok(tools) => Reply::List(tools.iter().map(|tool| tool.name.to_string()).collect()),
                Err(error) => error.into(),
            },
            Act::Call {
                era,
                tool,
                arguments,
            } => {
                let arguments = serde_json::from_value(arguments.clone())?;
                let call = CallToolRequestParams::new(*tool).with_arguments(arguments);
                match self.client(*era).call_tool_once(call).await {
                    Ok(CallToolResponse::Complete(result)) => Reply::Result(result),
                    Ok(other) => bail!("`{tool}` was answered with {other:?}"),
                    Err(error) => error.into(),
                }
            }
            Act::Post(body) => Reply::Raw(client::post(&self.url, body).await?),
        })
    }

    fn client(&self, era: Era) -> &Client {
        match era {
            Era::Sessions => &self.sessions,
            Era::Stateless => &self.stateless,
        }
    }
}
