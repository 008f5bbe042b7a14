//! Header mirrors of protocol version 2026-07-28: `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name` repeat
//! what the body says, for infrastructure that reads only headers.
//!
//! The body decides. A mirror can only add a reason to refuse, and only where the version requires mirrors:
//! servers run legacy calls whatever `Mcp-*` headers they carry.

use super::method::Method;
use super::version::Version;
use crate::rpc::Call;

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// The mirror headers of one request, as they arrived.
#[derive(Clone, Debug, Default)]
pub struct Mirrors {
    /// `MCP-Protocol-Version`
    pub version: Option<Vec<u8>>,
    /// `Mcp-Method`
    pub method: Option<Vec<u8>>,
    /// `Mcp-Name`
    pub name: Option<Vec<u8>>,
}

/// Why a message is not what its headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// This header is missing, or differs from the body.
    Header(&'static str),
    /// The body does not say its version, as every request of a version with mirrors has to.
    Unversioned,
}

impl Mirrors {
    /// Whether the version header names a version with mirrors, or one that nobody can place.
    pub fn is_modern(&self) -> bool {
        self.version.as_deref().is_some_and(Version::may_be_modern)
    }

    /// Checks the mirrors of one message; `request` tells whether it has an id. Returns whether the message
    /// belongs to a version with mirrors.
    ///
    /// # Errors
    /// The header that is missing or says something else than the body, or what the body lacks.
    pub fn check(
        &self,
        call: &Call<'_>,
        method: Option<&Method>,
        request: bool,
    ) -> Result<bool, Mismatch> {
        let in_body = call.meta(META_VERSION).and_then(|version| version.as_str());
        let modern_body = in_body
            .as_deref()
            .is_some_and(|text| Version::may_be_modern(text.as_bytes()));
        if !self.is_modern() && !modern_body {
            return Ok(false);
        }
        match (&self.version, &in_body) {
            (Some(header), Some(body)) if header.as_slice() == body.as_bytes() => {}
            // Notifications need not repeat the version in their body.
            (Some(_), None) if !request => {}
            (Some(header), None) if Version::parse(header).is_some() => {
                return Err(Mismatch::Unversioned);
            }
            _ => return Err(Mismatch::Header("MCP-Protocol-Version")),
        }
        match &self.method {
            Some(header) if call.method.is(&String::from_utf8_lossy(header)) => {}
            None if !request => {}
            _ => return Err(Mismatch::Header("Mcp-Method")),
        }
        let mirrored = method.and_then(|method| method.mirrored);
        let named = mirrored.and_then(|key| call.param(key));
        match (&self.name, named.and_then(|name| name.as_str())) {
            (Some(header), Some(name)) if decode(header).as_deref() == Some(name.as_bytes()) => {}
            (None, None) => {}
            (None, Some(_)) if method.is_some_and(|method| method.may_be_unmirrored) => {}
            // Methods that name nothing, or nothing the gate knows of: whatever the header says, nothing is decided by it.
            (Some(_), None) if mirrored.is_none() => {}
            _ => return Err(Mismatch::Header("Mcp-Name")),
        }
        Ok(true)
    }
}

/// A header value as the text it stands for: itself, or the content of `=?base64?…?=`. `None` if the content
/// is not canonical base64 of UTF-8: two values must not mean the same name.
fn decode(header: &[u8]) -> Option<Vec<u8>> {
    let Some(encoded) = header
        .strip_prefix(b"=?base64?")
        .and_then(|rest| rest.strip_suffix(b"?="))
    else {
        return Some(header.to_vec());
    };
    let decoded = base64(encoded)?;
    std::str::from_utf8(&decoded).is_ok().then_some(decoded)
}

/// Decodes canonical standard base64: padded, no stray bits, no other characters.
fn base64(encoded: &[u8]) -> Option<Vec<u8>> {
    let (groups, rest) = encoded.as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(encoded.len());
    for (index, group) in groups.iter().enumerate() {
        let last = index.saturating_add(1) == groups.len();
        let padding = match group {
            [_, _, b'=', b'='] if last => 2,
            [_, _, _, b'='] if last => 1,
            _ => 0,
        };
        let mut bits = 0_u32;
        for (position, byte) in group.iter().enumerate() {
            let value = if position >= 4_usize.saturating_sub(padding) {
                0
            } else {
                sextet(*byte)?
            };
            bits = bits.wrapping_shl(6) | value;
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        let keep = 3_usize.saturating_sub(padding);
        if bytes.iter().skip(keep).any(|&byte| byte != 0) {
            return None;
        }
        out.extend(bytes.iter().take(keep));
    }
    Some(out)
}

fn sextet(byte: u8) -> Option<u32> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    ALPHABET
        .iter()
        .position(|&letter| letter == byte)
        .and_then(|index| u32::try_from(index).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_sentinel_is_canonical_or_nothing() {
        let cases: [(&[u8], Option<&[u8]>); 11] = [
            (b"echo", Some(b"echo")),
            (b"=?base64?ZWNobw==?=", Some(b"echo")),
            (b"=?base64?w6k=?=", Some("é".as_bytes())),
            (b"=?base64??=", Some(b"")),
            (b"=?BASE64?ZWNobw==?=", Some(b"=?BASE64?ZWNobw==?=")),
            (b"=?base64?ZWNobw=?=", None),
            (b"=?base64?ZWNobw?=", None),
            (b"=?base64?ZWNobx==?=", None),
            (b"=?base64?ZW==ZWNo?=", None),
            (b"=?base64?ZWNo-w==?=", None),
            (b"=?base64?/w==?=", None),
        ];
        for (header, expected) in cases {
            assert_eq!(
                decode(header).as_deref(),
                expected,
                "{}",
                String::from_utf8_lossy(header)
            );
        }
    }
}
