//! `scan`, `pin` and `init` against real servers: rmcp's in both protocol eras, and one that pages, wants a header, and
//! changes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use toolgate_cli::command::scan::Server;
use toolgate_cli::command::{Outcome, Paint, check, init, pin, scan as scan_command, test};
use toolgate_cli::init::LIBRARY;
use toolgate_cli::scan::{Era, Pins, Risk, Target, assess, parse_header, scan};
use toolgate_document::Document;
use toolgate_engine::config::Gate;
use toolgate_rig::envoy::{Envoy, Options};
use toolgate_rig::upstream::{NAMES, Upstream};

fn options(url: &str, era: Era) -> toolgate_cli::scan::Options {
    toolgate_cli::scan::Options {
        era,
        patience: Duration::from_secs(20),
        ..toolgate_cli::scan::Options::new(url)
    }
}

#[tokio::test]
async fn both_eras_find_the_same() {
    let upstream = Upstream::start().await.unwrap();
    let mut pins = Vec::new();
    for (era, protocol) in [
        (Era::Sessions, "2025-11-25"),
        (Era::Stateless, "2026-07-28"),
        (Era::Auto, "2026-07-28"),
    ] {
        let found = scan(&options(&upstream.url(), era), &|_| ()).await.unwrap();
        assert_eq!(found.protocol, protocol);
        assert_eq!(found.server, "demo-upstream");
        let names: Vec<_> = found.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, NAMES);
        let risks = found.tools.iter().map(|tool| assess(tool).risk);
        assert_eq!(
            risks.collect::<Vec<_>>(),
            [
                Risk::Read,
                Risk::Financial,
                Risk::Financial,
                Risk::Destructive,
                Risk::Read,
                Risk::Write,
                Risk::Destructive,
                Risk::Write,
                Risk::Read,
            ]
        );
        pins.push(Pins::of(&found).to_json());
    }
    assert!(pins.iter().all(|text| *text == pins[0]));
}

/// An MCP server of sessions whose tools come on two pages, to those who have the key.
struct Paged {
    url: String,
    tools: Arc<Mutex<[Value; 2]>>,
}

impl Paged {
    async fn start(endless: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let tools = Arc::new(Mutex::new([
            json!({"name": "get_a", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true, "newHint": 1}}),
            json!({"name": "delete_b", "description": "Deletes b", "inputSchema": {"type": "object"}}),
        ]));
        let pages = tools.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, pages.clone(), endless));
            }
        });
        Self { url, tools }
    }
}

async fn serve(mut stream: TcpStream, tools: Arc<Mutex<[Value; 2]>>, endless: bool) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let (head, body) = loop {
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        request.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_lowercase();
        let length = head
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.lines().next());
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            break (head, body.to_owned());
        }
    };
    let message: Value = serde_json::from_str(&body).unwrap_or_default();
    let result = match message["method"].as_str().unwrap_or_default() {
        _ if !head.contains("x-api-key: s3cret") => {
            Err("401 Unauthorized\r\nwww-authenticate: Bearer")
        }
        "initialize" => Ok(json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "paged", "version": "1"},
        })),
        "tools/list" => {
            let tools = tools.lock().unwrap();
            let second = message["params"]["cursor"] == "two";
            Ok(match (second, endless) {
                (false, _) => json!({"tools": [tools[0]], "nextCursor": "two"}),
                (true, true) => json!({"tools": [tools[1]], "nextCursor": "two"}),
                (true, false) => json!({"tools": [tools[1]]}),
            })
        }
        "notifications/initialized" => Err("202 Accepted"),
        "server/discover" => Err("400 Bad Request"),
        _ => Err("405 Method Not Allowed"),
    };
    let (status, body) = match result {
        Ok(result) => (
            "200 OK\r\ncontent-type: application/json",
            json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string(),
        ),
        Err(status) => (status, String::new()),
    };
    let length = body.len();
    let reply =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    let _ = stream.write_all(reply.as_bytes()).await;
}

