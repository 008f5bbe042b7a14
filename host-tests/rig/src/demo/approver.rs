//! The person at the console, played by its API.

use anyhow::{Context as _, Result};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

/// Somebody who may decide.
#[derive(Debug)]
pub struct Approver {
    client: Client,
    url: String,
    token: String,
}

impl Approver {
    /// At the console of this URL, with this token.
    pub fn new(url: &str, token: &str) -> Self {
        Self {
            client: Client::new(),
            url: url.to_owned(),
            token: token.to_owned(),
        }
    }

    /// Decides what is waiting. False: nothing is.
    pub async fn answer(&self, yes: bool) -> Result<bool> {
        let waiting = self
            .send(self.client.get(self.at("approvals?state=pending")))
            .await?;
        let Some(id) = waiting["approvals"][0]["id"].as_str() else {
            return Ok(false);
        };
        let (act, reason) = if yes {
            ("approve", "The owner asked for it.")
        } else {
            ("reject", "The main account stays.")
        };
        let decision = self
            .client
            .post(self.at(&format!("approvals/{id}/{act}")))
            .header("content-type", "application/json")
            .body(json!({"reason": reason}).to_string());
        self.send(decision).await?;
        Ok(true)
    }

    fn at(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.url)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value> {
        let reply = request.bearer_auth(&self.token).send().await?;
        let reply = reply.error_for_status().context("asking the console")?;
        Ok(serde_json::from_str(&reply.text().await?)?)
    }
}
