//! The console's interface: every endpoint and every refusal, as data. Each case runs natively and in wasm, whole and in
//! pieces, and all must agree before anything is compared. `console/README.md` explains the form.

#[path = "console/form.rs"]
mod form;

use std::fs;
use std::path::Path;

use form::{Case, Step, fill};
use serde_json::Value;
use toolgate_engine::audit;
use toolgate_engine::config::{Configured, Console};
use toolgate_engine::console::{self, Body, MAX_BODY};
use toolgate_engine::control;
use toolgate_engine::counters::Store as _;
use toolgate_engine::time::Timestamp;
use toolgate_host::{Clock, Headers, Message, Module, SharedData, Vm, VmOptions};
use toolgate_rig::stage::{Shelf, document};

/// 2026-01-15T10:30:00Z
const START: u64 = 1_768_473_000_000_000_000;

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
struct Answered {
    status: u32,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    records: Vec<Value>,
}

/// A console somewhere.
trait Desk {
    fn shelf(&mut self) -> &mut Shelf;
    fn send(&mut self, now: u64, request: &Message) -> Answered;
}

struct Native {
    console: Console,
    shelf: Shelf,
}

impl Native {
    fn new() -> Self {
        let document = document().to_string();
        match Configured::from_json(document.as_bytes(), false) {
            Ok(Configured::Console(console)) => Native {
                console,
                shelf: Shelf::new(SharedData::new(), "toolgate"),
            },
            other => panic!("{other:?}"),
        }
    }
}

impl Desk for Native {
    fn shelf(&mut self) -> &mut Shelf {
        &mut self.shelf
    }

    fn send(&mut self, now: u64, request: &Message) -> Answered {
        let headers: Vec<(Vec<u8>, Vec<u8>)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
            .collect();
        let body = request.chunks.concat();
        let mut cx = console::Context {
            console: &self.console,
            store: &mut self.shelf,
            now: Timestamp::from_nanos(now),
            id: "native",
        };
        let first = if body.is_empty() {
            Body::Whole(&[])
        } else {
            Body::Awaited
        };
        let rest = if body.len() > MAX_BODY {
            Body::TooLarge
        } else {
            Body::Whole(&body)
        };
        let answer = console::respond(&mut cx, &headers, first)
            .or_else(|| console::respond(&mut cx, &headers, rest))
            .expect("a whole request is answered");
        let headers = answer.reply.headers.into_iter();
        let mut headers: Vec<_> = headers
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        headers.sort();
        // The answer to a HEAD has no body; the host sees to it.
        let body = match request.headers.get(":method") {
            Some(b"HEAD") => Vec::new(),
            _ => answer.reply.body,
        };
        Answered {
            status: answer.reply.status,
            headers,
            body,
            records: read_records(&audit::lines(&answer.records, 8192)),
        }
    }
}

struct Wasm {
    vm: Vm,
    shelf: Shelf,
    clock: Clock,
    pieces: usize,
}

impl Wasm {
    fn new(module: &Module, pieces: usize) -> Self {
        let options = VmOptions {
            clock: Clock::at(START),
            ..VmOptions::default()
        };
        let (clock, shared) = (options.clock.clone(), options.shared.clone());
        let shelf = Shelf::new(shared, &options.vm_id);
        let vm = Vm::configured(module, options, document().to_string().as_bytes());
        Wasm {
            vm: vm.expect("the document is good"),
            shelf,
            clock,
            pieces,
        }
    }
}

impl Desk for Wasm {
    fn shelf(&mut self) -> &mut Shelf {
        &mut self.shelf
    }

    fn send(&mut self, now: u64, request: &Message) -> Answered {
        self.clock.set(now);
        let request = if self.pieces > 0 {
            request.clone().chunked(self.pieces)
        } else {
            request.clone()
        };
        let stream = self.vm.stream();
        stream.send(&request);
        let exchange = stream.done();
        assert!(exchange.trap.is_none(), "{:?}", exchange.trap);
        assert!(!exchange.forwarded(), "a console forwards nothing");
        let records = exchange.state_text("toolgate").unwrap_or_default();
        let got = exchange.downstream;
        let mut headers: Vec<(String, String)> = got
            .headers
            .iter()
            .filter(|(name, _)| !matches!(*name, ":status" | "content-length"))
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect();
        headers.sort();
        Answered {
            status: u32::from(got.status),
            headers,
            body: got.body(),
            records: read_records(&records),
        }
    }
}

