//! What other filters left in Envoy's dynamic metadata.
//!
//! ```text
//! envoy.config.core.v3.Metadata { map<string, Struct> filter_metadata = 1; … }
//! ```
//! Read as a whole it is typed protobuf; a part of it read by path arrives as pairs of which nobody can tell a
//! number from a text of eight characters (measured on Envoy 1.40).

use crate::protobuf;

/// Where `jwt_authn` leaves payloads.
const JWT_AUTHN: &str = "envoy.filters.http.jwt_authn";

/// Metadata that says something nobody can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// The payloads of verified tokens, as the JSON text of an object by provider; `None` if there are none.
///
/// # Errors
/// There are some, and not all of them can be read.
pub(super) fn jwt_payloads(metadata: &[u8]) -> Result<Option<String>, Unreadable> {
    let Some(payloads) = protobuf::map_entry(metadata, JWT_AUTHN).map_err(|()| Unreadable)? else {
        return Ok(None);
    };
    protobuf::struct_to_json(payloads)
        .map(Some)
        .ok_or(Unreadable)
}
