//! Requests: what is forwarded, and what everybody else reads in it.

use serde_json::Value as Json;
use toolgate_engine::audit::{self, Outcome};
use toolgate_engine::config::Gate;
use toolgate_engine::exchange::{Exchange, ReplyStep, Step, has_room};
use toolgate_engine::json::{Document, Kind, Limits, Value};
use toolgate_engine::mcp::{Mirrors, Version};
use toolgate_engine::rpc::{self, Message};

use super::cost::bounded;
use super::gate::{gate, headers, judge, step};

/// A forwarded body is read by another parser as it was judged, and however it arrives the verdict is the same.
pub fn request_body(body: &[u8]) {
    let (exchange, whole) = judge(gate(), &[], body, body.len());
    bounded(&exchange, body.len(), 4);
    let lines = audit::lines(exchange.records(), 4096);
    for size in [1, 7] {
        let (other, step) = judge(gate(), &[], body, size);
        assert_eq!(
            format!("{step:?}"),
            format!("{whole:?}"),
            "in pieces of {size}"
        );
        assert_eq!(audit::lines(other.records(), 4096), lines);
    }
    for record in exchange.records() {
        let line = record.line(4096);
        assert!(line.len() <= 4096, "a record of {} bytes", line.len());
        assert!(!line.contains(['\n', '\r']), "a record of several lines");
        // Not by serde_json, which refuses 1e999, lawful as it is.
        let readable = Document::parse(line.as_bytes(), &Limits::WIRE).is_ok();
        assert!(readable, "no JSON: {line}");
    }
    match whole {
        Step::Buffer | Step::Drain | Step::Hold(_) => {
            panic!("a whole request is neither forwarded nor answered")
        }
        Step::Reply(reply) => {
            assert!(!exchange.records().is_empty(), "a refusal without a record");
            let readable = serde_json::from_slice::<Json>(&reply.body).is_ok();
            assert!(
                reply.body.is_empty() || readable,
                "an answer that is no JSON"
            );
        }
        Step::Forward(..) => {
            let document =
                Document::parse(body, &Limits::WIRE).expect("what is forwarded was read");
            let records = exchange.records();
            assert!(
                records
                    .iter()
                    .all(|record| record.decision == Outcome::Allow)
            );
            agree_on_calls(&document, records);
            // Numbers out of its range and nesting of 128 are refused there.
            if let Ok(other) = serde_json::from_slice::<Json>(body) {
                assert!(
                    same(document.root(), &other),
                    "read otherwise by serde_json"
                );
            }
        }
    }
}

/// Every call in a forwarded body has its record, and is of a tool that is permitted.
fn agree_on_calls(document: &Document<'_>, records: &[audit::Record]) {
    let (_, messages) = rpc::messages(document);
    let mut calls = 0;
    for message in messages {
        let Ok(Message::Request { call, .. }) = rpc::read(message) else {
            continue;
        };
        if call.method.is("tools/call") {
            calls += 1;
            let name = call
                .param("name")
                .and_then(|name| name.as_str())
                .expect("a name");
            assert!(
                matches!(&*name, "echo" | "pay" | "post"),
                "`{name}` was forwarded"
            );
        }
    }
    let recorded = records
        .iter()
        .filter(|record| record.method.as_deref() == Some("tools/call"));
    assert_eq!(recorded.count(), calls, "calls without a record");
}

fn same(left: Value<'_>, right: &Json) -> bool {
    match (left.kind(), right) {
        (Kind::Null, Json::Null) => true,
        (Kind::True | Kind::False, Json::Bool(value)) => left.as_bool() == Some(*value),
        (Kind::Number, Json::Number(number)) => {
            let (left, right): (f64, f64) = (
                left.raw().parse().unwrap_or(f64::NAN),
                number.to_string().parse().unwrap_or(f64::NAN),
            );
            (left - right).abs() <= left.abs() * 1e-15
        }
        (Kind::PlainString | Kind::EscapedString, Json::String(text)) => {
            left.as_str().as_deref() == Some(text)
        }
        (Kind::Array, Json::Array(items)) => {
            left.items().count() == items.len()
                && left
                    .items()
                    .zip(items)
                    .all(|(left, right)| same(left, right))
        }
        (Kind::Object, Json::Object(members)) => {
            left.members().count() == members.len()
                && left.members().all(|(key, value)| {
                    members
                        .get(&*key.decode())
                        .is_some_and(|other| same(value, other))
                })
        }
        _ => false,
    }
}

