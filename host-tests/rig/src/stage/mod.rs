//! What tests of the console need: a store with questions in it that nobody had to call for, a stage on which the page plays
//! without a proxy, and a proxy for the whole way.

mod proxy;
mod server;
mod shelf;

pub use proxy::Proxy;
pub use server::Stage;
pub use shelf::{Asking, Shelf};

use serde_json::{Value, json};

use crate::identity::token_sha256;

/// The approvers of [`document`], with groups and callers of their own. Each token is `token-<id>`.
pub const APPROVERS: [(&str, &[&str], &[&str]); 3] = [
    ("ana", &["finance"], &[]),
    ("ben", &["operations"], &["ben-laptop"]),
    ("payments-bot", &["finance"], &[]),
];

/// The token of an approver; of `console`, which everybody may share, too.
pub fn token(id: &str) -> String {
    format!("token-{id}")
}

/// A console with all of them.
pub fn document() -> Value {
    let approvers: Vec<Value> = APPROVERS
        .iter()
        .map(|(id, groups, grants)| {
            json!({"id": id, "token_sha256": token_sha256(&token(id)), "groups": groups, "grants": grants})
        })
        .collect();
    json!({
        "version": "1",
        "console": {"token_sha256": token_sha256(&token("console")), "approvers": approvers},
    })
}
