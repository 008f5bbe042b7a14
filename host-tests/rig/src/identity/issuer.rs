//! Signs JWTs, right ones and wrong ones.

use anyhow::{Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// One ES256 key.
#[derive(Debug)]
pub struct Issuer {
    key: EcdsaKeyPair,
}

impl Issuer {
    /// With a new key.
    pub fn generate() -> Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|error| anyhow!("making a key: {error}"))?;
        Ok(Self { key })
    }

    /// The public key as a JWKS.
    pub fn jwks(&self) -> String {
        // An uncompressed point: 4, x, y.
        let point = self.key.public_key().as_ref();
        let coordinate =
            |range| URL_SAFE_NO_PAD.encode(point.get::<std::ops::Range<_>>(range).unwrap_or(&[]));
        let (x, y) = (coordinate(1..33), coordinate(33..65));
        json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "test", "x": x, "y": y}]})
            .to_string()
    }

    /// A signed token with these claims.
    pub fn token(&self, claims: &Value) -> Result<String> {
        let head = json!({"alg": "ES256", "typ": "JWT", "kid": "test"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(claims));
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|error| anyhow!("signing: {error}"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
