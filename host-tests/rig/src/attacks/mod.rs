//! What an attacker makes costly: requests and replies of a size that is asked for, each aimed at one part of the gate, with the
//! policy that has the part do most.
//!
//! `cargo test -p host-tests --test cost` counts the instructions each takes, and `siege attacks` the processor time in a real
//! Envoy. Texts that are always judged stand beside them: what bounds the others must not touch these.

mod drawn;
mod ordinary;
mod replies;
mod requests;

pub use drawn::drawn;
pub use ordinary::ordinary;

use serde_json::{Value, json};

/// One exchange that is to cost as much as it can.
#[derive(Clone, Debug)]
pub struct Attack {
    /// What it aims at.
    pub name: String,
    /// The configuration of the gate.
    pub policy: Value,
    /// How many patterns and forbidden or sought texts the policy holds against this exchange.
    pub patterns: usize,
    /// The body of the request.
    pub request: String,
    /// What the server answers; without it, as an ordinary server does.
    pub reply: Option<Reply>,
}

/// What the server answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its media type.
    pub media: &'static str,
    /// Whether its length is told, so that it is judged whole.
    pub has_length: bool,
    /// Its body.
    pub body: String,
}

impl Attack {
    /// How many bytes the gate is given: those of the request, and those of the reply.
    pub fn bytes(&self) -> usize {
        let reply = self.reply.as_ref().map_or(0, |reply| reply.body.len());
        self.request.len() + reply
    }

    fn request(name: impl Into<String>, policy: Value, request: String) -> Attack {
        Attack {
            name: name.into(),
            policy,
            patterns: 0,
            request,
            reply: None,
        }
    }

    fn reply(name: impl Into<String>, policy: Value, reply: Reply) -> Attack {
        Attack {
            reply: Some(reply),
            ..Attack::request(name, policy, call("1", "{}"))
        }
    }

    fn against(self, patterns: usize) -> Attack {
        Attack { patterns, ..self }
    }
}

/// All of them, each of about so many bytes.
pub fn all(bytes: usize) -> Vec<Attack> {
    let mut all = requests::all(bytes);
    all.extend(replies::all(bytes));
    all
}

/// A piece again and again, up to about so many bytes.
fn fill(piece: &str, bytes: usize) -> String {
    piece.repeat((bytes / piece.len().max(1)).max(1))
}

/// Numbered pieces one behind the other with commas between them, up to about so many bytes.
fn numbered(bytes: usize, piece: impl Fn(usize) -> String) -> String {
    let each = piece(1_000_000).len() + 1;
    let pieces: Vec<String> = (0..(bytes / each).max(1)).map(piece).collect();
    pieces.join(",")
}

/// A call of `echo` under this id, with these arguments.
fn call(id: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"echo","arguments":{arguments}}}}}"#
    )
}

/// A policy with these rules on `echo`.
fn rules(rules: Value) -> Value {
    json!({"version": "1", "tools": {"echo": rules}})
}

/// A policy with these rules on results.
fn results(results: Value) -> Value {
    json!({"version": "1", "default": "allow", "results": results})
}
