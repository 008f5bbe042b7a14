//! Holds what happened in a step against what has to happen.

use rmcp::model::CallToolResult;

use super::reply::Reply;
use super::script::{Act, Era, Expect, Step};
use crate::upstream::Record;

/// Why a row is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What the policy refuses got through.
    NotEnforced(String),
    /// Something else is off.
    Unexpected(String),
}

/// Holds what happened against what has to happen.
pub(super) fn judge(step: &Step, reply: &Reply, arrived: &[Record]) -> Result<(), Fault> {
    let unexpected = |text: String| Err(Fault::Unexpected(text));
    match &step.expect {
        Expect::Listed(names) => {
            let Reply::List(seen) = reply else {
                return unexpected(format!("no list: {}", reply.text()));
            };
            let has = |list: &[String], name: &str| list.iter().any(|seen| seen == name);
            let extra = seen
                .iter()
                .filter(|name| !names.contains(&name.as_str()))
                .map(String::as_str);
            let missing = names.iter().filter(|name| !has(seen, name)).copied();
            let (extra, missing): (Vec<_>, Vec<_>) = (extra.collect(), missing.collect());
            if !extra.is_empty() {
                return Err(Fault::NotEnforced(format!(
                    "listed all the same: {}",
                    extra.join(", ")
                )));
            }
            if !missing.is_empty() {
                return unexpected(format!("not listed: {}", missing.join(", ")));
            }
            content_type(step, arrived)
        }
        Expect::Allowed | Expect::Redacted(_) | Expect::ServerError => {
            if let Expect::Redacted(secret) = step.expect
                && reply.text().contains(secret)
            {
                return Err(Fault::NotEnforced(format!("the agent reads {secret}")));
            }
            let as_expected = match (reply, &step.expect) {
                (Reply::Result(result), Expect::Allowed | Expect::Redacted(_)) => {
                    result.is_error != Some(true) && reply.rule().is_none()
                }
                (Reply::Error(_), Expect::ServerError) => true,
                _ => false,
            };
            if !as_expected {
                return unexpected(format!("the reply is: {}", reply.text()));
            }
            one_call(&step.act, arrived)
        }
        Expect::Denied {
            rule: expected,
            retry,
        } => {
            nothing_arrived(arrived)?;
            let Reply::Result(CallToolResult {
                is_error: Some(true),
                ..
            }) = reply
            else {
                return unexpected(format!("the reply is no tool error: {}", reply.text()));
            };
            same_rule(reply, expected)?;
            if *retry && reply.retry_after().is_none() {
                return unexpected("the reply does not say when to try again".to_owned());
            }
            Ok(())
        }
        Expect::Rejected => {
            nothing_arrived(arrived)?;
            match reply {
                Reply::Raw(raw) if raw.status == 400 && raw.json()["error"]["code"].is_i64() => {
                    Ok(())
                }
                _ => unexpected(format!(
                    "no HTTP 400 with a JSON-RPC error: {}",
                    reply.text()
                )),
            }
        }
        Expect::Dropped => {
            nothing_arrived(arrived)?;
            match reply {
                Reply::Raw(raw) if raw.status == 202 && raw.body.is_empty() => Ok(()),
                _ => unexpected(format!("no empty HTTP 202: {}", reply.text())),
            }
        }
        Expect::BatchRefused { rule: expected } => {
            nothing_arrived(arrived)?;
            let Reply::Raw(raw) = reply else {
                return unexpected(reply.text());
            };
            let ids: Vec<_> = raw
                .json()
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| one["id"].clone())
                .collect();
            if raw.status != 200 || ids != [3, 4] {
                return unexpected(format!("not a reply for each id: {}", reply.text()));
            }
            same_rule(reply, expected)
        }
    }
}

fn nothing_arrived(arrived: &[Record]) -> Result<(), Fault> {
    let Some(first) = arrived.first() else {
        return Ok(());
    };
    let what = match (&first.body, first.tool()) {
        (_, Some(tool)) => format!("the call of `{tool}` reached the server"),
        (Some(body), None) => format!("its {} bytes reached the server", body.len()),
        (None, None) => "its headers reached the server".to_owned(),
    };
    Err(Fault::NotEnforced(what))
}

fn one_call(act: &Act, arrived: &[Record]) -> Result<(), Fault> {
    let (Act::Call {
        tool, arguments, ..
    }
    | Act::Held {
        tool, arguments, ..
    }) = act
    else {
        return Ok(());
    };
    let [record] = arrived else {
        return Err(Fault::Unexpected(format!(
            "{} requests reached the server",
            arrived.len()
        )));
    };
    let params = record
        .json()
        .map(|json| json["params"].clone())
        .unwrap_or_default();
    if record.tool().as_deref() != Some(tool) || params["arguments"] != *arguments {
        return Err(Fault::Unexpected(format!(
            "another call reached the server: {params}"
        )));
    }
    Ok(())
}

/// A list has to have come in the form that the row is about, or the row would show nothing.
fn content_type(step: &Step, arrived: &[Record]) -> Result<(), Fault> {
    let expected = match step.act {
        Act::List(Era::Sessions) => "text/event-stream",
        _ => "application/json",
    };
    match arrived {
        [record]
            if record
                .reply
                .as_ref()
                .is_some_and(|reply| reply.content_type == expected) =>
        {
            Ok(())
        }
        _ => Err(Fault::Unexpected(format!(
            "the server was not asked once for a list in {expected}"
        ))),
    }
}

fn same_rule(reply: &Reply, expected: &str) -> Result<(), Fault> {
    match reply.rule() {
        Some(rule) if rule == expected => Ok(()),
        Some(rule) => Err(Fault::Unexpected(format!(
            "the rule is {rule}, not {expected}"
        ))),
        None => Err(Fault::Unexpected(format!(
            "the reply does not name the rule {expected}"
        ))),
    }
}

#[cfg(test)]
mod tests;
