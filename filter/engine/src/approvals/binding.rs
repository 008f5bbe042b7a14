//! What an approval is bound to.

use sha2::{Digest, Sha256};

use crate::identity::Principal;
use crate::text::hex;

/// What tells one call from another: everything here has to be the same for an approval to release it.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    /// Who calls.
    pub principal: &'a Principal,
    /// Which server.
    pub server: &'a str,
    /// `tool`, `prompt` or `resource`.
    pub kind: &'a str,
    /// Its name or URI.
    pub target: &'a str,
    /// The arguments in canonical form.
    pub arguments: &'a str,
    /// What else it carries, in canonical form; empty if nothing.
    pub besides: &'a str,
}

/// SHA-256 over length-prefixed parts, so that crafted texts cannot collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding(pub(super) [u8; 32]);

impl Binding {
    /// Of a call, whatever policy it is judged by.
    pub fn of_call(bound: &Bound<'_>) -> Self {
        let [source, realm, id] = bound.principal.key();
        let texts = [bound.server, bound.kind, bound.target, bound.arguments];
        let [server, kind, target, arguments] = texts.map(str::as_bytes);
        let besides = bound.besides.as_bytes();
        Binding::of(&[
            b"call", source, realm, id, server, kind, target, arguments, besides,
        ])
    }

    /// Of a question: a call, and the rule that asks about it in this policy of this configuration.
    #[must_use]
    pub fn under(self, digest: &str, policy: &str, rule: &str) -> Self {
        let [digest, policy, rule] = [digest, policy, rule].map(str::as_bytes);
        Binding::of(&[b"question", &self.0, digest, policy, rule])
    }

    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
        Binding(hasher.finalize().into())
    }

    /// In hexadecimal digits, 64 of them.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// Two numbers out of it, to find a place by.
    pub(super) fn numbers(self) -> (u32, u32) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        (
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
        )
    }
}
