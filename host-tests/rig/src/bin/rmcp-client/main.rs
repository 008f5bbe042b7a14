//! The rmcp SDK as a client of the matrix in `host-tests/clients`: legacy, pinned to 2026-07-28, or probing for it.
//!
//! Runs the checks whose expectations stand in `cases.json` and prints one JSON line for each. It judges what the SDK
//! hands to an application, never the bytes on the wire. With `--drive` it takes the steps of a file instead and prints
//! everything the application gets.

#![expect(
    deprecated,
    reason = "sampling is deprecated from 2026-07-28 on, and must still pass the gate"
)]

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::{Parser, ValueEnum};
use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

mod drive;
mod session;
mod unusual;

use session::Session;

#[derive(Clone, Parser)]
#[command(about = "Runs the client matrix with rmcp against one server", version)]
struct Options {
    /// How the protocol version is found
    #[arg(long)]
    era: Era,
    /// The server, through the gate or without it
    #[arg(long)]
    url: String,
    /// The same server without the gate, to compare delays with
    #[arg(long)]
    baseline: Option<String>,
    /// What the checks expect
    #[arg(long)]
    cases: PathBuf,
    /// A gate stands in front: run the checks that need one
    #[arg(long)]
    gated: bool,
    /// The bearer token to send
    #[arg(long)]
    token: Option<String>,
    /// Take the steps of this file, and print what comes of them
    #[arg(long)]
    drive: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Era {
    Legacy,
    #[value(name = "2026")]
    Pinned,
    Auto,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    visible: Vec<String>,
    hidden: String,
    prefix: String,
    allowed: Call,
    structured: Structured,
    denied: Vec<Denied>,
    limited: Limited,
    unusual: Vec<unusual::Unusual>,
    progress: Progress,
    sample: Asked,
    elicit: Asked,
    listen: Listen,
    timeout_seconds: u64,
}

#[derive(Clone, Deserialize)]
struct Call {
    tool: String,
    arguments: JsonObject,
}

#[derive(Clone, Deserialize)]
struct Structured {
    #[serde(flatten)]
    call: Call,
    structured: BTreeMap<String, f64>,
}

#[derive(Clone, Deserialize)]
struct Denied {
    check: String,
    #[serde(flatten)]
    call: Call,
    reason: String,
    rule: String,
}

#[derive(Clone, Deserialize)]
struct Limited {
    #[serde(flatten)]
    call: Call,
    max: u32,
    rule: String,
}

#[derive(Clone, Deserialize)]
struct Progress {
    #[serde(flatten)]
    call: Call,
    max_extra_ms: f64,
    attempts: u32,
}

#[derive(Clone, Deserialize)]
struct Asked {
    #[serde(flatten)]
    call: Call,
    answer: String,
}

#[derive(Clone, Deserialize)]
struct Listen {
    max_ms: u128,
    stays_up_ms: u64,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let text = std::fs::read_to_string(&options.cases)
        .with_context(|| format!("cannot read {}", options.cases.display()))?;
    let cases = serde_json::from_str(&text)
        .with_context(|| format!("{} is not the cases file", options.cases.display()))?;
    if let Some(steps) = &options.drive {
        drive::run(steps, &options, &cases).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut matrix = Matrix {
        options,
        cases,
        failed: false,
    };
    matrix.run().await;
    Ok(ExitCode::from(u8::from(matrix.failed)))
}

struct Matrix {
    options: Options,
    cases: Cases,
    failed: bool,
}

impl Matrix {
    async fn run(&mut self) {
        let token = self.options.token.as_deref();
        let connecting = Session::connect(&self.options.url, token, &self.options, &self.cases);
        let (session, outcome) = match timeout(self.limit(), connecting).await {
            Ok(Ok(session)) => {
                let version = session.version.to_string();
                (Some(session), Ok(version))
            }
            Ok(Err(error)) => (None, Err(error)),
            Err(_) => (None, Err(anyhow!("no answer"))),
        };
        self.report("connect", outcome);
        let Some(session) = session else { return };

        self.allowed_checks(&session).await;
        if self.options.gated {
            self.refused_checks(&session).await;
            for case in self.cases.unusual.clone() {
                let cases = self.cases.clone();
                self.check(&case.check, unusual::survived(&session, &cases, &case))
                    .await;
            }
        }
        self.stranger_checks().await;
        self.stream_checks(&session).await;
        self.check("close", session.close()).await;
    }

