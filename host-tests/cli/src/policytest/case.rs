//! A test file, read and checked.

use std::path::PathBuf;

use super::identity::Credentials;
use super::verdict::Verdict;
use toolgate_document::Position;

/// A file of policy tests with the configuration it is about.
#[derive(Debug)]
pub struct TestFile {
    /// Where it is.
    pub path: PathBuf,
    /// The configuration, and how to be one of its callers.
    pub credentials: Credentials,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// One case: a fresh gate, some steps.
#[derive(Debug)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Where it stands in the file.
    pub position: Position,
    /// The time it begins at, in nanoseconds since the epoch.
    pub now: u64,
    /// What happens in it.
    pub kind: Kind,
}

/// What a case is about.
#[derive(Debug)]
pub enum Kind {
    /// Requests, one after the other.
    Steps(Vec<Step>),
    /// What of a list is left, and what happens after it.
    List(Box<ListCase>, Vec<Step>),
}

/// A list and what must be left of it.
#[derive(Debug)]
pub struct ListCase {
    /// Of what.
    pub list: ListKind,
    /// Who asks, and how.
    pub ask: Ask,
    /// What the server lists: JSON of each entry.
    pub given: Vec<String>,
    /// The names that must be left, in order.
    pub expect: Vec<String>,
}

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// `tools/list`
    Tools,
    /// `prompts/list`
    Prompts,
    /// `resources/list`
    Resources,
    /// `resources/templates/list`
    Templates,
}

impl ListKind {
    /// The method that asks for it.
    pub fn method(self) -> &'static str {
        match self {
            ListKind::Tools => "tools/list",
            ListKind::Prompts => "prompts/list",
            ListKind::Resources => "resources/list",
            ListKind::Templates => "resources/templates/list",
        }
    }

    /// The member of the result it stands under.
    pub fn key(self) -> &'static str {
        match self {
            ListKind::Tools => "tools",
            ListKind::Prompts => "prompts",
            ListKind::Resources => "resources",
            ListKind::Templates => "resourceTemplates",
        }
    }

    /// The member of an entry that names it.
    pub fn entry_key(self) -> &'static str {
        match self {
            ListKind::Tools | ListKind::Prompts => "name",
            ListKind::Resources => "uri",
            ListKind::Templates => "uriTemplate",
        }
    }
}

/// Who asks, and in which protocol.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The caller.
    pub caller: Caller,
    /// The protocol version.
    pub protocol: Protocol,
    /// The server that is asked, where a configuration has several.
    pub server: Option<String>,
    /// A name for a session; the same name is the same session.
    pub session: Option<String>,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Caller {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// The holder of this grant.
    Grant(String),
    /// Somebody with these claims (JSON), as the proxy verified them.
    Claims(String),
    /// The holder of a client certificate with this name, as the proxy verified it.
    Certificate(String),
    /// Who an earlier filter says it is.
    Header(String),
}

/// A protocol version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// 2024-11-05
    V2024_11_05,
    /// 2025-03-26
    V2025_03_26,
    /// 2025-06-18
    V2025_06_18,
    /// 2025-11-25
    #[default]
    V2025_11_25,
    /// 2026-07-28
    V2026_07_28,
}

impl Protocol {
    /// All of them.
    pub const ALL: [(&'static str, Protocol); 5] = [
        ("2024-11-05", Protocol::V2024_11_05),
        ("2025-03-26", Protocol::V2025_03_26),
        ("2025-06-18", Protocol::V2025_06_18),
        ("2025-11-25", Protocol::V2025_11_25),
        ("2026-07-28", Protocol::V2026_07_28),
    ];

    /// Its date.
    pub fn name(self) -> &'static str {
        let name = Protocol::ALL.iter().find(|(_, protocol)| *protocol == self);
        name.map_or("", |(name, _)| name)
    }

    /// Requests carry metadata and mirror headers.
    pub fn is_modern(self) -> bool {
        self >= Protocol::V2026_07_28
    }
}

/// One request and what must become of it.
#[derive(Debug)]
pub struct Step {
    /// Where it stands in the file.
    pub position: Position,
    /// How the clock moves before it.
    pub at: Option<Moment>,
    /// Who asks, and how.
    pub ask: Ask,
    /// What is asked.
    pub what: What,
    /// How often; every time must come out the same.
    pub repeat: u64,
    /// What the upstream does, if the request gets there.
    pub upstream: UpstreamKind,
    /// The result the upstream answers with, in place of a plain one.
    pub result: Option<Given>,
    /// How the clock moves before the upstream answers.
    pub respond_at: Option<Moment>,
    /// The store of the counters is lost.
    pub store_down: bool,
    /// What a person answers: while the call is held, or after it was if it is expected to stay that way.
    pub approve: Option<bool>,
    /// What must become of it.
    pub expect: Verdict,
    /// The rule that must have decided.
    pub rule: Option<String>,
    /// What the caller must be told, without prefix.
    pub reason: Option<String>,
    /// The rule that would have refused, were it not in shadow.
    pub shadow: Option<String>,
    /// What must become of the result.
    pub expect_result: Option<Wanted>,
}

/// A result as a test file gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// The whole of it, as JSON.
    Json(String),
    /// The one text in it.
    Text(String),
}

/// What must become of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This reaches the caller.
    Shown(Given),
    /// It does not reach the caller.
    Withheld,
}

/// A move of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// By so many nanoseconds.
    After(u64),
    /// To this time, in nanoseconds since the epoch.
    At(u64),
}

impl Moment {
    /// The time it leads to from `now`.
    pub fn from(self, now: u64) -> u64 {
        match self {
            Moment::After(nanos) => now.saturating_add(nanos),
            Moment::At(nanos) => nanos,
        }
    }
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A tool call; arguments as JSON.
    Tool(String, Option<String>),
    /// A prompt; arguments as JSON.
    Prompt(String, Option<String>),
    /// A resource by its URI.
    Resource(String),
    /// This body, whatever it is.
    Raw(String),
}

/// What the upstream does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamKind {
    /// It answers with a result.
    #[default]
    Ok,
    /// It answers with a JSON-RPC error.
    RpcError,
    /// It answers with a tool result that is an error.
    ToolError,
    /// It answers 500.
    Http5xx,
    /// It does not answer in time.
    Timeout,
    /// It resets the connection after it got the request.
    Reset,
    /// The request never leaves the proxy: there is no healthy host.
    NotSent,
    /// It does not answer, and the caller gives up.
    None,
}
