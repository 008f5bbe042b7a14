//! `toolgate console token`: makes a token for a person, shows it once, and writes the entry that knows it by its hash.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::command::{Outcome, failure, grant};
use toolgate_engine::identity::TokenHash;

/// Whose token it is.
#[derive(Clone, Debug, Default)]
pub struct Approver {
    /// The name in records.
    pub id: String,
    /// Groups that rules name under `approvers`.
    pub groups: Vec<String>,
    /// Ids of the person's own grants.
    pub grants: Vec<String>,
    /// One JSON object in place of text.
    pub json: bool,
}

/// Makes one.
pub fn token(approver: &Approver) -> Outcome {
    match make(approver) {
        Ok(output) => Outcome {
            output,
            ..Outcome::default()
        },
        Err(error) => failure(format!("error: {error:#}\n")),
    }
}

fn make(approver: &Approver) -> Result<String> {
    if approver.id.trim().is_empty() {
        bail!("`--id` is empty");
    }
    let token = grant::token()?;
    let mut entry: Vec<(String, Value)> = vec![
        ("id".to_owned(), approver.id.as_str().into()),
        (
            "token_sha256".to_owned(),
            TokenHash::of(token.as_bytes()).to_string().into(),
        ),
    ];
    for (key, names) in [("groups", &approver.groups), ("grants", &approver.grants)] {
        if !names.is_empty() {
            entry.push((key.to_owned(), names.clone().into()));
        }
    }
    let (name, section) = ("approver", "console.approvers");
    Ok(grant::present(&token, entry, approver.json, name, section))
}
