//! What came of a step, read from the wire: the client's reply and the server's record. The gate's own logs and
//! statistics have no say here.

use std::time::Duration;

use anyhow::{Result, bail};
use rmcp::model::{CallToolRequestParams, CallToolResponse};

use super::approver::Approver;
use super::client::{self, Client};
use super::judge::{Fault, judge};
use super::reply::Reply;
use super::script::{Act, Era, Expect, Step};
use crate::upstream::Upstream;

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long something that was refused may take to arrive at the server after all.
const LATE: Duration = Duration::from_millis(50);

/// How often a person looks whether there is something to decide.
const GLANCE: Duration = Duration::from_millis(100);

/// Whether a person was asked, and what was said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nobody,
    Approved,
    Rejected,
}

fn redacts(expect: &Expect) -> bool {
    matches!(expect, Expect::Redacted(_))
}

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
    /// A person at the console.
    pub approver: Approver,
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
        let (reply, asked) = match tokio::time::timeout(PATIENCE, self.act(&step.act)).await {
            Ok(reply) => reply?,
            Err(_) => (
                Reply::None(format!("no reply within {PATIENCE:?}")),
                Asked::Nobody,
            ),
        };
        if !matches!(
            step.expect,
            Expect::Allowed | Expect::Redacted(_) | Expect::ServerError | Expect::Listed(_)
        ) {
            // Time for what should not come to come all the same.
            tokio::time::sleep(LATE).await;
        }
        let arrived = self.upstream.posts_since(mark);
        let mut fault = judge(step, &reply, &arrived).err();
        if matches!(step.act, Act::Held { .. }) && asked == Asked::Nobody {
            fault = Some(Fault::NotEnforced("no person was asked".to_owned()));
        }
        let decision = match asked {
            Asked::Nobody if redacts(&step.expect) && fault.is_none() => "redact",
            Asked::Nobody => reply.decision(&arrived),
            Asked::Approved => "approve",
            Asked::Rejected => "reject",
        };
        Ok(Row {
            decision,
            rule: reply.rule().unwrap_or_default(),
            told: reply.text(),
            fault,
        })
    }

    async fn act(&self, act: &Act) -> Result<(Reply, Asked)> {
        if let Act::Held { yes, .. } = act {
            let call = self.reply(act);
            tokio::pin!(call);
            let mut asked = Asked::Nobody;
            loop {
                tokio::select! {
                    reply = &mut call => return Ok((reply?, asked)),
                    () = tokio::time::sleep(GLANCE) => {}
                }
                if asked == Asked::Nobody && self.approver.answer(*yes).await? {
                    asked = if *yes {
                        Asked::Approved
                    } else {
                        Asked::Rejected
                    };
                }
            }
        }
        Ok((self.reply(act).await?, Asked::Nobody))
    }

    async fn reply(&self, act: &Act) -> Result<Reply> {
        Ok(match act {
            Act::List(era) => match self.client(*era).list_all_tools().await {
                Ok(tools) => Reply::List(tools.iter().map(|tool| tool.name.to_string()).collect()),
                Err(error) => error.into(),
            },
            Act::Call {
                era,
                tool,
                arguments,
            }
            | Act::Held {
                era,
                tool,
                arguments,
                ..
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
