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

/// The payloads of verified tokens, as the JSON text of an object by provider; `None` if there are none or the
/// metadata cannot be read.
pub(super) fn jwt_payloads(metadata: &[u8]) -> Option<String> {
    let payloads = protobuf::map_entry(metadata, JWT_AUTHN)?;
    protobuf::struct_to_json(payloads)
}
