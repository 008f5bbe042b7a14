//! A real MCP server to put behind the gate, on loopback, that keeps a record of every request it got.
//!
//! The server is rmcp's, in both protocol eras: sessions and SSE replies for 2025-11-25 and older, single JSON replies
//! for 2026-07-28. The record is made below it, at HTTP level, when a request's head arrives: a call that was refused has
//! left no trace here, not even its headers.

mod record;
mod tools;

pub use record::{Record, Reply};
pub use tools::{NAMES, UNKNOWN_PAYMENT};

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rmcp::model::Tool;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use tools::Tools;

type Service = StreamableHttpService<Tools, LocalSessionManager>;

/// The running server. Dropping it ends every connection.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    log: Arc<Log>,
    accept: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Log {
    records: Mutex<Vec<Record>>,
    connections: AtomicU64,
}

impl Upstream {
    /// Starts the server on a free loopback port. Needs a tokio runtime.
    pub async fn start() -> Result<Self> {
        Self::start_on(0).await
    }

    /// Starts the server on this loopback port.
    pub async fn start_on(port: u16) -> Result<Self> {
        Self::start_changed(port, Vec::new()).await
    }

    /// Starts the server on this loopback port, with some of its tools defined otherwise than usual.
    pub async fn start_changed(port: u16, changed: Vec<Tool>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("listening on 127.0.0.1:{port}"))?;
        let address = listener.local_addr()?;
        let log = Arc::new(Log::default());
        let config = StreamableHttpServerConfig::default()
            // Requests of 2026-07-28 are answered in JSON. Sessions of older versions get SSE all the same.
            .with_json_response(true)
            // The gate keeps the client's Host, which need not be ours.
            .disable_allowed_hosts();
        let service = StreamableHttpService::new(
            {
                let tools = Tools {
                    changed: Arc::new(changed),
                };
                move || Ok(tools.clone())
            },
            Arc::default(),
            config,
        );
        let accept = tokio::spawn(accept(listener, service, log.clone()));
        Ok(Self {
            address,
            log,
            accept,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of its MCP endpoint. Every path is one.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Everything that arrived, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.records_since(0)
    }

    /// What arrived after the first `mark` requests.
    pub fn records_since(&self, mark: usize) -> Vec<Record> {
        let records = self.log.lock();
        records.get(mark..).unwrap_or_default().to_vec()
    }

    /// The POSTs among [`Upstream::records_since`]: what was asked of the server. A session's GET stream is not.
    pub fn posts_since(&self, mark: usize) -> Vec<Record> {
        let mut records = self.records_since(mark);
        records.retain(|record| record.method == Method::POST);
        records
    }

    /// The number of requests so far, as a mark for [`Upstream::records_since`].
    pub fn mark(&self) -> usize {
        self.log.lock().len()
    }

    /// The number of connections that were opened to it.
    pub fn connections(&self) -> u64 {
        self.log.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

impl Log {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, index: usize, change: impl FnOnce(&mut Record)) {
        if let Some(record) = self.lock().get_mut(index) {
            change(record);
        }
    }
}

async fn accept(listener: TcpListener, service: Service, log: Arc<Log>) {
    // Aborting this task drops the set, and with it every connection.
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            Some(_) = connections.join_next() => continue,
        };
        log.connections.fetch_add(1, Ordering::Relaxed);
        let (service, log) = (service.clone(), log.clone());
        connections.spawn(async move {
            let answer = service_fn(move |request| answer(request, service.clone(), log.clone()));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    service: Service,
    log: Arc<Log>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let index = {
        let mut records = log.lock();
        records.push(Record::new(&parts));
        records.len() - 1
    };
    let body = body.collect().await?.to_bytes();
    log.update(index, |record| record.body = Some(body.clone()));
    let response = service
        .handle(Request::from_parts(parts, Full::new(body)))
        .await;
    log.update(index, |record| record.reply = Some(Reply::new(&response)));
    Ok(response)
}

#[cfg(test)]
mod tests;
