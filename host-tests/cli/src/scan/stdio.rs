//! Starting a server as a command, and speaking to it over its stdin and stdout.
//!
//! The command gets `PATH`, `HOME` and the variables that a person named, and nothing else of this environment: what else is
//! in it (cloud credentials, tokens of CI) is no business of a server that is looked at for the first time. It runs in a
//! process group of its own, which is ended whole: `npx` and `uvx` are parents of the server, and killing only them would
//! leave it running.
//!
//! What it writes to stderr is kept, for an error to quote, and shown nowhere else.

use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessGroup};
use rmcp::service::ClientServiceExt as _;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use tokio::process::{ChildStdin, ChildStdout};

use super::lists::{Client, Messages, inventory};
use super::{Command, Era, Scan};
use crate::text::one_line;

/// Most bytes of stderr that are kept: a stack trace's end.
const LAST_WORDS: usize = 4096;
/// Longest line of stdout that is kept, and read by rmcp.
const MAX_LINE: usize = 16 << 20;
/// How long a server may take to end by itself once its stdin is closed.
const FAREWELL: Duration = Duration::from_secs(2);
/// What every command gets of this environment.
const ALWAYS: [&str; 2] = ["PATH", "HOME"];

/// Starts a server, asks it for all it offers, and ends it.
///
/// # Errors
/// When it cannot be started, ends or says nothing in MCP, or takes too long; with the end of what it wrote to stderr.
pub async fn scan_command(
    command: &Command,
    era: Era,
    patience: Duration,
    progress: &dyn Fn(String),
) -> Result<Scan> {
    let deadline = tokio::time::Instant::now() + patience;
    let mut eras = vec![era];
    if era == Era::Auto {
        // Some servers end at the first message they do not know.
        eras.push(Era::Sessions);
    }
    let mut failed = None;
    for era in eras {
        let mut server = Running::start(command)?;
        progress(format!("starting {}", command.shown()));
        let asked = tokio::time::timeout_at(deadline, server.ask(command, era, progress)).await;
        let (why, again) = match asked {
            Ok(Ok(scan)) => {
                server.end().await;
                return Ok(scan);
            }
            Ok(Err(Failure::Before(error))) => (server.explain(command, &error).await, true),
            Ok(Err(Failure::After(error))) => {
                let shown = command.shown();
                (
                    error.context(format!("`{shown}` answered, but not to everything")),
                    false,
                )
            }
            Err(_) => (server.too_slow(command, patience), false),
        };
        failed.get_or_insert(why);
        if !again {
            break;
        }
    }
    Err(failed.unwrap_or_else(|| anyhow!("nothing was asked")))
}

/// When it went wrong: before the server answered at all, or after.
enum Failure {
    Before(anyhow::Error),
    After(anyhow::Error),
}

/// A started server; dropped, it is killed with all it started.
struct Running {
    child: Box<dyn ChildWrapper>,
    pipes: Option<(ChildStdout, ChildStdin)>,
    last_words: Arc<Mutex<Vec<u8>>>,
}

impl Running {
    fn start(command: &Command) -> Result<Self> {
        let mut wrapped = CommandWrap::with_new(&command.program, |process| {
            process.args(&command.arguments).env_clear();
            for name in ALWAYS {
                if let Some(value) = std::env::var_os(name) {
                    process.env(name, value);
                }
            }
            process
                .envs(
                    command
                        .environment
                        .iter()
                        .map(|(name, value)| (name, value)),
                )
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true);
        });
        wrapped.wrap(ProcessGroup::leader());
        let program = one_line(&command.program, 80);
        let mut child = wrapped.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                anyhow!("cannot start `{program}`: there is no such program on PATH")
            }
            _ => anyhow!("cannot start `{program}`: {error}"),
        })?;
        let (Some(stdout), Some(stdin), Some(mut stderr)) = (
            child.stdout().take(),
            child.stdin().take(),
            child.stderr().take(),
        ) else {
            bail!("cannot start `{program}`: it has no stdin, stdout and stderr");
        };
        let last_words = Arc::<Mutex<Vec<u8>>>::default();
        let kept = last_words.clone();
        tokio::spawn(async move {
            let mut chunk = [0; 1024];
            while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(chunk.get(..count).unwrap_or_default());
                let over = kept.len().saturating_sub(LAST_WORDS);
                kept.drain(..over);
            }
        });
        Ok(Self {
            child,
            pipes: Some((stdout, stdin)),
            last_words,
        })
    }

    async fn ask(
        &mut self,
        command: &Command,
        era: Era,
        progress: &dyn Fn(String),
    ) -> Result<Scan, Failure> {
        let messages = Messages::default();
        let (config, lifecycle) = era.client();
        let pipes = self.pipes.take().context("asked twice");
        let (stdout, stdin) = pipes.map_err(Failure::After)?;
        let tee = Tee {
            inner: stdout,
            messages: messages.clone(),
            line: Vec::new(),
        };
        let transport = AsyncRwTransport::new_client(tee, stdin).with_max_line_length(MAX_LINE);
        let client: Client = config
            .serve_with_lifecycle(transport, lifecycle)
            .await
            .map_err(|error| Failure::Before(error.into()))?;
        let scan = inventory(&client, &messages, command.shown(), progress).await;
        // Closes its stdin, which is how a server is told to end.
        let _ = client.cancel().await;
        scan.map_err(Failure::After)
    }

    async fn end(mut self) {
        let _ = tokio::time::timeout(FAREWELL, self.child.wait()).await;
    }

    async fn status(&mut self) -> Option<ExitStatus> {
        // Its output ends a moment before it does.
        let ended = tokio::time::timeout(Duration::from_millis(500), self.child.wait());
        ended.await.ok()?.ok()
    }

    async fn explain(&mut self, command: &Command, error: &anyhow::Error) -> anyhow::Error {
        let shown = command.shown();
        let said = self.said();
        match self.status().await {
            Some(status) => anyhow!(
                "`{shown}` ended ({status}) before it had answered{said}. It gets PATH, HOME and what --env names: does it \
                 want a variable (--env NAME), or another argument?"
            ),
            None => anyhow!(
                "`{shown}` runs, but does not speak MCP over stdin and stdout: {}{said}",
                one_line(&format!("{error:#}"), 300)
            ),
        }
    }

    fn too_slow(&self, command: &Command, patience: Duration) -> anyhow::Error {
        anyhow!(
            "`{}` did not answer in {patience:?}{}. A first start may download packages: --timeout gives it more seconds",
            command.shown(),
            self.said()
        )
    }

    /// The last line of stderr that says something.
    fn said(&self) -> String {
        let kept = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&kept);
        let lines: Vec<_> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        // An error's own line, where one is to be seen, says more than the end of a stack trace.
        let telling = lines
            .iter()
            .rev()
            .find(|line| line.to_lowercase().contains("error"))
            .or(lines.last());
        telling.map_or_else(String::new, |line| {
            format!("; its last words: {}", one_line(line, 300))
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.start_kill();
    }
}

/// stdout with a copy of each message that may be a list of tools.
struct Tee {
    inner: ChildStdout,
    messages: Messages,
    line: Vec<u8>,
}

impl Tee {
    fn copy(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() <= MAX_LINE {
                self.line.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                if let Ok(text) = std::str::from_utf8(&self.line)
                    && text.contains("\"tools\"")
                {
                    self.messages.keep(text.trim());
                }
                self.line.clear();
            }
        }
    }
}

impl AsyncRead for Tee {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        if let Some(bytes) = buffer.filled().get(before..) {
            self.copy(bytes);
        }
        polled
    }
}
