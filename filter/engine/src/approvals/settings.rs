//! How people are asked, as a configuration says it.

/// How people are asked.
#[derive(Debug)]
pub struct Approvals {
    /// How clients wait.
    pub mode: AskMode,
    /// Signs what is handed to clients; always there with [`AskMode::Mrtr`].
    pub key: Option<Box<str>>,
    /// Most questions that are open at a time.
    pub max_pending: usize,
    /// Most requests one VM holds.
    pub max_held: usize,
    /// Who is told of questions and answers.
    pub notify: Option<Notify>,
    /// Whether any rule asks.
    pub used: bool,
}

impl Default for Approvals {
    fn default() -> Self {
        Approvals {
            mode: AskMode::Hold,
            key: None,
            max_pending: 256,
            max_held: 256,
            notify: None,
            used: false,
        }
    }
}

/// How clients wait for a person longer than a request can be held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AskMode {
    /// They are told, and repeat the call later.
    #[default]
    Hold,
    /// Those of 2026-07-28 retry at once, by a signed `requestState`.
    Mrtr,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// The host's cluster.
    pub cluster: Box<str>,
    /// `:path`.
    pub path: Box<str>,
    /// `:authority`.
    pub authority: Box<str>,
    /// Signs the body.
    pub hmac_secret: Box<str>,
    /// How long an announcement may take, in seconds.
    pub timeout: i64,
}
