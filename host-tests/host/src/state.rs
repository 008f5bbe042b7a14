//! Everything the host knows about one VM. It lives in the `Store`, so nothing is shared by accident.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use wasmtime::{Instance, Memory, StoreLimits, TypedFunc};

use super::abi::Status;
use super::callout::Callouts;
use super::headers::Headers;
use super::message::{Received, SentUpstream};
use super::metrics::Registry;
use super::vm::VmOptions;
use super::worker::Phase;

/// Envoy attributes by path, as `get_property` asks for them. Values are the bytes Envoy would hand over: text as it
/// is, integers as eight little-endian bytes, messages as protobuf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<Vec<String>, Vec<u8>>);

impl Properties {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one attribute.
    pub fn set(&mut self, path: &[&str], value: impl AsRef<[u8]>) -> &mut Self {
        let path = path.iter().map(|p| (*p).to_owned()).collect();
        self.0.insert(path, value.as_ref().to_vec());
        self
    }

    /// Sets one attribute, for building.
    pub fn with(mut self, path: &[&str], value: impl AsRef<[u8]>) -> Self {
        self.set(path, value);
        self
    }

    /// The value of an attribute.
    pub fn find(&self, path: &[String]) -> Option<&Vec<u8>> {
        self.0.get(path)
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (path, value) in &other.0 {
            self.0.insert(path.clone(), value.clone());
        }
    }
}

/// How severe a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `trace`
    Trace,
    /// `debug`
    Debug,
    /// `info`
    Info,
    /// `warn`
    Warn,
    /// `error`; Envoy logs what a module writes to stderr here
    Error,
    /// `critical`; the host logs the death of a VM here
    Critical,
}

impl Level {
    pub(crate) fn from_wire(level: u32) -> Option<Self> {
        Some(match level {
            0 => Self::Trace,
            1 => Self::Debug,
            2 => Self::Info,
            3 => Self::Warn,
            4 => Self::Error,
            5 => Self::Critical,
            _ => return None,
        })
    }
}

/// One line the module logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How severe.
    pub level: Level,
    /// The context that was running; 0 before the first.
    pub context: u32,
    /// The text.
    pub message: String,
}

/// A direction of an HTTP exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dir {
    Request,
    Response,
}

/// Envoy's iteration state of one filter in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Iteration {
    #[default]
    Continue,
    /// Stopped; the next data or trailers callback still runs.
    StopSingle,
    /// Stopped for everything: no callback until the filter resumes the stream.
    StopAll,
}

/// One direction of one stream, in the terms of Envoy's filter manager and wasm context.
#[derive(Debug, Default)]
pub(crate) struct Side {
    pub headers: Option<Headers>,
    /// The guest can see the headers: Envoy forgets them as soon as the headers callback returns Continue.
    pub headers_visible: bool,
    pub trailers: Option<Headers>,
    pub trailers_visible: bool,
    /// The data of the callback that is running.
    pub chunk: Option<Vec<u8>>,
    /// What the filter manager holds back.
    pub buffered: Option<Vec<u8>>,
    /// The last data callback paused, so the guest sees `buffered` and not `chunk`.
    pub buffering: bool,
    pub iteration: Iteration,
    pub headers_continued: bool,
    /// The end of the message has arrived at the proxy.
    pub complete: bool,
    /// The end of the message has been shown to the filter.
    pub end_of_stream: bool,
}

impl Side {
    /// The bytes the guest sees as the body, whole.
    pub fn body(&self) -> &[u8] {
        let source = if self.buffering {
            &self.buffered
        } else {
            &self.chunk
        };
        source.as_deref().unwrap_or_default()
    }

    /// Whether what is held is more than the stream may hold.
    pub fn is_over(&self, limit: usize) -> bool {
        self.buffered.as_ref().is_some_and(|b| b.len() > limit)
    }

    /// Envoy's `Buffer::copyFrom`: start 0 replaces the first `len` bytes (0 prepends), a start at or past the end
    /// appends, anything between is refused.
    pub fn set_body(&mut self, start: usize, len: usize, data: Vec<u8>) -> Result<(), Status> {
        let target = if self.buffering {
            self.buffered.as_mut()
        } else {
            self.chunk.as_mut()
        };
        let body = target.ok_or(Status::BadArgument)?;
        if start == 0 {
            let end = len.min(body.len());
            body.splice(0..end, data);
            Ok(())
        } else if start >= body.len() {
            body.extend(data);
            Ok(())
        } else {
            Err(Status::BadArgument)
        }
    }
}