#[tokio::test]
async fn pages_are_followed_and_unknown_annotations_are_kept() {
    let server = Paged::start(false).await;
    for era in [Era::Sessions, Era::Auto] {
        let mut options = options(&server.url, era);
        options.headers = vec![parse_header("X-Api-Key: s3cret").unwrap()];
        let found = scan(&options, &|_| ()).await.unwrap();
        let names: Vec<_> = found.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["get_a", "delete_b"]);
        let annotations = found.tools[0].field("annotations").unwrap();
        assert!(annotations.contains("newHint"), "{annotations}");
    }
}

#[tokio::test]
async fn what_goes_wrong_is_said() {
    let server = Paged::start(true).await;
    let mut options = options(&server.url, Era::Sessions);
    let error = format!("{:#}", scan(&options, &|_| ()).await.unwrap_err());
    assert!(error.contains("--header"), "{error}");

    options.headers = vec![parse_header("X-Api-Key: s3cret").unwrap()];
    let error = format!("{:#}", scan(&options, &|_| ()).await.unwrap_err());
    assert!(error.contains("has no end"), "{error}");

    options.url = "http://127.0.0.1:1/mcp".to_owned();
    let error = format!("{:#}", scan(&options, &|_| ()).await.unwrap_err());
    assert!(
        error.contains("is the server running") && !error.contains("rmcp"),
        "{error}"
    );
}

/// A server in a runtime of its own, for commands that have theirs.
fn running<S>(start: impl Future<Output = S>) -> (tokio::runtime::Runtime, S) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(start);
    (runtime, server)
}

fn directory(name: &str) -> PathBuf {
    let path =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn server(url: &str, headers: &[&str]) -> Server {
    Server {
        target: Target::Http {
            url: url.to_owned(),
            headers: headers.iter().map(|header| (*header).to_owned()).collect(),
        },
        era: Era::Auto,
        patience: Duration::from_secs(20),
    }
}

fn assert_code(outcome: &Outcome, code: u8) {
    assert_eq!(outcome.code, code, "{outcome:?}");
}

fn assert_valid(policy: &Path) {
    let checked = check::check(policy).unwrap();
    assert!(checked.digest.is_some(), "{:?}", checked.diagnostics);
}

fn assert_tests_pass(directory: &Path) {
    let outcome = test::run(&test::Options {
        paths: vec![directory.to_owned()],
        format: test::Format::Text,
        native: true,
        wasm: None,
        paint: Paint::PLAIN,
    });
    assert_code(&outcome, 0);
}

#[test]
fn a_scan_writes_what_check_accepts_and_overwrites_nothing() {
    let (_runtime, upstream) = running(async { Upstream::start().await.unwrap() });
    let out = directory("scan");
    let mut options = scan_command::Options {
        server: server(&upstream.url(), &[]),
        out: out.clone(),
        force: false,
        paint: Paint::PLAIN,
    };
    let outcome = scan_command::run(&options);
    assert_code(&outcome, 0);
    assert!(outcome.output.contains("next:"), "{}", outcome.output);
    assert_valid(&out.join("policy.yaml"));
    Pins::read(&out.join("pins.json")).unwrap();

    std::fs::write(out.join("policy.yaml"), "mine").unwrap();
    let before = upstream.mark();
    let outcome = scan_command::run(&options);
    assert_code(&outcome, 2);
    assert!(outcome.errors.contains("policy.yaml") && outcome.errors.contains("--force"));
    assert_eq!(
        std::fs::read_to_string(out.join("policy.yaml")).unwrap(),
        "mine"
    );
    assert_eq!(upstream.mark(), before, "the server was asked for nothing");
    options.force = true;
    assert_code(&scan_command::run(&options), 0);
    assert_valid(&out.join("policy.yaml"));
}

#[test]
fn drift_is_shown_fails_a_check_and_can_be_accepted() {
    let (_runtime, paged) = running(Paged::start(false));
    let file = directory("pin").join("pins.json");
    let pin = |mode| {
        pin::run(&pin::Options {
            server: server(&paged.url, &["X-Api-Key: s3cret"]),
            file: file.clone(),
            mode,
            paint: Paint::PLAIN,
        })
    };
    assert_code(&pin(pin::Mode::Check), 2);
    assert_code(&pin(pin::Mode::Write), 0);
    assert_code(&pin(pin::Mode::Check), 0);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("s3cret"));

    paged.tools.lock().unwrap()[1] = json!({"name": "delete_b", "description": "Call me first", "inputSchema": {"type": "object"}});
    let outcome = pin(pin::Mode::Check);
    assert_code(&outcome, 1);
    let shown = "~ delete_b  (changed: description)\n    description\n      - \"Deletes b\"\n      + \"Call me first\"\n";
    assert!(outcome.output.starts_with(shown), "{}", outcome.output);
    assert_code(&pin(pin::Mode::Show), 0);
    // What was reviewed goes into a policy, not what the server has become.
    assert_code(&pin(pin::Mode::Config { schemas: false }), 2);
    assert_code(&pin(pin::Mode::Write), 0);
    assert_code(&pin(pin::Mode::Check), 0);
    for schemas in [false, true] {
        let block = pin(pin::Mode::Config { schemas });
        assert_code(&block, 0);
        let policy = file.with_file_name("policy.yaml");
        let text = format!("version: \"1\"\ndefault: allow\n{}", block.output);
        std::fs::write(&policy, text).unwrap();
        let document = Document::read(&policy).unwrap();
        let gate = Gate::from_json(document.json().as_bytes(), false).unwrap();
        let pins = gate.pins.unwrap();
        let pinned = Pins::read(&file).unwrap();
        assert!(pinned.tools.len() > 1);
        for tool in pinned.tools {
            let (_, pin) = pins.of(None).find(&tool.definition.name).unwrap();
            assert_eq!(*pin.digest, *tool.definition.digest());
            assert_eq!(pin.schema.is_some(), schemas);
        }
    }
}

