//! Callers of a policy test: the runner makes its own tokens for grants, so that no test file holds a secret.

use anyhow::{Result, bail};
use sha2::{Digest as _, Sha256};

use super::case::Caller;
use crate::document::Document;
use crate::host::Message;

/// A configuration whose grants have tokens that are known here.
pub struct Credentials {
    config: String,
    grants: Vec<String>,
}

impl Credentials {
    /// Gives every grant of a configuration a token of the runner's making.
    pub fn of(config: &Document) -> Credentials {
        let mut json = String::with_capacity(config.json().len());
        let mut grants = Vec::new();
        let mut from = 0;
        let listed = config.root().get("grants");
        for grant in listed.iter().flat_map(|list| list.items()) {
            let id = grant.get("id").and_then(|id| id.as_str());
            let (Some(id), Some(digest)) = (id, grant.get("token_sha256")) else {
                continue;
            };
            let span = digest.span();
            json.push_str(config.json().get(from..span.start).unwrap_or_default());
            json.push_str(&format!("\"{}\"", sha256_hex(&token(&id))));
            from = span.end;
            grants.push(id.into_owned());
        }
        json.push_str(config.json().get(from..).unwrap_or_default());
        Credentials {
            config: json,
            grants,
        }
    }

    /// The configuration with those tokens.
    pub fn config(&self) -> &str {
        &self.config
    }

    /// A request of a caller; `build` makes it from the bearer token.
    ///
    /// # Errors
    /// For a caller this configuration cannot know.
    pub fn present(
        &self,
        caller: &Caller,
        build: impl FnOnce(Option<&str>) -> Message,
    ) -> Result<Message> {
        match caller {
            Caller::Anonymous => Ok(build(None)),
            Caller::Grant(id) if self.grants.contains(id) => Ok(build(Some(&token(id)))),
            Caller::Grant(id) => {
                bail!(
                    "`as: {{grant: {id}}}` is not supported by this configuration: it has no such grant"
                )
            }
            Caller::Claims(_) => {
                bail!(
                    "`as: {{claims: ...}}` is not supported by this configuration: it reads no claims"
                )
            }
        }
    }
}

/// The runner's token for a grant.
fn token(id: &str) -> String {
    format!("tg_test_{}", sha256_hex(id).get(..40).unwrap_or_default())
}

fn sha256_hex(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
