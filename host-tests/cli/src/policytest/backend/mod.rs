//! Two ways to run a gate on one exchange after another: the wasm that is deployed, and the engine itself.
//!
//! They must agree on everything a client, an upstream or an auditor can see; [`Observed::differs`] says where they do
//! not.

mod agreeing;
mod native;
mod wasm;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use toolgate_engine::counters::Store;

use toolgate_host::{Clock, Headers, Message, SentUpstream};

pub use agreeing::Agreeing;
pub use native::Native;
pub use wasm::Wasm;

/// Makes running gates.
pub trait Backend {
    /// A short name for messages.
    fn name(&self) -> &'static str;

    /// Starts a gate that has counted nothing yet, on a configuration in JSON.
    ///
    /// # Errors
    /// When the configuration is refused.
    fn start(&self, config: &str, clock: &Clock) -> Result<Box<dyn Running>>;
}

/// A gate that runs. Its counters live as long as it does.
pub trait Running {
    /// One exchange from the client's first byte to the access log. `upstream` is asked when the whole request has left the
    /// gate; it may move the clock. A call that is held for a person is waited out.
    ///
    /// # Errors
    /// When the gate itself failed: it trapped, or its lengths do not add up.
    fn exchange(
        &mut self,
        request: &Message,
        upstream: &mut dyn FnMut(&SentUpstream) -> Upstream,
    ) -> Result<Observed> {
        self.held_exchange(request, upstream, &mut |_, _| Meanwhile::SECOND)
    }

    /// As [`Running::exchange`]; `meanwhile` is asked what happens, again and again while the request is held for a
    /// person. It gets how often it was asked before, and the store all workers share.
    ///
    /// # Errors
    /// As [`Running::exchange`], and when nothing ends the wait.
    fn held_exchange(
        &mut self,
        request: &Message,
        upstream: &mut dyn FnMut(&SentUpstream) -> Upstream,
        meanwhile: &mut dyn FnMut(usize, &mut dyn Store) -> Meanwhile,
    ) -> Result<Observed>;

    /// Something is done to the store between exchanges.
    fn with_store(&mut self, act: &mut dyn FnMut(&mut dyn Store));

    /// Loses or regains the store of the counters.
    fn set_store_down(&mut self, down: bool);
}

/// What happens while a request is held for a person.
#[derive(Clone, Debug)]
pub enum Meanwhile {
    /// So much time passes, and the gate looks after what it holds.
    After(Duration),
    /// The client goes away.
    Disconnect,
    /// The gate gets another configuration, in JSON, and looks after what it holds.
    Update(String),
}

impl Meanwhile {
    /// A second passes.
    pub const SECOND: Meanwhile = Meanwhile::After(Duration::from_secs(1));
}

/// Longer than any call is held in a test, in steps.
const MOST_STEPS: usize = 10_000;

/// What becomes of a request that has left the gate.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// The upstream answers.
    Reply(Box<Message>),
    /// It does not answer in time: the proxy answers 504.
    Timeout,
    /// It resets the connection: the proxy answers 503.
    Reset,
    /// There is nobody to send it to: the proxy answers 503, and nothing leaves it.
    NotSent,
    /// It does not answer, and the client gives up.
    Nothing,
}

/// A reply as the client got it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// 0 when there was none.
    pub status: u16,
    /// Headers without `:status`.
    pub headers: Headers,
    /// The whole body.
    pub body: Vec<u8>,
    /// Trailers, if any.
    pub trailers: Option<Headers>,
    /// It came to its end.
    pub complete: bool,
}

/// What one exchange left behind.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// What left the gate towards the upstream, even if only headers.
    pub forwarded: Option<SentUpstream>,
    /// What the client got.
    pub reply: Reply,
    /// It was held for a person before that.
    pub held: bool,
    /// The audit records, in order.
    pub records: Vec<Value>,
    /// Counters of the host's stats that rose, and by how much. Only the wasm has stats.
    pub metrics: BTreeMap<String, u64>,
}

/// Members of a record that two runs cannot share.
const UNIQUE: [&str; 10] = [
    "decision_id",
    "instance",
    "worker",
    "epoch",
    "sequence",
    "decision_time_us",
    "duration_us",
    "hmac",
    "previous",
    "chain",
];

impl Observed {
    /// The call waited for a person at some point.
    pub fn was_held(&self) -> bool {
        self.held
    }

    /// The whole request left the gate: the tool may run.
    pub fn was_forwarded(&self) -> bool {
        self.forwarded.as_ref().is_some_and(|sent| sent.ended)
    }

    /// The records without what differs from run to run.
    pub fn comparable_records(&self) -> Vec<Value> {
        let mut records = self.records.clone();
        for record in records.iter_mut().filter_map(Value::as_object_mut) {
            record.retain(|key, _| !UNIQUE.contains(&key.as_str()));
        }
        records
    }

    /// The first thing in which two runs of the same exchange differ.
    pub fn differs(&self, other: &Observed) -> Option<String> {
        let sent = |observed: &Observed| {
            observed.forwarded.as_ref().map(|sent| {
                let lines: Vec<(String, String)> = show(&sent.headers);
                let body = String::from_utf8_lossy(&sent.body).into_owned();
                (lines, body, sent.trailers.as_ref().map(show), sent.ended)
            })
        };
        if sent(self) != sent(other) {
            return Some(format!(
                "forwarded\n  {:?}\n  {:?}",
                sent(self),
                sent(other)
            ));
        }
        if self.reply != other.reply {
            let show = |reply: &Reply| {
                let body = String::from_utf8_lossy(&reply.body).into_owned();
                let trailers = reply.trailers.as_ref().map(show);
                (
                    reply.status,
                    show(&reply.headers),
                    body,
                    trailers,
                    reply.complete,
                )
            };
            return Some(format!(
                "reply\n  {:?}\n  {:?}",
                show(&self.reply),
                show(&other.reply)
            ));
        }
        let (mine, theirs) = (self.comparable_records(), other.comparable_records());
        (mine != theirs).then(|| {
            format!(
                "audit\n  {}\n  {}",
                Value::Array(mine),
                Value::Array(theirs)
            )
        })
    }
}

fn show(headers: &Headers) -> Vec<(String, String)> {
    let line = |(name, value): (&str, &[u8])| {
        (name.to_owned(), String::from_utf8_lossy(value).into_owned())
    };
    headers.iter().map(line).collect()
}

/// The records in a filter state: an object, or a list of them for a batch.
fn read_records(state: &str) -> Result<Vec<Value>> {
    if state.is_empty() {
        return Ok(Vec::new());
    }
    Ok(match serde_json::from_str(state)? {
        Value::Array(records) => records,
        record => vec![record],
    })
}

/// What Envoy answers in the upstream's place.
struct ProxyReply {
    status: u16,
    body: &'static str,
    details: &'static str,
    flags: u64,
}

impl Upstream {
    fn proxy_reply(&self) -> Option<ProxyReply> {
        Some(match self {
            Upstream::Timeout => ProxyReply {
                status: 504,
                body: "upstream request timeout",
                details: "response_timeout",
                flags: 0x4,
            },
            Upstream::Reset => ProxyReply {
                status: 503,
                body: "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
                details: "upstream_reset_before_response_started{connection_termination}",
                flags: 0x40,
            },
            Upstream::NotSent => ProxyReply {
                status: 503,
                body: "no healthy upstream",
                details: "no_healthy_upstream",
                flags: 0x2,
            },
            Upstream::Reply(_) | Upstream::Nothing => return None,
        })
    }
}