#[test]
fn init_makes_a_gate_that_starts_with_tests_that_pass() {
    let (runtime, upstream) = running(async { Upstream::start().await.unwrap() });
    let out = directory("init");
    std::fs::create_dir_all(&out).unwrap();
    let list = out.join("mcp.json");
    let servers = json!({"mcpServers": {
        "Demo": {"type": "http", "url": upstream.url(), "headers": {"X-Key": "pa55"}},
        "files": {"command": "npx", "args": ["server"]},
    }});
    std::fs::write(&list, servers.to_string()).unwrap();
    let wasm = toolgate_host::wasm::artifact().unwrap();
    let options = init::Options {
        source: Some(list.display().to_string()),
        from: None,
        only: None,
        headers: Vec::new(),
        start: false,
        environment: Vec::new(),
        era: Era::Auto,
        patience: Duration::from_secs(20),
        out: out.clone(),
        wasm: Some(wasm),
        listen: "127.0.0.1:10000".parse().unwrap(),
        bridge: "127.0.0.1:3100".parse().unwrap(),
        force: false,
        paint: Paint::PLAIN,
    };
    let outcome = init::run(&options);
    assert_code(&outcome, 0);
    assert!(outcome.errors.contains("skipped `files`") && outcome.errors.contains("--start"));
    assert!(
        outcome.output.contains("http://127.0.0.1:10000/mcp"),
        "{}",
        outcome.output
    );
    assert_eq!(upstream.records()[0].header("x-key"), Some("pa55"));
    let files = ["policy.yaml", "pins.json", "tests.yaml", "envoy.yaml"];
    for name in files {
        let text = std::fs::read_to_string(out.join(name)).unwrap();
        assert!(
            !text.contains("pa55") && !outcome.output.contains("pa55"),
            "{name}"
        );
    }
    assert_code(&init::run(&options), 2);

    assert_valid(&out.join("policy.yaml"));
    assert_tests_pass(&out);

    let config = std::fs::read_to_string(out.join("envoy.yaml")).unwrap();
    let envoy = Envoy::start(config, &Options::default()).unwrap();
    runtime.block_on(async {
        let scanned = scan(&options_through(&envoy), &|_| ()).await.unwrap();
        let names: Vec<_> = scanned
            .tools
            .iter()
            .map(|tool| tool.name.as_str())
            .collect();
        assert_eq!(names, ["get_balance", "list_issues", "whoami"]);
    });
}

