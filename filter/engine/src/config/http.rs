//! What of HTTP and of MCP's methods is let in.

use super::approval;
use super::reader::{Field, Reader};
use crate::gate::{Http, Methods};
use crate::mcp::Method;

/// Reads `methods`.
pub(super) fn read_methods(reader: &mut Reader, field: Field<'_>) -> Methods {
    let mut methods = Methods::default();
    let Some(mut object) = reader.object(field) else {
        return methods;
    };
    if let Some(field) = object.take("allow") {
        for item in reader.list(&field) {
            if let Some(name) = reader.text(&item) {
                methods.allow.insert(&name, ());
            }
        }
    }
    if let Some(field) = object.take("deny") {
        for item in reader.list(&field) {
            let Some(name) = reader.text(&item) else {
                continue;
            };
            if Method::find(&name).is_none() {
                reader.expected(&item, "one of MCP's methods (others are refused anyway)");
            }
            methods.deny.insert(&name, ());
        }
    }
    object.finish(reader);
    methods
}

/// Reads `http`.
pub(super) fn read(reader: &mut Reader, field: Field<'_>) -> Http {
    let mut http = Http::default();
    let Some(mut object) = reader.object(field) else {
        return http;
    };
    if let Some(field) = object.take("hold_request_headers") {
        http.hold_request_headers = reader.boolean(&field).unwrap_or(true);
    }
    if let Some(field) = object.take("body_timeout") {
        let seconds = approval::read_duration(reader, &field);
        if seconds == Some(0) {
            reader.expected(&field, "a duration of at least 1s");
        }
        http.body_timeout = seconds.unwrap_or(http.body_timeout);
    }
    if let Some(field) = object.take("max_body_bytes") {
        http.max_body_bytes = reader
            .integer(&field, 1, 256 << 20)
            .unwrap_or(http.max_body_bytes);
    }
    if let Some(field) = object.take("max_kept_bytes") {
        http.max_kept_bytes = reader
            .integer(&field, 1 << 20, 2 << 30)
            .unwrap_or(http.max_kept_bytes);
    }
    if let Some(field) = object.take("denial_prefix") {
        http.denial_prefix = reader.text(&field).unwrap_or_default();
    }
    if let Some(field) = object.take("trust_envoy_headers") {
        http.trust_envoy_headers = reader.boolean(&field).unwrap_or(false);
    }
    object.finish(reader);
    http
}