    async fn allowed_checks(&mut self, session: &Session) {
        let cases = self.cases.clone();
        let gated = self.options.gated;
        self.check("list", async {
            let names = session.list_tools().await?;
            let missing: Vec<_> = cases
                .visible
                .iter()
                .filter(|name| !names.contains(name))
                .collect();
            ensure!(missing.is_empty(), "missing {missing:?} in {names:?}");
            Ok(names.join(" "))
        })
        .await;
        self.check("hidden-from-list", async {
            let names = session.list_tools().await?;
            ensure!(names.contains(&cases.hidden) != gated, "listed: {names:?}");
            Ok(format!("listed: {names:?}"))
        })
        .await;
        self.check("allowed", allowed_call(session, &cases)).await;
        self.check("structured", async {
            let reply = session.call(&cases.structured.call).await?;
            let sums = reply.get("structuredContent").cloned().unwrap_or_default();
            let sums: BTreeMap<String, f64> = serde_json::from_value(sums).unwrap_or_default();
            ensure!(
                !is_error(&reply) && sums == cases.structured.structured,
                "{reply}"
            );
            Ok(reply.to_string())
        })
        .await;
        self.check("sample", asked(session, &cases.sample)).await;
        self.check("elicit", asked(session, &cases.elicit)).await;
    }

    async fn refused_checks(&mut self, session: &Session) {
        let cases = self.cases.clone();
        for denied in &cases.denied {
            self.check(&denied.check, denied_call(session, &cases, denied))
                .await;
        }
        self.check("five-denials", async {
            let denied = cases.denied.first().context("no denied case")?;
            for _ in 0..5 {
                denied_call(session, &cases, denied).await?;
            }
            allowed_call(session, &cases).await
        })
        .await;
        self.check("rate-limit", async {
            for n in 1..=cases.limited.max {
                let reply = session.call(&cases.limited.call).await?;
                ensure!(
                    !is_error(&reply),
                    "call {n} of {}: {reply}",
                    cases.limited.max
                );
            }
            let reply = session.call(&cases.limited.call).await?;
            let text = refusal(&reply, &cases, &cases.limited.rule)?;
            let lower = text.to_lowercase();
            ensure!(
                lower.contains("retry") || lower.contains("again"),
                "no word on when to retry: {text}"
            );
            let retry_after = reply
                .pointer("/_meta/toolgate~1denial/retry_after")
                .and_then(Value::as_f64);
            ensure!(
                retry_after.is_some_and(|seconds| seconds > 0.0),
                "no retry_after: {reply}"
            );
            Ok(text)
        })
        .await;
        self.check("after-rate-limit", allowed_call(session, &cases))
            .await;
    }

    /// A wrong token, and none: the SDK says that it is about authentication, and not as a tool's result.
    async fn stranger_checks(&mut self) {
        let (options, cases) = (self.options.clone(), self.cases.clone());
        let Some(token) = &options.token else { return };
        let wrong = format!("{token}x");
        for (name, token) in [("wrong-token", Some(wrong.as_str())), ("no-token", None)] {
            let asking = async {
                let session = Session::connect(&options.url, token, &options, &cases).await?;
                session.call(&cases.allowed).await
            };
            self.check(name, async {
                let Err(error) = asking.await else {
                    bail!("there was a result");
                };
                let shown = format!("{error:#} {error:?}");
                let lower = shown.to_lowercase();
                let words = ["401", "unauthorized", "auth required", "credential"];
                ensure!(words.iter().any(|word| lower.contains(word)), "{shown}");
                Ok(format!("{error:#}"))
            })
            .await;
        }
    }

    async fn stream_checks(&mut self, session: &Session) {
        let cases = self.cases.clone();
        let baseline = self.options.baseline.clone();
        let options = self.options.clone();
        self.check("progress", async {
            let baseline = match &baseline {
                Some(url) => Some(Session::connect(url, None, &options, &cases).await?),
                None => None,
            };
            let detail = progress(session, baseline.as_ref(), &cases.progress).await;
            if let Some(baseline) = baseline {
                baseline.close().await?;
            }
            detail
        })
        .await;
        if session.is_modern() {
            self.check("listen", listen(session, &cases.listen)).await;
        }
        self.check("allowed-at-end", allowed_call(session, &cases))
            .await;
    }

