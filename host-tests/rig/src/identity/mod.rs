//! What a test of identities needs: an issuer of tokens, an authority for certificates, the shipped configurations of
//! `envoy/identity/` with keys of the test's own, and an HTTP client that says exactly what it is told to.

mod authority;
mod client;
mod issuer;
mod place;

pub use authority::{Authority, Certificate};
pub use client::{Client, Reply};
pub use issuer::Issuer;
pub use place::Place;

use toolgate_engine::identity::TokenHash;

/// The SHA-256 of a token as `token_sha256` has it.
pub fn token_sha256(token: &str) -> String {
    TokenHash::of(token.as_bytes()).to_string()
}
