//! `toolgate approvals`, `stop`, `resume`, `grant revoke` and `console token`: the console for people who live in a terminal.

mod client;
mod show;
mod token;

use serde_json::{Value, json};

pub use client::Console;
use client::Request;
pub use token::{Approver, token};

use super::{Outcome, Paint};
use crate::text::spell_out;

/// What to do.
#[derive(Clone, Debug)]
pub enum Act {
    /// Show what waits; or every question that is kept.
    List {
        /// Decided ones too.
        all: bool,
    },
    /// Show one question whole.
    Show {
        /// Its id.
        id: String,
    },
    /// Approve or reject a question.
    Decide {
        /// Its id.
        id: String,
        /// Approve.
        approve: bool,
        /// In one's own words.
        reason: Option<String>,
    },
    /// Stop everything, or end that.
    Stop {
        /// Stop.
        stop: bool,
        /// In one's own words.
        reason: Option<String>,
    },
    /// Revoke a grant, or give it back.
    Grant {
        /// Its id.
        id: String,
        /// Revoke.
        revoke: bool,
        /// In one's own words.
        reason: Option<String>,
    },
}

/// Where, what and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The console.
    pub console: Console,
    /// The act.
    pub act: Act,
    /// JSON as the console has it, in place of text.
    pub json: bool,
    /// Colours.
    pub paint: Paint,
}

/// Does it.
pub fn run(options: &Options) -> Outcome {
    match act(options) {
        Ok(output) => Outcome {
            output,
            ..Outcome::default()
        },
        Err(outcome) => outcome,
    }
}

fn act(options: &Options) -> Result<String, Outcome> {
    let wish = |reason: &Option<String>| {
        let mut body = json!({});
        if let (Some(reason), Some(body)) = (reason, body.as_object_mut()) {
            body.insert("reason".to_owned(), reason.as_str().into());
        }
        body
    };
    let confirmed = |reason: &Option<String>| {
        let mut body = wish(reason);
        if let Some(body) = body.as_object_mut() {
            body.insert("confirm".to_owned(), true.into());
        }
        body
    };
    let ask = |path: &[&str], query: &[(&str, &str)], body: Option<Value>| {
        options.console.ask(&Request { path, query, body })
    };
    let (value, text) = match &options.act {
        Act::List { all } => {
            let query: &[(&str, &str)] = if *all { &[("state", "all")] } else { &[] };
            let value = ask(&["approvals"], query, None)?;
            let state = ask(&["state"], &[], None)?;
            let text = show::list(&value, &state, *all, options.paint);
            (value, text)
        }
        Act::Show { id } => {
            let value = ask(&["approvals", id], &[], None)?;
            let text = show::one(&value, options.paint);
            (value, text)
        }
        Act::Decide {
            id,
            approve,
            reason,
        } => {
            let word = if *approve { "approve" } else { "reject" };
            let value = ask(&["approvals", id, word], &[], Some(wish(reason)))?;
            let text = show::decided(&value, *approve);
            (value, text)
        }
        Act::Stop { stop, reason } => {
            let word = if *stop { "stop" } else { "resume" };
            let value = ask(&[word], &[], Some(confirmed(reason)))?;
            (value, show::stopped(*stop))
        }
        Act::Grant { id, revoke, reason } => {
            let word = if *revoke { "revoke" } else { "reinstate" };
            let mut body = confirmed(reason);
            if let Some(body) = body.as_object_mut() {
                body.insert("grant".to_owned(), id.as_str().into());
            }
            let value = ask(&["grants", word], &[], Some(body))?;
            (value, show::grant(id, *revoke))
        }
    };
    Ok(if options.json {
        format!("{}\n", spell_out(&value.to_string()))
    } else {
        text
    })
}