/// The records of a line, without what differs between two consoles.
fn read_records(line: &str) -> Vec<Value> {
    if line.is_empty() || line == "[]" {
        return Vec::new();
    }
    let mut record: Value = serde_json::from_str(line).expect("a record is JSON");
    let object = record.as_object_mut().expect("one request, one record");
    for key in ["decision_id", "time"] {
        assert!(object.remove(key).is_some(), "{line}");
    }
    vec![record]
}

#[test]
fn every_case_holds_everywhere() {
    let wasm = toolgate_host::wasm::artifact().expect("the filter builds");
    let module = Module::from_file(wasm).expect("the filter is a module");
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console");
    let mut wrong = String::new();
    let mut count = 0;
    for entry in fs::read_dir(directory).expect("cases") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        for case in form::read(&path) {
            count += case.steps.len();
            if let Err(error) = run(&case, &module) {
                wrong.push_str(&format!("{}: {}: {error}\n", path.display(), case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(count > 120, "{count} requests");
}

fn run(case: &Case, module: &Module) -> Result<(), String> {
    let mut desks: [(&str, Box<dyn Desk>); 3] = [
        ("native", Box::new(Native::new())),
        ("wasm", Box::new(Wasm::new(module, 0))),
        ("wasm in pieces", Box::new(Wasm::new(module, 7))),
    ];
    let mut now = START;
    let mut asked = Vec::new();
    for (_, desk) in &mut desks {
        // A second apart, so that it is known which is the oldest.
        let ids: Vec<String> = (now..)
            .step_by(1_000_000_000)
            .zip(&case.ask)
            .map(|(then, asking)| desk.shelf().ask(Timestamp::from_nanos(then), asking))
            .collect();
        for (n, line) in (0..).zip(&case.remember) {
            let line = line.to_string();
            control::remember(desk.shelf(), 1, n, control::RING, &line);
        }
        for (key, value) in &case.store {
            desk.shelf().put(key, value.as_bytes()).expect("it works");
        }
        asked = ids;
    }
    for (n, step) in case.steps.iter().enumerate() {
        now += step.after * 1_000_000_000;
        let request = message(step, &asked);
        let mut first: Option<Answered> = None;
        for (name, desk) in &mut desks {
            let answered = desk.send(now, &request);
            match &first {
                None => first = Some(answered),
                Some(first) if *first != answered => {
                    return Err(format!(
                        "step {n}: natively {first:?}\nin {name} {answered:?}"
                    ));
                }
                Some(_) => {}
            }
        }
        let answered = first.expect("there are desks");
        judge(step, &asked, &answered).map_err(|error| format!("step {n}: {error}"))?;
    }
    Ok(())
}

fn message(step: &Step, asked: &[String]) -> Message {
    let body = match (&step.json, &step.body, step.fill) {
        (Some(json), None, 0) => fill(&json.to_string(), asked).into_bytes(),
        (None, Some(body), 0) => body.clone().into_bytes(),
        (None, None, 0) => Vec::new(),
        (None, None, size) => vec![b'x'; size],
        _ => panic!("a step has one body"),
    };
    let mut headers = Headers::from([
        (":authority", "console.test"),
        (":path", fill(&step.path, asked).as_str()),
        (":method", step.method.as_str()),
        (":scheme", "http"),
    ]);
    if let Some(token) = &step.token {
        headers.push("authorization", format!("Bearer token-{token}"));
    }
    if step.json.is_some() {
        headers.push("content-type", "application/json");
    }
    for (name, value) in &step.headers {
        headers.push(name, value);
    }
    if !body.is_empty() {
        headers.push("content-length", body.len().to_string());
    }
    let chunks = if body.is_empty() {
        Vec::new()
    } else {
        vec![body]
    };
    Message {
        headers,
        chunks,
        ..Message::default()
    }
}

/// On every reply, page or not.
const SAFE: [(&str, &str); 7] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
];

fn judge(step: &Step, asked: &[String], answered: &Answered) -> Result<(), String> {
    let expect = &step.expect;
    let header = |name: &str| {
        let found = answered.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    for (name, value) in SAFE {
        if header(name) != Some(value) {
            return Err(format!("`{name}` is {:?}", header(name)));
        }
    }
    let policy = header("content-security-policy").unwrap_or_default();
    for part in [
        "default-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        if !policy.contains(part) || policy.contains("unsafe") {
            return Err(format!("the content security policy is `{policy}`"));
        }
    }
    if let Some((name, _)) = answered
        .headers
        .iter()
        .find(|(name, _)| name.starts_with("access-control") || name == "set-cookie")
    {
        return Err(format!("`{name}` is sent"));
    }
    let text = String::from_utf8_lossy(&answered.body);
    if answered.status != expect.status {
        return Err(format!("status {}: {text}", answered.status));
    }
    for (name, value) in &expect.headers {
        if header(name) != Some(value) {
            return Err(format!("`{name}` is {:?}", header(name)));
        }
    }
    let body: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
    if answered.status >= 400 && step.method != "HEAD" {
        let said = |key: &str| {
            body.get(key)
                .and_then(Value::as_str)
                .is_some_and(|text| !text.is_empty())
        };
        if !said("message") || !said("hint") {
            return Err(format!("an error without words: {text}"));
        }
    }
    if let Some(error) = &expect.error
        && body.get("error") != Some(&Value::from(error.as_str()))
    {
        return Err(format!("expected error `{error}`: {text}"));
    }
    if let Some(expected) = &expect.json {
        let expected: Value =
            serde_json::from_str(&fill(&expected.to_string(), asked)).expect("it was JSON before");
        form::includes(&body, &expected).map_err(|at| format!("{at}\nin {body}"))?;
    }
    match (&expect.record, answered.records.as_slice()) {
        (None, []) => Ok(()),
        (None, records) => Err(format!("nothing was to be recorded: {records:?}")),
        (Some(expected), [record]) => {
            let expected: Value = serde_json::from_str(&fill(&expected.to_string(), asked))
                .expect("it was JSON before");
            form::includes(record, &expected).map_err(|at| format!("record {at}\nin {record}"))
        }
        (Some(_), records) => Err(format!("{} records", records.len())),
    }
}

/// What cannot be had is refused in words, whatever is asked for; nothing changes.
#[test]
fn a_lost_store_is_said() {
    let mut desk = Native::new();
    desk.shelf().down = true;
    for (method, path, json) in [
        ("GET", "/api/v1/state", None),
        ("GET", "/api/v1/approvals", None),
        ("GET", "/api/v1/approvals/1-0123456789abcdef", None),
        ("GET", "/api/v1/decisions", None),
        (
            "POST",
            "/api/v1/approvals/1-0123456789abcdef/approve",
            Some("{}"),
        ),
        ("POST", "/api/v1/stop", Some(r#"{"confirm":true}"#)),
        ("POST", "/api/v1/resume", Some(r#"{"confirm":true}"#)),
        (
            "POST",
            "/api/v1/grants/revoke",
            Some(r#"{"grant":"x","confirm":true}"#),
        ),
        (
            "POST",
            "/api/v1/grants/reinstate",
            Some(r#"{"grant":"x","confirm":true}"#),
        ),
    ] {
        let step = Step {
            method: method.to_owned(),
            path: path.to_owned(),
            token: Some("ana".to_owned()),
            json: json.map(|json| serde_json::from_str(json).expect("JSON")),
            ..Step::default()
        };
        let answered = desk.send(START, &message(&step, &[]));
        assert_eq!(answered.status, 503, "{method} {path}");
        assert_eq!(
            answered.records[0]["rule"], "/console/store",
            "{method} {path}"
        );
    }
}

/// The page is the same for everybody, small, and says what its own policy lets it do.
#[test]
fn the_page() {
    let mut desk = Native::new();
    let step = Step {
        method: "GET".to_owned(),
        path: "/".to_owned(),
        ..Step::default()
    };
    let answered = desk.send(START, &message(&step, &[]));
    assert_eq!(answered.status, 200);
    assert!(answered.records.is_empty());
    assert!(answered.body.starts_with(&[0x1f, 0x8b]), "gzip");
    assert!(
        answered.body.len() < 16 << 10,
        "{} bytes",
        answered.body.len()
    );
    let policy = answered
        .headers
        .iter()
        .find(|(name, _)| name == "content-security-policy");
    let (_, policy) = policy.expect("a policy");
    for part in [
        "script-src 'sha256-",
        "style-src 'sha256-",
        "connect-src 'self'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
}
