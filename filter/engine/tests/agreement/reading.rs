//! What a parser reads in a body, in a form in which readings can be compared: one line, `method;name;arguments` for each
//! message. Texts are hex of their UTF-8, members stand in the order of their keys, numbers are doubles: more than that no
//! two parsers have in common.

use toolgate_engine::json::{self, Document, Kind, Limits};
use toolgate_engine::rpc;

use crate::lenient::{self, Leniency};

/// What the gate reads; `None` if it refuses to.
pub fn gate(body: &[u8]) -> Option<String> {
    let document = Document::parse(body, &Limits::WIRE).ok()?;
    let (_, messages) = rpc::messages(&document);
    let message = |message: json::Value<'_>| {
        let method = message.get("method");
        let params = message.get("params");
        let param = |name| params.and_then(|params| params.get(name));
        line([method, param("name"), param("arguments")].map(|value| value.map(of_gate)))
    };
    Some(
        messages
            .into_iter()
            .map(message)
            .collect::<Vec<_>>()
            .join("|"),
    )
}

/// Whether two readings are the same, where numbers may be this many units in the last place apart.
pub fn agree(left: &str, right: &str, units: u64) -> bool {
    let near = |left: &str, right: &str| {
        let parts = (left.split_at_checked(16), right.split_at_checked(16));
        let (Some((left, left_rest)), Some((right, right_rest))) = parts else {
            return false;
        };
        let bits = |text| u64::from_str_radix(text, 16).unwrap_or_default();
        left_rest == right_rest && bits(left).abs_diff(bits(right)) <= units
    };
    left == right
        || units > 0 && {
            let (left, right): (Vec<_>, Vec<_>) =
                (left.split('#').collect(), right.split('#').collect());
            let mut pairs = left.iter().zip(&right);
            left.len() == right.len()
                && pairs.all(|(left, right)| left == right || near(left, right))
        }
}

fn line(parts: [Option<String>; 3]) -> String {
    parts
        .map(|part| part.unwrap_or_else(|| "-".to_owned()))
        .join(";")
}

fn text(text: &str) -> String {
    let mut out = String::from("s");
    for byte in text.as_bytes() {
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

fn number(value: f64) -> String {
    // Some parsers have no negative zero.
    let value = if value == 0.0 { 0.0 } else { value };
    format!("#{:016x}", value.to_bits())
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn object(members: impl Iterator<Item = (String, String)>) -> String {
    let mut members: Vec<_> = members
        .map(|(key, value)| format!("{}:{value}", text(&key)))
        .collect();
    members.sort_unstable();
    format!("{{{}}}", members.join(","))
}

fn of_gate(value: json::Value<'_>) -> String {
    match value.kind() {
        Kind::Null => "n".to_owned(),
        Kind::True => "t".to_owned(),
        Kind::False => "f".to_owned(),
        Kind::Number => number(value.raw().parse().unwrap_or(f64::NAN)),
        Kind::PlainString | Kind::EscapedString => text(&value.as_str().unwrap_or_default()),
        Kind::Array => array(value.items().map(of_gate)),
        Kind::Object => object(
            value
                .members()
                .map(|(key, value)| (key.decode().into_owned(), of_gate(value))),
        ),
    }
}

/// What serde_json reads.
pub fn serde(body: &[u8]) -> Option<String> {
    let root: serde_json::Value = serde_json::from_slice(body).ok()?;
    let message = |message: &serde_json::Value| {
        let params = message.get("params");
        let param = |name| params.and_then(|params| params.get(name));
        line(
            [message.get("method"), param("name"), param("arguments")]
                .map(|value| value.map(of_serde)),
        )
    };
    Some(match &root {
        serde_json::Value::Array(items) => items.iter().map(message).collect::<Vec<_>>().join("|"),
        one => message(one),
    })
}

fn of_serde(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Null => "n".to_owned(),
        Value::Bool(true) => "t".to_owned(),
        Value::Bool(false) => "f".to_owned(),
        Value::Number(value) => number(value.to_string().parse().unwrap_or(f64::NAN)),
        Value::String(value) => text(value),
        Value::Array(items) => array(items.iter().map(of_serde)),
        Value::Object(members) => object(
            members
                .iter()
                .map(|(key, value)| (key.clone(), of_serde(value))),
        ),
    }
}

/// What a lenient parser reads.
pub fn lenient(body: &[u8], leniency: Leniency) -> Option<String> {
    let root = lenient::read(body, leniency)?;
    let message = |message: &lenient::Value| {
        let params = message.field("params", leniency);
        let param = |name| params.and_then(|params| params.field(name, leniency));
        let parts = [
            message.field("method", leniency),
            param("name"),
            param("arguments"),
        ];
        line(parts.map(|value| value.map(of_lenient)))
    };
    Some(match &root {
        lenient::Value::Array(items) => items.iter().map(message).collect::<Vec<_>>().join("|"),
        one => message(one),
    })
}

fn of_lenient(value: &lenient::Value) -> String {
    use lenient::Value;
    match value {
        Value::Null => "n".to_owned(),
        Value::Bool(true) => "t".to_owned(),
        Value::Bool(false) => "f".to_owned(),
        Value::Number(value) => number(*value),
        Value::Text(value) => text(value),
        Value::Array(items) => array(items.iter().map(of_lenient)),
        Value::Object(members) => object(
            members
                .iter()
                .map(|(key, value)| (key.clone(), of_lenient(value))),
        ),
    }
}