/// An answer the proxy gives itself.
#[derive(Clone, Debug)]
pub(crate) struct LocalReply {
    pub status: u32,
    pub headers: Headers,
    pub body: Vec<u8>,
    pub details: String,
}

/// One HTTP stream.
#[derive(Debug, Default)]
pub(crate) struct StreamState {
    pub root: u32,
    /// The guest has a context for this stream.
    pub in_vm: bool,
    pub request: Side,
    pub response: Side,
    pub upstream: Option<SentUpstream>,
    pub downstream: Received,
    pub filter_state: BTreeMap<String, Vec<u8>>,
    pub properties: Properties,
    /// A local reply asked for inside a request callback, sent when that callback has returned.
    pub prepared: Option<LocalReply>,
    /// Envoy has answered 503 for a dead VM: the guest is not called any more.
    pub failure_reply: bool,
    /// The whole response has entered the filter chain.
    pub local_complete: bool,
    /// The upstream has finished its response.
    pub upstream_complete: bool,
    /// No more bytes either way.
    pub terminated: bool,
    /// `on_log`, `on_done` and `on_delete` have run.
    pub finished: bool,
    pub log_phase: bool,
    /// The trap that hit one of this stream's callbacks.
    pub trap: Option<String>,
}

impl StreamState {
    pub fn side(&mut self, dir: Dir) -> &mut Side {
        match dir {
            Dir::Request => &mut self.request,
            Dir::Response => &mut self.response,
        }
    }
}

/// A root context: one plugin configuration.
#[derive(Debug, Default)]
pub(crate) struct Root {
    pub tick_millis: u32,
    pub superseded: bool,
}

/// What the guest asked for during a call; Envoy acts when the call has returned.
#[derive(Debug)]
pub(crate) enum Action {
    Resume(u32, Dir),
    Close(u32),
    Reply(u32, LocalReply),
}

/// The state behind one VM.
pub(crate) struct HostState {
    pub options: VmOptions,
    /// The instance, once there is one.
    pub instance: Option<Instance>,
    pub memory: Option<Memory>,
    pub alloc: Option<TypedFunc<u32, u32>>,
    pub limits: StoreLimits,
    /// What is being done, innermost last: callbacks, with what they left to do.
    pub running: Vec<Phase>,
    /// Calls into the guest that have not returned. More than one: a host call has called back.
    pub depth: usize,
    pub current: u32,
    pub effective: u32,
    pub next_context: u32,
    /// The root context of the current configuration; 0 before there is one.
    pub newest_root: u32,
    pub actions: VecDeque<Action>,
    pub stop_next: bool,
    /// Visible only while the root context is created and configured, as in Envoy.
    pub plugin_configuration: Option<Arc<[u8]>>,
    pub roots: BTreeMap<u32, Root>,
    pub streams: BTreeMap<u32, StreamState>,
    pub callouts: Callouts,
    pub logs: Vec<LogLine>,
    pub metrics: Registry,
    pub random: u64,
    pub fuel_used: u64,
    /// What killed the VM.
    pub dead: Option<String>,
    /// The VM died inside a host call: the process ends when the guest has returned.
    pub doomed: bool,
    /// The process has ended.
    pub crashed: bool,
}

impl HostState {
    /// The context host calls act on.
    pub fn context(&self) -> u32 {
        if self.effective != 0 {
            self.effective
        } else {
            self.current
        }
    }

    /// The stream host calls act on; `None` in a root context.
    pub fn stream(&mut self) -> Option<&mut StreamState> {
        let id = self.context();
        self.streams.get_mut(&id)
    }

    /// The root of the context host calls act on.
    pub fn root(&self) -> u32 {
        let id = self.context();
        self.streams.get(&id).map_or(id, |s| s.root)
    }

    pub fn log(&mut self, level: Level, message: String) {
        let context = self.context();
        self.logs.push(LogLine {
            level,
            context,
            message,
        });
    }
}
