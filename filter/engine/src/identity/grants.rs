//! Grants: bearer tokens, known only by their SHA-256.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use sha2::{Digest, Sha256};

use crate::shares::Share;
use crate::time::Timestamp;

/// SHA-256 of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &[u8]) -> Self {
        TokenHash(Sha256::digest(token).into())
    }

    /// Whether both are the same, found out in the same time whether they are or not.
    pub fn equals(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        pairs.fold(0, |differences, (left, right)| differences | (left ^ right)) == 0
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(hex: &str) -> Option<Self> {
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        if !rest.is_empty() || pairs.len() != 32 {
            return None;
        }
        let mut hash = [0; 32];
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            let digit = |digit: u8| {
                char::from(digit)
                    .to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok())
            };
            *byte = digit(*high)?.wrapping_shl(4) | digit(*low)?;
        }
        Some(TokenHash(hash))
    }
}

/// As [`TokenHash::parse`] reads it, in small letters.
impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::hex(&self.0))
    }
}

/// What a token grants.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its id, unique among grants.
    pub id: Box<str>,
    /// A name for people.
    pub label: Option<Box<str>>,
    /// Its policy, as an index; `None` if it has none.
    pub policy: Option<usize>,
    /// Name of the policy, for `identity.policy`.
    pub policy_name: Option<Box<str>>,
    /// Servers it is good for; all, if there are none.
    pub servers: Vec<Box<str>>,
    /// From then on it is not good any more.
    pub expires: Option<Timestamp>,
    /// Taken back.
    pub revoked: bool,
    /// Claims, as the text of an object.
    pub claims: Option<Box<str>>,
}

impl Grant {
    /// What the caller with this grant has of tables and lists that all callers share.
    pub fn share(id: &str) -> Share {
        Share::of(&[b"grant", b"", id.as_bytes(), b""])
    }
}

/// All grants: one hash and one lookup, however many there are.
#[derive(Debug, Default)]
pub struct Grants {
    by_token: HashMap<TokenHash, Grant>,
    /// The first ones, in the order of the document.
    first: Vec<TokenHash>,
}

impl Grants {
    /// Most grants that operators are shown.
    pub const LISTED: usize = 500;

    /// Adds a grant; false if its token is another's.
    pub fn insert(&mut self, token: TokenHash, grant: Grant) -> bool {
        if self.first.len() < Grants::LISTED {
            self.first.push(token);
        }
        self.by_token.insert(token, grant).is_none()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_token.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_token.is_empty()
    }

    /// The first [`Grants::LISTED`] of them, in the order of the document.
    pub fn listed(&self) -> impl Iterator<Item = &Grant> {
        self.first
            .iter()
            .filter_map(|token| self.by_token.get(token))
    }

    /// The shares of those that are taken back.
    pub fn revoked(&self) -> BTreeSet<Share> {
        let revoked = self.by_token.values().filter(|grant| grant.revoked);
        revoked.map(|grant| Grant::share(&grant.id)).collect()
    }

    /// The grant of a token.
    pub fn find(&self, token: &[u8]) -> Option<&Grant> {
        if self.by_token.is_empty() {
            None
        } else {
            self.by_token.get(&TokenHash::of(token))
        }
    }
}
