//! What came out of an exchange, as a value that files hold.

use serde_json::{Map, Value, json};
use toolgate_cli::policytest::Observed;
use toolgate_cli::policytest::backend::Upstream;
use toolgate_host::{Headers, Message, SentUpstream};

/// Members of records that say nothing about the exchange.
const EVERYWHERE: [&str; 2] = ["time", "policy_digest"];

/// Everything that came out.
pub fn of(request: &Message, upstream: &Upstream, observed: &Observed) -> Value {
    let mut all = Map::new();
    all.insert(
        "forwarded".to_owned(),
        forwarded(request, observed.forwarded.as_ref()),
    );
    all.insert("reply".to_owned(), reply(upstream, observed));
    let mut records = observed.comparable_records();
    for record in records.iter_mut().filter_map(Value::as_object_mut) {
        record.retain(|key, value| {
            let whose = ["principal", "source"].contains(&key.as_str());
            let nobody = whose && value == "anonymous";
            !nobody && !EVERYWHERE.contains(&key.as_str())
        });
    }
    if !records.is_empty() {
        all.insert("audit".to_owned(), Value::Array(records));
    }
    if !observed.metrics.is_empty() {
        let metrics = observed.metrics.iter();
        let metrics: Map<String, Value> = metrics
            .map(|(name, rise)| (name.clone(), json!(rise)))
            .collect();
        all.insert("metrics".to_owned(), Value::Object(metrics));
    }
    Value::Object(all)
}

fn forwarded(request: &Message, sent: Option<&SentUpstream>) -> Value {
    let Some(sent) = sent else {
        return json!("nothing");
    };
    let mut changes = Map::new();
    let gone = |name: &str| !sent.headers.contains(name);
    let removed: Vec<&str> = request
        .headers
        .iter()
        .map(|(name, _)| name)
        .filter(|name| gone(name))
        .collect();
    if !removed.is_empty() {
        changes.insert("removed".to_owned(), json!(removed));
    }
    let kept: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| !gone(name))
        .collect();
    if kept != sent.headers.iter().collect::<Vec<_>>() {
        changes.insert("headers".to_owned(), headers(&sent.headers));
    }
    if !sent.ended {
        changes.insert("only_headers".to_owned(), json!(sent.body.is_empty()));
    } else if sent.body != request.chunks.concat() || sent.trailers != request.trailers {
        changes.insert("body".to_owned(), text(&sent.body));
    }
    match changes.is_empty() {
        true => json!("unchanged"),
        false => Value::Object(changes),
    }
}

fn reply(upstream: &Upstream, observed: &Observed) -> Value {
    let got = &observed.reply;
    if got.status == 0 {
        return json!("none");
    }
    if let Upstream::Reply(sent) = upstream {
        let mut sent_headers = sent.headers.clone();
        sent_headers.remove(":status");
        let same = got.status == sent.headers.status()
            && got.headers == sent_headers
            && got.body == sent.chunks.concat()
            && got.trailers == sent.trailers;
        if same && observed.was_forwarded() {
            return json!("unchanged");
        }
    }
    let mut all = Map::new();
    all.insert("status".to_owned(), json!(got.status));
    all.insert("headers".to_owned(), headers(&got.headers));
    all.insert("body".to_owned(), text(&got.body));
    if let Some(trailers) = &got.trailers {
        all.insert("trailers".to_owned(), headers(trailers));
    }
    if !got.complete {
        all.insert("cut".to_owned(), json!(true));
    }
    Value::Object(all)
}

fn headers(headers: &Headers) -> Value {
    let mut all = Map::new();
    for (name, value) in headers.iter() {
        let value = text(value);
        match all.get_mut(name) {
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = json!([first.clone(), value]),
            None => {
                all.insert(name.to_owned(), value);
            }
        }
    }
    Value::Object(all)
}

fn text(bytes: &[u8]) -> Value {
    Value::from(String::from_utf8_lossy(bytes).into_owned())
}

/// A value as block YAML.
pub fn yaml(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out
}

fn write(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let key = scalar(&Value::from(key.as_str()));
                if flat(value) {
                    out.push_str(&format!("{pad}{key}: {}\n", flow(value)));
                } else {
                    out.push_str(&format!("{pad}{key}:\n"));
                    write(value, indent + 2, out);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                if flat(item) {
                    out.push_str(&format!("{pad}- {}\n", flow(item)));
                    continue;
                }
                let mut block = String::new();
                write(item, indent + 2, &mut block);
                out.push_str(&format!("{pad}- {}", block.trim_start()));
            }
        }
        scalar => out.push_str(&format!("{pad}{}\n", flow(scalar))),
    }
}

/// Fits on one line.
fn flat(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items
            .iter()
            .all(|item| !item.is_array() && !item.is_object()),
        _ => true,
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(scalar).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(_) => "{}".to_owned(),
        other => scalar(other),
    }
}

/// Plain where that is safe, in single quotes where they suffice, else as JSON.
fn scalar(value: &Value) -> String {
    let Value::String(text) = value else {
        return value.to_string();
    };
    let word = |char: char| char.is_ascii_alphanumeric() || "_-./*".contains(char);
    let plain = text.starts_with(|char: char| char.is_ascii_alphabetic() || char == '/')
        && text.chars().all(word)
        && !["true", "false", "null"].contains(&text.to_ascii_lowercase().as_str());
    if plain {
        return text.clone();
    }
    if text
        .chars()
        .any(|char| char.is_control() || !(' '..='\u{d7ff}').contains(&char))
    {
        return value.to_string();
    }
    format!("'{}'", text.replace('\'', "''"))
}
