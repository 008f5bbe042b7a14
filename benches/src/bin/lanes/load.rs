//! The load: as little HTTP/1.1 as it takes, so that it is not what is measured.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::wire::Connection;

/// Nothing here takes that long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request as it is sent, and what its answer has to be.
#[derive(Clone)]
pub struct Call {
    pub request: Rc<[u8]>,
    pub answer: Answer,
}

/// What an answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The upstream's.
    Forwarded,
    /// Somebody else's.
    Refused,
    /// The upstream's list, with so many tools left.
    Tools(usize),
    /// The upstream's text, secrets included.
    Passed,
    /// The upstream's text without what is secret.
    Redacted,
}

/// What only the upstream answers.
pub const ANSWER: &str = "issue 42 was created";
/// What only the upstream's text holds, and must not reach a client.
pub const SECRET: &str = "4111 1111 1111 1111";

impl Answer {
    fn check(self, status: &str, body: &[u8]) -> Result<()> {
        let has = |text: &str| contains(body, text);
        let passed = status.starts_with("HTTP/1.1 200");
        let right = match self {
            Answer::Forwarded => passed && has(ANSWER),
            Answer::Refused => !has(ANSWER),
            Answer::Tools(count) => passed && matches(body, "\"inputSchema\"") == count,
            Answer::Passed => passed && has(SECRET),
            Answer::Redacted => passed && !has(SECRET) && has("order filters"),
        };
        ensure!(
            right,
            "expected {self:?}, got {status} {}",
            String::from_utf8_lossy(body.get(..300).unwrap_or(body))
        );
        Ok(())
    }
}

fn contains(body: &[u8], text: &str) -> bool {
    std::str::from_utf8(body).is_ok_and(|body| body.contains(text))
}

fn matches(body: &[u8], text: &str) -> usize {
    std::str::from_utf8(body).map_or(0, |body| body.matches(text).count())
}

/// Connections to one listener, kept open, with one call at a time on each.
pub struct Load {
    connections: Vec<Connection>,
    address: SocketAddr,
}

impl Load {
    pub async fn connect(address: SocketAddr, connections: usize) -> Result<Self> {
        let mut load = Self {
            connections: Vec::new(),
            address,
        };
        for _ in 0..connections {
            load.connections.push(load.open().await?);
        }
        Ok(load)
    }

    async fn open(&self) -> Result<Connection> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection::new(stream))
    }

    /// Sends this many calls, the next on each connection as soon as the last is answered, and looks at every answer's
    /// status; at all of the first one on each connection.
    pub async fn run(&mut self, call: &Call, requests: u32) -> Result<()> {
        let connections = u32::try_from(self.connections.len())?;
        let tasks = LocalSet::new();
        let mut running = Vec::new();
        for (index, mut connection) in self.connections.drain(..).enumerate() {
            let extra = u32::from(u32::try_from(index)? < requests % connections);
            let (count, call) = (requests / connections + extra, call.clone());
            running.push(tasks.spawn_local(async move {
                for index in 0..count {
                    let reusable = exchange(&mut connection, &call, index == 0).await?;
                    if !reusable {
                        connection.reopen().await?;
                    }
                }
                anyhow::Ok(connection)
            }));
        }
        let connections = &mut self.connections;
        let all = tasks.run_until(async {
            for task in running {
                connections.push(task.await??);
            }
            anyhow::Ok(())
        });
        timeout(
            PATIENCE.max(Duration::from_millis(u64::from(requests) * 50)),
            all,
        )
        .await
        .context("Envoy hangs")?
    }

    /// Sends calls at a rate, whatever becomes of the earlier ones, and returns how long each took from when it was due:
    /// what waits behind a slow one counts as slow.
    pub async fn at_rate(
        &mut self,
        call: &Call,
        per_second: f64,
        time: Duration,
    ) -> Result<Vec<Duration>> {
        let due = dispatch(per_second, time);
        let (due, times) = (Rc::new(Mutex::new(due)), Rc::new(Mutex::new(Vec::new())));
        let tasks = LocalSet::new();
        let mut running = Vec::new();
        for mut connection in self.connections.drain(..) {
            let (call, due, times) = (call.clone(), Rc::clone(&due), Rc::clone(&times));
            running.push(tasks.spawn_local(async move {
                loop {
                    // The connection that has waited longest takes the next call.
                    let next = due.lock().await.recv().await;
                    let Some(due) = next else { break };
                    let reusable = exchange(&mut connection, &call, false).await?;
                    times.lock().await.push(due.elapsed());
                    if !reusable {
                        connection.reopen().await?;
                    }
                }
                anyhow::Ok(connection)
            }));
        }
        let connections = &mut self.connections;
        let all = tasks.run_until(async {
            for task in running {
                connections.push(task.await??);
            }
            anyhow::Ok(())
        });
        timeout(PATIENCE + time, all)
            .await
            .context("Envoy hangs")??;
        let times = std::mem::take(&mut *times.lock().await);
        Ok(times)
    }
}

/// A thread that says when a call is due: tokio's clock has only milliseconds. Intervals are random as those of callers
/// who do not know of each other, and the same in every run.
fn dispatch(per_second: f64, time: Duration) -> tokio::sync::mpsc::UnboundedReceiver<Instant> {
    let (send, receive) = tokio::sync::mpsc::unbounded_channel();
    let (ready, go) = mpsc::channel();
    std::thread::spawn(move || {
        let began = Instant::now();
        let _started = ready.send(());
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut at = 0.0;
        while at < time.as_secs_f64() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let uniform = ((state >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
            at -= uniform.ln() / per_second;
            let due = began + Duration::from_secs_f64(at);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if send.send(due).is_err() {
                break;
            }
        }
    });
    let _started = go.recv();
    receive
}

/// One call and its answer. False when the connection is at its end.
async fn exchange(connection: &mut Connection, call: &Call, whole: bool) -> Result<bool> {
    connection.write(&call.request).await?;
    let (status, reusable) = connection
        .read_message(|status, body| {
            if whole || body.len() < 4096 {
                call.answer.check(status, body)?;
            }
            Ok(status.starts_with("HTTP/1.1 200"))
        })
        .await?;
    let forwarded = call.answer != Answer::Refused;
    ensure!(!forwarded || status, "a call was refused");
    Ok(reusable)
}

/// Sends one call on a connection of its own and returns the answer's status line and body.
pub async fn status_and_body(address: SocketAddr, request: &[u8]) -> Result<String> {
    let mut connection = Connection::new(TcpStream::connect(address).await?);
    connection.write(request).await?;
    let read = connection
        .read_message(|status, body| Ok(format!("{status} {}", String::from_utf8_lossy(body))));
    Ok(timeout(PATIENCE, read).await??.0)
}
