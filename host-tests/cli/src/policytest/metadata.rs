//! Dynamic metadata as Envoy hands it to a filter: `envoy.config.core.v3.Metadata`, serialized.
//!
//! ```text
//! Metadata { map<string, Struct> filter_metadata = 1 }     Struct { map<string, Value> fields = 1 }
//! Value { null_value = 1, number_value = 2 (double), string_value = 3, bool_value = 4, struct_value = 5, list_value = 6 }
//! ```

use serde_json::{Map, Value};

/// Claims as `jwt_authn` leaves them for a provider whose `payload_in_metadata` is `payload`.
pub fn jwt_authn(payload: &str, claims: &Value) -> Vec<u8> {
    let mut by_provider = Map::new();
    by_provider.insert(payload.to_owned(), claims.clone());
    entry(1, "envoy.filters.http.jwt_authn", &object(&by_provider))
}

fn object(members: &Map<String, Value>) -> Vec<u8> {
    members
        .iter()
        .flat_map(|(key, member)| entry(1, key, &value(member)))
        .collect()
}

fn value(json: &Value) -> Vec<u8> {
    match json {
        Value::Null => vec![1 << 3, 0],
        Value::Bool(flag) => vec![4 << 3, u8::from(*flag)],
        Value::Number(number) => {
            // As the proxy does: every number becomes a double.
            let mut out = vec![(2 << 3) | 1];
            out.extend(number.as_f64().unwrap_or(0.0).to_le_bytes());
            out
        }
        Value::String(text) => bytes(3, text.as_bytes()),
        Value::Object(members) => bytes(5, &object(members)),
        Value::Array(items) => {
            let items: Vec<u8> = items
                .iter()
                .flat_map(|item| bytes(1, &value(item)))
                .collect();
            bytes(6, &items)
        }
    }
}

/// An entry of a map in field `number`.
fn entry(number: u8, key: &str, value: &[u8]) -> Vec<u8> {
    let mut content = bytes(1, key.as_bytes());
    content.extend(bytes(2, value));
    bytes(number, &content)
}

fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![(number << 3) | 2];
    let mut len = content.len();
    while len >= 0x80 {
        out.push(u8::try_from(len & 0x7f).unwrap_or(0) | 0x80);
        len >>= 7;
    }
    out.push(u8::try_from(len).unwrap_or(0));
    out.extend_from_slice(content);
    out
}