    async fn check(&mut self, name: &str, body: impl Future<Output = Result<String>>) {
        let outcome = timeout(self.limit(), body).await;
        let outcome = outcome.unwrap_or_else(|_| Err(anyhow!("no answer")));
        self.report(name, outcome);
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.cases.timeout_seconds)
    }

    fn report(&mut self, name: &str, outcome: Result<String>) {
        let era = self
            .options
            .era
            .to_possible_value()
            .map(|era| era.get_name().to_owned());
        let (ok, detail) = match outcome {
            Ok(detail) => (true, detail),
            Err(error) => (false, format!("{error:#}")),
        };
        self.failed |= !ok;
        println!(
            "{}",
            json!({"client": "rmcp", "era": era, "check": name, "ok": ok, "detail": detail})
        );
    }
}

async fn allowed_call(session: &Session, cases: &Cases) -> Result<String> {
    let reply = session.call(&cases.allowed).await?;
    let sent = cases.allowed.arguments.get("text").and_then(Value::as_str);
    let text = first_text(&reply);
    ensure!(!is_error(&reply) && Some(text) == sent, "{reply}");
    Ok(text.to_owned())
}

async fn denied_call(session: &Session, cases: &Cases, denied: &Denied) -> Result<String> {
    let text = refusal(&session.call(&denied.call).await?, cases, &denied.rule)?;
    ensure!(text.contains(&denied.reason), "no reason in: {text}");
    Ok(text)
}

async fn asked(session: &Session, case: &Asked) -> Result<String> {
    let reply = session.call(&case.call).await?;
    let text = first_text(&reply);
    ensure!(
        !is_error(&reply) && text.ends_with(&format!("said: {}", case.answer)),
        "{reply}"
    );
    Ok(text.to_owned())
}

/// The one shape of a refusal, quotas included.
fn refusal(reply: &Value, cases: &Cases, rule: &str) -> Result<String> {
    let text = first_text(reply);
    let items = reply.get("content").and_then(Value::as_array).map(Vec::len);
    let named = reply
        .pointer("/_meta/toolgate~1denial/rule")
        .and_then(Value::as_str);
    ensure!(is_error(reply), "not a tool error: {reply}");
    ensure!(items == Some(1), "not one text: {reply}");
    ensure!(
        text.starts_with(&cases.prefix) && text != cases.prefix,
        "no reason: {reply}"
    );
    ensure!(
        reply.get("structuredContent").is_none(),
        "structured content: {reply}"
    );
    ensure!(
        named == Some(rule),
        "rule {named:?}, expected {rule}: {reply}"
    );
    Ok(text.to_owned())
}

/// How late each notification is, against the time in it; with a baseline, against how late it is there.
async fn progress(
    session: &Session,
    baseline: Option<&Session>,
    case: &Progress,
) -> Result<String> {
    let mut detail = String::new();
    for _ in 0..case.attempts {
        let direct = match baseline {
            Some(baseline) => baseline.lateness(case).await?,
            None => Vec::new(),
        };
        let late = session.lateness(case).await?;
        let allowed = direct.iter().copied().fold(0.0, f64::max) + case.max_extra_ms;
        detail = format!("late by {late:.0?} ms, direct {direct:.0?} ms");
        if late.iter().all(|late| *late <= allowed) {
            return Ok(detail);
        }
    }
    bail!("{detail}")
}

async fn listen(session: &Session, case: &Listen) -> Result<String> {
    let started = Instant::now();
    let mut subscription = session.listen().await?;
    let acknowledged = started.elapsed().as_millis();
    ensure!(
        acknowledged <= case.max_ms,
        "acknowledged after {acknowledged} ms"
    );
    if let Ok(event) = timeout(Duration::from_millis(case.stays_up_ms), subscription.next()).await {
        bail!("the stream ended, or carried an event nobody sent: {event:?}");
    }
    subscription.cancel().await?;
    Ok(format!("acknowledged after {acknowledged} ms"))
}

fn is_error(reply: &Value) -> bool {
    reply.get("isError") == Some(&Value::Bool(true))
}

fn first_text(reply: &Value) -> &str {
    reply
        .pointer("/content/0/text")
        .and_then(Value::as_str)
        .unwrap_or_default()
}
