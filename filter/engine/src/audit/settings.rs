//! What is recorded, as a configuration says it.

/// What is recorded of a decision.
#[derive(Debug)]
pub struct Audit {
    /// Also write each record to the proxy's log.
    pub log: bool,
    /// How much of the arguments to record.
    pub args: AuditArgs,
    /// Longest record, in bytes.
    pub max_bytes: usize,
    /// Claims of the caller to record.
    pub claims: Vec<Box<str>>,
    /// Recent decisions each VM keeps for operators to see.
    pub recent: usize,
    /// Record the SHA-256 of results.
    pub result_digest: bool,
}

impl Default for Audit {
    fn default() -> Self {
        Audit {
            log: true,
            args: AuditArgs::Keys,
            max_bytes: 8192,
            claims: Vec::new(),
            recent: 64,
            result_digest: false,
        }
    }
}

/// How much of the arguments is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditArgs {
    /// Nothing.
    None,
    /// The names of the top-level arguments.
    #[default]
    Keys,
    /// Everything.
    Full,
}
