//! The hostile corpus without a wire: every case natively and in wasm, whole and byte by byte, judged as on a real Envoy.
//!
//! Cases about the bytes of HTTP itself have lost their point by the time a filter runs; `envoy_wire.rs` sends those.

use std::collections::BTreeMap;
use std::time::Instant;

use toolgate_cli::policytest::backend::{Agreeing, Backend, Observed, Running, Upstream};
use toolgate_host::{Clock, Headers, Message, Module};
use toolgate_rig::wire::{
    self, Answer, DEFAULT_POLICY, Framing, Outcome, RequestCase, Seen, Verdict, corpus, judge,
    judge_reply,
};

fn backend() -> Agreeing {
    let wasm = toolgate_host::wasm::artifact().expect("the filter builds");
    Agreeing::new(Module::from_file(wasm).expect("the filter is a module"))
}

/// Gates by policy. Cases that share a policy share its counters.
struct Gates {
    backend: Agreeing,
    clock: Clock,
    running: BTreeMap<String, Box<dyn Running>>,
}

impl Gates {
    fn new() -> Gates {
        Gates {
            backend: backend(),
            clock: Clock::new(),
            running: BTreeMap::new(),
        }
    }

    fn get(&mut self, policy: Option<&str>) -> &mut dyn Running {
        let name = policy.unwrap_or_default().to_owned();
        let start = || {
            let text = policy.map_or(DEFAULT_POLICY.to_owned(), |name| {
                corpus::policy(name).expect("a policy")
            });
            self.backend.start(&text, &self.clock).expect("a gate")
        };
        &mut **self.running.entry(name).or_insert_with(start)
    }
}

#[test]
fn requests() {
    let mut gates = Gates::new();
    let (mut run, mut wrong) = (0, Vec::new());
    for case in corpus::requests().expect("the corpus") {
        if case.codec_only().is_some() || case.http1_only() || !case.each.is_empty() {
            continue;
        }
        run += 1;
        let request = message(&case);
        let body = case.body();
        let observed = gates
            .get(case.policy.as_deref())
            .exchange(&request, &mut |_| {
                Upstream::Reply(Box::new(reply(&wire::Reply::ordinary(&body))))
            });
        let verdict = observed.map(|observed| judge(&case, &seen(&case, &observed)));
        match verdict {
            Ok(Verdict::Right | Verdict::NotSent(_)) => {}
            Ok(verdict) => wrong.push(format!("{}: {verdict:?} ({})", case.id, case.note)),
            Err(error) => wrong.push(format!("{}: {error:#}", case.id)),
        }
    }
    assert!(run > 600, "only {run} cases");
    assert!(
        wrong.is_empty(),
        "{} of {run}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn replies() {
    let mut gates = Gates::new();
    let (mut run, mut wrong) = (0, Vec::new());
    for case in corpus::replies().expect("the corpus") {
        run += 1;
        let asked = case.as_request().expect("a request");
        let scripted = case.reply().expect("a reply");
        let observed = gates
            .get(case.policy())
            .exchange(&message(&asked), &mut |_| {
                Upstream::Reply(Box::new(reply(&scripted)))
            });
        let verdict =
            observed.map(|observed| judge_reply(&case, &scripted, &seen(&asked, &observed)));
        match verdict {
            Ok(Verdict::Right | Verdict::NotSent(_)) => {}
            Ok(verdict) => wrong.push(format!("{}: {verdict:?} ({})", case.id, case.note)),
            Err(error) => wrong.push(format!("{}: {error:#}", case.id)),
        }
    }
    assert!(run > 150, "only {run} cases");
    assert!(
        wrong.is_empty(),
        "{} of {run}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn headers(fields: &[(Vec<u8>, Vec<u8>)]) -> Headers {
    let line = |(name, value): &(Vec<u8>, Vec<u8>)| {
        (String::from_utf8_lossy(name).into_owned(), value.clone())
    };
    fields.iter().map(line).collect()
}

fn message(case: &RequestCase) -> Message {
    let exchange = case.to_exchange();
    Message {
        headers: headers(&exchange.headers),
        chunks: exchange.chunks,
        trailers: (!exchange.trailers.is_empty()).then(|| headers(&exchange.trailers)),
        ..Message::default()
    }
}

fn reply(reply: &wire::Reply) -> Message {
    let mut lines = headers(&reply.headers);
    lines.set(":status", reply.status.to_string());
    if reply.framing == Framing::ContentLength {
        lines.set("content-length", reply.body().len().to_string());
    }
    let mut message = Message {
        headers: lines,
        ..Message::default()
    };
    message.chunks = reply
        .chunks
        .iter()
        .map(|(_, chunk)| chunk.clone())
        .collect();
    message.chunks.retain(|chunk| !chunk.is_empty());
    if !reply.trailers.is_empty() {
        message.trailers = Some(headers(&reply.trailers));
    }
    message
}

/// What happened, in the words of the wire.
fn seen(case: &RequestCase, observed: &Observed) -> wire::Observed {
    let fields = |headers: &Headers| {
        let line = |(name, value): (&str, &[u8])| (name.as_bytes().to_vec(), value.to_vec());
        headers.iter().map(line).collect::<Vec<_>>()
    };
    let reply = &observed.reply;
    let answer = Answer {
        status: reply.status,
        headers: fields(&reply.headers),
        body: reply.body.clone(),
        trailers: reply.trailers.as_ref().map(fields).unwrap_or_default(),
        first: Some(Instant::now()),
        last: None,
    };
    let outcome = match reply.status {
        0 => Outcome::Hung("no answer".to_owned()),
        _ if reply.complete => Outcome::Answered(vec![answer]),
        _ => Outcome::Cut(vec![answer], "cut".to_owned()),
    };
    let mut upstream = Seen::default();
    if let Some(sent) = &observed.forwarded {
        upstream.bytes = sent.body.len() + sent.headers.len();
        if sent.ended {
            upstream.requests.push(wire::http1::Message {
                start: format!("{} {} HTTP/1.1", case.method(), case.path()),
                headers: fields(&sent.headers),
                body: sent.body.clone(),
                trailers: sent.trailers.as_ref().map(fields).unwrap_or_default(),
            });
        }
    }
    // How soon pieces arrive is for the real wire to say.
    upstream.written.push(Instant::now());
    wire::Observed {
        outcome,
        upstream,
        trouble: None,
    }
}
