//! The console without a proxy, for tests of the page: the engine answers on one port, and on another the test says what
//! happens at the gates.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use toolgate_engine::approvals;
use toolgate_engine::config::{Configured, Console, Gate};
use toolgate_engine::console::{self, Body};
use toolgate_engine::control::{self, Worker};
use toolgate_engine::time::Timestamp;

use super::{Asking, Shelf, document};
use toolgate_host::SharedData;

/// The console and what it shares with gates that are not there.
pub struct Stage {
    console: Console,
    shelf: Mutex<Shelf>,
    sequence: Mutex<u64>,
    /// Its two workers beat whenever somebody looks.
    gate: Mutex<Option<Gate>>,
}

type Reply = Response<Full<Bytes>>;

impl Stage {
    /// With the approvers of [`document`].
    ///
    /// # Errors
    /// If the engine refuses them.
    pub fn new() -> Result<Self> {
        let document = document().to_string();
        let configured = Configured::from_json(document.as_bytes(), false)?;
        let Configured::Console(console) = configured else {
            bail!("the document is a gate's");
        };
        Ok(Stage {
            console,
            shelf: Mutex::new(Shelf::new(SharedData::new(), "toolgate")),
            sequence: Mutex::new(0),
            gate: Mutex::new(None),
        })
    }

    /// Serves both ports until the task is dropped; tells where, once both listen.
    ///
    /// # Errors
    /// If it cannot listen.
    pub async fn serve(self, told: impl FnOnce(SocketAddr, SocketAddr)) -> Result<()> {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (console, control) = (bind().await?, bind().await?);
        told(console.local_addr()?, control.local_addr()?);
        let stage = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            let (stream, on_stage) = tokio::select! {
                accepted = console.accept() => (accepted?.0, true),
                accepted = control.accept() => (accepted?.0, false),
            };
            let stage = stage.clone();
            connections.spawn(async move {
                let service = service_fn(|request| {
                    let stage = stage.clone();
                    async move { Ok::<_, Infallible>(stage.handle(request, on_stage).await) }
                });
                // A connection that ends badly is the page's concern.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn handle(&self, request: Request<Incoming>, on_stage: bool) -> Reply {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes());
        let body = body.unwrap_or_default();
        if !on_stage {
            let (status, value) = match self.direct(head.uri.path(), &body) {
                Ok(value) => (200, value),
                Err(error) => (400, json!({"error": format!("{error:#}")})),
            };
            return reply(status, &[], Bytes::from(value.to_string()));
        }
        let text = |text: &str| text.as_bytes().to_vec();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = vec![
            (text(":method"), text(head.method.as_str())),
            (text(":path"), text(path)),
        ];
        for (name, value) in &head.headers {
            let name = if name == "host" {
                ":authority"
            } else {
                name.as_str()
            };
            headers.push((text(name), value.as_bytes().to_vec()));
        }
        let sequence = {
            let mut sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
            *sequence += 1;
            *sequence
        };
        let id = format!("stage-{sequence}");
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = &*self.gate.lock().unwrap_or_else(PoisonError::into_inner) {
            for vm in [1, 2] {
                control::beat(&mut *shelf, &Worker::of(gate, vm, now(), 0));
            }
        }
        let mut cx = console::Context {
            console: &self.console,
            store: &mut *shelf,
            now: now(),
            id: &id,
        };
        let body = if body.len() > console::MAX_BODY {
            Body::TooLarge
        } else {
            Body::Whole(&body)
        };
        let Some(answer) = console::respond(&mut cx, &headers, body) else {
            return reply(500, &[], Bytes::new());
        };
        for record in &answer.records {
            control::remember(&mut *shelf, 15, sequence, control::RING, &record.line(8192));
        }
        reply(
            u16::try_from(answer.reply.status).unwrap_or(500),
            &answer.reply.headers,
            answer.reply.body.into(),
        )
    }

    /// What the test has happen at the gates.
    fn direct(&self, path: &str, body: &[u8]) -> Result<Value> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let value: Value = serde_json::from_slice(body).context("the body is no JSON")?;
        match path {
            "/ask" => {
                let asking: Asking = serde_json::from_value(value)?;
                Ok(json!({"id": shelf.ask(now(), &asking)}))
            }
            "/look" => {
                let id = value["id"].as_str().context("`id`")?;
                let question = approvals::look(&mut *shelf, now(), id);
                let question = question.map_err(|_| anyhow!("the store is lost"))?;
                let question = question.context("no such question")?;
                Ok(serde_json::from_str(&question.to_json())?)
            }
            "/remember" => {
                let (vm, n) = (value["vm"].as_u64(), value["n"].as_u64());
                let line = value["line"].as_str().context("`line`")?;
                let place = vm.zip(n).context("`vm` and `n`")?;
                control::remember(&mut *shelf, place.0, place.1, control::RING, line);
                Ok(Value::Null)
            }
            "/gate" => {
                let gate = Gate::from_json(body, false)?;
                let published = control::publish(&mut *shelf, &gate);
                published.map_err(|_| anyhow!("the store is lost"))?;
                *self.gate.lock().unwrap_or_else(PoisonError::into_inner) = Some(gate);
                Ok(Value::Null)
            }
            "/stopped" => {
                let stop = control::stopped(&mut *shelf).map_err(|_| anyhow!("lost"))?;
                Ok(json!({"by": stop.map(|stop| stop.by)}))
            }
            "/store" => {
                shelf.down = value["down"].as_bool().context("`down`")?;
                Ok(Value::Null)
            }
            _ => bail!("no such direction"),
        }
    }
}

fn reply(status: u16, headers: &[(&'static str, String)], body: Bytes) -> Reply {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    builder.body(Full::new(body)).unwrap_or_default()
}

fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = now.unwrap_or_default().as_nanos();
    Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
