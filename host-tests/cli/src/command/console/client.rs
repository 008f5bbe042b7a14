//! The console's interface from this side: one request, one answer, and words for everything that can go wrong.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use serde_json::Value;

use crate::command::{Outcome, failure};
use crate::text::one_line;

/// How long the console may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Which console, and who asks.
#[derive(Clone, Default)]
pub struct Console {
    /// Its address.
    pub url: String,
    /// The token; never shown.
    pub token: String,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Console")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A request: a path below `/api/v1/`, and a body where something is to be done.
pub(super) struct Request<'a> {
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) body: Option<Value>,
}

impl Console {
    /// Asks; what cannot be had is an outcome to end with.
    pub(super) fn ask(&self, request: &Request<'_>) -> Result<Value, Outcome> {
        let url = self.url(request)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failure(format!("error: {error}\n")))?;
        runtime.block_on(self.send(url, request))
    }

    fn url(&self, request: &Request<'_>) -> Result<Url, Outcome> {
        let wrong = |what: &str| {
            failure(format!(
                "error: `{}` is {what}; expected the address of a console, such as `http://127.0.0.1:10001`\n",
                self.url
            ))
        };
        let mut url = Url::parse(&self.url).map_err(|_| wrong("no URL"))?;
        if !matches!(url.scheme(), "http" | "https") || !matches!(url.path(), "" | "/") {
            return Err(wrong("no address of a console"));
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(["api", "v1"]).extend(request.path);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        Ok(url)
    }

    async fn send(&self, url: Url, request: &Request<'_>) -> Result<Value, Outcome> {
        let unreachable = |error: reqwest::Error| {
            let error = error.without_url();
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            failure(format!(
                "error: the console at `{}` cannot be reached: {error}{}\n\
                 is the proxy up, and is this the address of its console listener?\n",
                self.url,
                cause.unwrap_or_default()
            ))
        };
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(unreachable)?;
        let message = match &request.body {
            None => client.get(url),
            Some(body) => client
                .post(url)
                .header("content-type", "application/json")
                .body(body.to_string()),
        };
        let reply = message
            .bearer_auth(&self.token)
            .send()
            .await
            .map_err(unreachable)?;
        let status = reply.status().as_u16();
        let bytes = reply.bytes().await.map_err(unreachable)?;
        let value: Option<Value> = serde_json::from_slice(&bytes).ok();
        match (status, value) {
            (200, Some(value)) => Ok(value),
            (_, value) => Err(self.refused(status, &value.unwrap_or_default())),
        }
    }

    fn refused(&self, status: u16, value: &Value) -> Outcome {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let (message, hint) = (one_line(text("message"), 500), one_line(text("hint"), 500));
        if message.is_empty() {
            return failure(format!(
                "error: what answers at `{}` is no console: status {status}\n\
                 the console has a listener of its own, beside the gate's\n",
                self.url
            ));
        }
        let hint = match status {
            401 => {
                "TOOLGATE_TOKEN or --token-file has to hold the token of an approver of this console"
            }
            _ => &*hint,
        };
        Outcome {
            errors: format!("error: {message} (status {status})\n{hint}\n"),
            code: 1,
            ..Outcome::default()
        }
    }
}

impl Console {
    /// From an address, and a token out of a file or the environment.
    ///
    /// # Errors
    /// What is missing, and where to put it.
    pub fn find(
        url: Option<String>,
        token_file: Option<PathBuf>,
        token: Option<String>,
    ) -> Result<Self, Outcome> {
        let url = url.ok_or_else(|| {
            failure(
                "error: which console? --console http://127.0.0.1:10001, or TOOLGATE_CONSOLE in the environment\n",
            )
        })?;
        let token = match token_file {
            Some(file) => std::fs::read_to_string(&file).map_err(|error| {
                failure(format!(
                    "error: cannot read `{}`: {error}\n",
                    file.display()
                ))
            })?,
            None => token.ok_or_else(|| {
                failure(
                    "error: no token: TOOLGATE_TOKEN in the environment, or --token-file FILE\n",
                )
            })?,
        };
        let token = token.trim().to_owned();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(failure("error: what was given as the token is none\n"));
        }
        Ok(Console { url, token })
    }
}
