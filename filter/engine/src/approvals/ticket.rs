//! The `requestState` that a client of 2026-07-28 carries from one try of a call to the next while a person thinks.
//!
//! `toolgate.1.<approval>.<expires>.<code>.<0 or 1><state>`: after a 1 comes the state that the upstream had given the
//! client itself; it is given back to the upstream as it was. The code is an HMAC over all of it and over the call, so
//! that a state is good for one caller, one tool and one set of arguments.

use super::binding::Binding;
use crate::hmac::{hmac_sha256, same};
use crate::text::hex;
use crate::time::Timestamp;

const PREFIX: &str = "toolgate.1.";

/// A state of the gate's own, as it came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    approval: String,
    expires: i64,
    code: String,
    /// The upstream's own state, if the client had one.
    pub state: Option<String>,
}

/// The state to hand to a client.
pub fn sign(
    key: &str,
    call: Binding,
    approval: &str,
    expires: i64,
    upstream: Option<&str>,
) -> String {
    let mut ticket = Ticket {
        approval: approval.to_owned(),
        expires,
        code: String::new(),
        state: upstream.map(str::to_owned),
    };
    ticket.code = ticket.code_for(key, call);
    let flag = if upstream.is_some() { '1' } else { '0' };
    let state = upstream.unwrap_or_default();
    let Ticket { code, .. } = ticket;
    format!("{PREFIX}{approval}.{expires}.{code}.{flag}{state}")
}

impl Ticket {
    /// Reads a state. `None` if it is none of the gate's: the upstream's own, which is none of its business.
    /// `Some(None)` if it only looks like one.
    pub fn read(text: &str) -> Option<Option<Ticket>> {
        let rest = text.strip_prefix(PREFIX)?;
        let mut parts = rest.splitn(4, '.');
        let mut read = || {
            let (approval, expires, code) = (parts.next()?, parts.next()?, parts.next()?);
            let state = match parts.next()?.split_at_checked(1)? {
                ("0", "") => None,
                ("1", state) => Some(state.to_owned()),
                _ => return None,
            };
            Some(Ticket {
                approval: approval.to_owned(),
                expires: expires.parse().ok()?,
                code: code.to_owned(),
                state,
            })
        };
        Some(read())
    }

    /// Whether the gate signed this for this call, and its time is not over.
    pub fn is_good(&self, key: &str, call: Binding, now: Timestamp) -> bool {
        let code = self.code_for(key, call);
        same(code.as_bytes(), self.code.as_bytes()) && now.seconds() < self.expires
    }

    fn code_for(&self, key: &str, call: Binding) -> String {
        let expires = self.expires.to_string();
        let flag: &[u8] = if self.state.is_some() { b"1" } else { b"0" };
        let state = self.state.as_deref().unwrap_or_default();
        // One hash over length-prefixed parts, so that no two tickets are the same message.
        let message = Binding::of(&[
            b"ticket",
            &call.0,
            self.approval.as_bytes(),
            expires.as_bytes(),
            flag,
            state.as_bytes(),
        ]);
        hex(&hmac_sha256(key.as_bytes(), &[&message.0]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn states_come_back_as_they_went() {
        let call = Binding::of(&[b"a"]);
        for upstream in [None, Some(""), Some("x.y.z"), Some("toolgate.1.0-0.1.x.0")] {
            let text = sign(KEY, call, "7-0123456789abcdef", 100, upstream);
            let ticket = Ticket::read(&text).flatten().expect("a ticket");
            assert_eq!(ticket.state.as_deref(), upstream);
            assert!(ticket.is_good(KEY, call, at(99)));
            assert!(!ticket.is_good(KEY, call, at(100)), "expires is exclusive");
            assert!(!ticket.is_good(KEY, Binding::of(&[b"b"]), at(99)));
            assert!(!ticket.is_good("another key, as long as the first", call, at(99)));
        }
    }

    #[test]
    fn every_changed_character_shows() {
        let call = Binding::of(&[b"a"]);
        let text = sign(KEY, call, "7-0123456789abcdef", 100, Some("up"));
        for index in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[index] = if bytes[index] == b'1' { b'2' } else { b'1' };
            let changed = String::from_utf8(bytes).expect("text");
            let good = Ticket::read(&changed)
                .flatten()
                .is_some_and(|ticket| ticket.is_good(KEY, call, at(1)));
            assert!(!good, "{changed}");
        }
    }

    #[test]
    fn what_is_not_the_gates_is_left_alone() {
        for text in ["", "abc", "toolgate.2.x", "Toolgate.1.x"] {
            assert_eq!(Ticket::read(text), None, "{text}");
        }
        for text in [
            "toolgate.1.",
            "toolgate.1.a.b.c.0",
            "toolgate.1.a.1.c.2",
            "toolgate.1.a.1.c.0x",
            "toolgate.1.a.1.c",
        ] {
            assert_eq!(Ticket::read(text), Some(None), "{text}");
        }
    }
}