/// Four fields, cut at line feeds: three mirror headers and a body. Where mirrors count, they say what the body says.
pub fn mirrors(data: &[u8]) {
    let mut fields = data.splitn(4, |&byte| byte == b'\n');
    let mut header = || {
        fields
            .next()
            .filter(|field| !field.is_empty())
            .map(<[u8]>::to_vec)
    };
    let mirrors = Mirrors {
        version: header(),
        method: header(),
        name: header(),
    };
    let body = fields.next().unwrap_or_default();
    let Ok(document) = Document::parse(body, &Limits::WIRE) else {
        return;
    };
    let Ok(message) = rpc::read(document.root()) else {
        return;
    };
    let (call, request) = match message {
        Message::Request { call, .. } => (call, true),
        Message::Notification(call) => (call, false),
        Message::Response { .. } => return,
    };
    let method = call.method.decode();
    let known = toolgate_engine::mcp::Method::find(&method);
    let Ok(modern) = mirrors.check(&call, known, request) else {
        return;
    };
    let meta = call
        .meta("io.modelcontextprotocol/protocolVersion")
        .and_then(|version| version.as_str());
    let is_modern = |version: Option<&[u8]>| version.is_some_and(Version::may_be_modern);
    let either =
        is_modern(mirrors.version.as_deref()) || is_modern(meta.as_deref().map(str::as_bytes));
    assert_eq!(modern, either, "the version decides whether mirrors count");
    if !modern {
        return;
    }
    if let Some(version) = &meta {
        assert_eq!(mirrors.version.as_deref(), Some(version.as_bytes()));
    }
    if request {
        assert_eq!(
            mirrors.method.as_deref(),
            Some(method.as_bytes()),
            "`Mcp-Method` differs"
        );
        let named = known
            .and_then(|method| method.mirrored)
            .and_then(|key| call.param(key));
        if let (Some(name), Some(header)) = (named.and_then(|name| name.as_str()), &mirrors.name) {
            let encoded = format!("=?base64?{}?=", base64(name.as_bytes()));
            assert!(
                header == name.as_bytes() || *header == encoded.as_bytes(),
                "`Mcp-Name` differs"
            );
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, index| {
            (bits << 8) | u32::from(group.get(index).copied().unwrap_or(0))
        });
        for place in 0..4_usize {
            let sextet = (bits >> (18 - 6 * place)) & 63;
            out.push(if place <= group.len() {
                char::from(LETTERS[sextet as usize])
            } else {
                '='
            });
        }
    }
    out
}

/// Two fields, cut at the first 0xFF, which no JSON holds: a request and a reply. Lists come back without what is hidden, and
/// the same however the reply arrives.
pub fn exchange(data: &[u8]) {
    let at = data
        .iter()
        .position(|&byte| byte == 0xFF)
        .unwrap_or(data.len());
    let (body, reply) = data.split_at(at);
    let reply = reply.get(1..).unwrap_or_default();
    let (events, reply) = match reply.split_first() {
        Some((b'e', rest)) => (true, rest),
        _ => (false, reply),
    };
    let answered = |size| answered(gate(), body, reply, (events, 4), size).map(|(out, _)| out);
    let whole = answered(reply.len());
    for size in [1, 5, 64] {
        assert_eq!(answered(size), whole, "a reply in pieces of {size}");
    }
    let Some(out) = whole else { return };
    let payloads: Vec<Vec<u8>> = if events {
        super::stream::decode(&out)
            .into_iter()
            .map(|(_, data)| data.into_bytes())
            .collect()
    } else {
        vec![out]
    };
    for payload in payloads {
        let Ok(message) = serde_json::from_slice::<Json>(&payload) else {
            continue;
        };
        let tools = message.pointer("/result/tools").and_then(Json::as_array);
        for tool in tools.into_iter().flatten() {
            assert!(
                tool.get("name").and_then(Json::as_str) != Some("secret"),
                "a hidden tool is listed"
            );
        }
    }
}

/// What the client gets of a reply in pieces of this size; `None` if the request is not forwarded. What it costs is bounded by its size
/// and so many patterns.
pub fn answered(
    gate: &Gate,
    body: &[u8],
    reply: &[u8],
    (events, patterns): (bool, usize),
    size: usize,
) -> Option<(Vec<u8>, Exchange)> {
    let (mut exchange, verdict) = judge(gate, &[], body, body.len());
    bounded(&exchange, body.len(), patterns);
    if !matches!(verdict, Step::Forward(..)) {
        return None;
    }
    let media: &[u8] = if events {
        b"text/event-stream"
    } else {
        b"application/json"
    };
    let mut head = headers(&[]);
    head.retain(|(name, _)| name != b"content-type");
    head.push((b"content-type".to_vec(), media.to_vec()));
    if !events {
        head.push((
            b"content-length".to_vec(),
            reply.len().to_string().into_bytes(),
        ));
    }
    let first = step(gate, |cx| {
        exchange.reply_headers(cx, 200, &head, reply.is_empty(), "")
    });
    let mut out = Vec::new();
    match first {
        ReplyStep::Pass => out.extend_from_slice(reply),
        ReplyStep::Hold => {
            let edit = step(gate, |cx| exchange.reply_end(cx, reply));
            if let Some(edit) = &edit {
                assert!(
                    has_room(reply.len(), edit.body.len()),
                    "outgrows what is held"
                );
            }
            out = edit.map_or_else(|| reply.to_vec(), |edit| edit.body);
        }
        ReplyStep::Rewrite | ReplyStep::Observe | ReplyStep::HoldStart => {
            let mut pieces = reply.chunks(size.max(1)).peekable();
            while let Some(piece) = pieces.next() {
                let end = pieces.peek().is_none();
                let passed = step(gate, |cx| exchange.reply_chunk(cx, piece, end));
                out.extend(if first == ReplyStep::Observe {
                    piece.to_vec()
                } else {
                    passed
                });
            }
        }
        ReplyStep::Replace(edit) => out = edit.body,
    }
    bounded(&exchange, body.len() + reply.len(), patterns);
    step(gate, |cx| exchange.finish(cx, ""));
    Some((out, exchange))
}