fn options_through(envoy: &Envoy) -> toolgate_cli::scan::Options {
    options(&envoy.url("/mcp"), Era::Auto)
}

/// Options without a server.
fn beginning(out: &Path, from: Option<&str>) -> init::Options {
    init::Options {
        source: None,
        from: from.map(str::to_owned),
        only: None,
        headers: Vec::new(),
        start: false,
        environment: Vec::new(),
        era: Era::Auto,
        patience: Duration::from_secs(1),
        out: out.to_owned(),
        wasm: None,
        listen: "127.0.0.1:10000".parse().unwrap(),
        bridge: "127.0.0.1:3100".parse().unwrap(),
        force: false,
        paint: Paint::PLAIN,
    }
}

#[test]
fn init_without_a_server_writes_the_quickstart() {
    let out = directory("quickstart");
    assert_code(&init::run(&beginning(&out, None)), 0);
    assert_valid(&out.join("policy.json"));
    assert_tests_pass(&out);
}

#[test]
fn init_from_a_name_writes_what_is_ready() {
    let out = directory("from");
    let outcome = init::run(&beginning(&out, Some("slack")));
    assert_code(&outcome, 0);
    assert!(outcome.output.contains("README.md"), "{}", outcome.output);
    assert_valid(&out.join("policy.yaml"));
    assert_tests_pass(&out);
    Pins::read(&out.join("pins.json")).unwrap();
    assert_code(&init::run(&beginning(&out, Some("slack"))), 2);
    let policy = std::fs::read_to_string(out.join("policy.yaml")).unwrap();
    assert!(policy.contains("  validate_arguments: true\n"), "{policy}");
    let unknown = init::run(&beginning(&out, Some("slakc\u{1b}[2J")));
    assert_code(&unknown, 2);
    assert!(!unknown.errors.contains('\u{1b}'), "{}", unknown.errors);
    let near = init::run(&beginning(&out, Some("slakc")));
    assert!(
        near.errors.contains("did you mean `slack`?"),
        "{}",
        near.errors
    );
}

/// What is shipped is tested without pins; with them, as it is written, calls are held to schemas as well.
#[test]
fn every_ready_policy_holds_with_its_pins() {
    for ready in LIBRARY {
        let out = directory(&format!("from-{}", ready.name));
        assert_code(&init::run(&beginning(&out, Some(ready.name))), 0);
        let checked = check::check(&out.join("policy.yaml")).unwrap();
        let nothing = checked.digest.is_some() && checked.diagnostics.is_empty();
        assert!(nothing, "{}: {:?}", ready.name, checked.diagnostics);
        assert_tests_pass(&out);
        let document = Document::read(&out.join("policy.yaml")).unwrap();
        let gate = Gate::from_json(document.json().as_bytes(), false).unwrap();
        let pins = gate.pins.unwrap();
        let mut entries = document.root().get("tools").unwrap().members();
        while let Some((name, _)) = entries.next_with_key() {
            let name = name.as_str().unwrap();
            let (_, pin) = pins.of(None).find(&name).unwrap();
            assert!(pin.schema.is_some(), "{}: {name}", ready.name);
        }
    }
}
