//! What `toolgate render` writes is whole: it passes `toolgate check` without a fault, brings the console where a policy needs a
//! person, and can be changed live.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use toolgate_cli::command::Paint;
use toolgate_cli::command::check;
use toolgate_cli::command::render::{Host, Options, run};
use toolgate_document::{Document, Format};
use toolgate_rig::envoy::{Config, DEFAULT_VERSION, Envoy, OLDEST_VERSION};
use toolgate_rig::identity::token_sha256;
use toolgate_rig::wire::{Mark, Outcome, Session, Upstream, ordinary_headers};

const PLAIN: &str = "version: \"1\"\ndefault: deny\ntools:\n  get_balance: {}\n";
const ASKS: &str = "version: \"1\"\ndefault: deny\ntools:\n  get_balance: {}\n  close_account: {approval: {timeout: 30m, hold: 45s}}\n";
const TOKEN: &str = "tgc_the-approver-of-this-test";

/// A directory of its own with a policy in it.
fn directory(policy: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("rendered-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("policy.yaml"), policy).unwrap();
    directory
}

fn options(directory: &Path, host: Host, upstream: &str) -> Options {
    let mut options = Options::new(host, directory.join("policy.yaml"), upstream);
    if matches!(host, Host::Envoy | Host::Ecds) {
        options.wasm = Some(toolgate_host::wasm::artifact().unwrap());
    }
    options
}

fn rendered(options: &Options) -> String {
    let outcome = run(options);
    assert_eq!(outcome.code, 0, "{}", outcome.errors);
    outcome.output
}

#[test]
fn every_output_passes_the_check() {
    for policy in [PLAIN, ASKS] {
        for host in [Host::Envoy, Host::Ecds, Host::Istio, Host::EnvoyGateway] {
            for (image, watch, upstream) in [
                (false, false, false),
                (true, false, false),
                (false, true, false),
                (false, false, true),
            ] {
                let own = matches!(host, Host::Envoy | Host::Ecds);
                // An Envoy of its own fetches no image, and only it watches a file or speaks to a server outside.
                if (image && own)
                    || (watch && host != Host::Envoy)
                    || (upstream && host != Host::Envoy)
                {
                    continue;
                }
                let directory = directory(policy);
                let mut options = options(
                    &directory,
                    host,
                    if upstream {
                        "https://mcp.example.com"
                    } else {
                        "mcp.tools:8080"
                    },
                );
                options.image = image.then(|| "r.example/toolgate:1".to_owned());
                options.watch = watch.then(|| directory.join("live/toolgate.yaml"));
                options.past = if host == Host::Envoy {
                    vec!["/token".to_owned()]
                } else {
                    Vec::new()
                };
                options.no_console = image && host == Host::EnvoyGateway;
                let text = rendered(&options);
                let mut files = vec![directory.join("out.yaml")];
                std::fs::write(&files[0], &text).unwrap();
                files.extend(options.watch.clone());
                let mut consoles = 0;
                for file in &files {
                    let checked = check::check(file).unwrap();
                    let shown: String = checked
                        .diagnostics
                        .iter()
                        .map(|found| found.text(Paint::PLAIN))
                        .collect();
                    assert_eq!(shown, "", "{host:?}\n{text}");
                    assert!(
                        checked
                            .configurations
                            .iter()
                            .all(|found| found.digest.is_some())
                    );
                    consoles += checked
                        .configurations
                        .iter()
                        .filter(|found| !found.gate)
                        .count();
                }
                let expected =
                    usize::from(policy == ASKS && host != Host::Ecds && !options.no_console);
                assert_eq!(consoles, expected, "{host:?}\n{text}");
            }
        }
    }
}

#[test]
fn what_cannot_have_its_console_says_so() {
    let mut options = options(&directory(ASKS), Host::EnvoyGateway, "mcp.tools:8080");
    options.image = Some("r.example/toolgate:1".to_owned());
    let outcome = run(&options);
    assert_eq!(outcome.code, 2);
    assert!(outcome.errors.contains("--wasm"), "{}", outcome.errors);
    for past in ["token", "/", "/a/../b", "/a;b", "/%74", "/a//b", "/a b"] {
        let mut options = self::options(&directory(PLAIN), Host::Envoy, "127.0.0.1:1");
        options.past = vec![past.to_owned()];
        assert_eq!(run(&options).code, 2, "{past}");
    }
}

/// Sends one request and returns status and body.
fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> (u16, String) {
    let mut session = Session::open(address.port()).unwrap();
    match session.exchange(method, path, headers, body) {
        Outcome::Answered(answers) => (
            answers[0].status,
            String::from_utf8_lossy(&answers[0].body).into_owned(),
        ),
        other => panic!("{method} {path}: {other:?}"),
    }
}

fn call(address: SocketAddr, tool: &str) -> (u16, String) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}});
    send(
        address,
        "POST",
        "/mcp",
        &ordinary_headers(),
        body.to_string().as_bytes(),
    )
}

fn within(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < patience, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_policy_that_needs_a_person_comes_with_a_console() {
    let server = Upstream::start().unwrap();
    let mut options = options(
        &directory(ASKS),
        Host::Envoy,
        &format!("127.0.0.1:{}", server.port()),
    );
    options.approver = Some(token_sha256(TOKEN));
    let envoy = Envoy::start(rendered(&options), &toolgate_rig::envoy::Options::default()).unwrap();
    let (gate, console) = (envoy.address(), envoy.listener("console").unwrap());
    let held = std::thread::spawn(move || call(gate, "close_account"));
    let headers = [
        ("authorization".to_owned(), format!("Bearer {TOKEN}")),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    let mut id = None;
    within(Duration::from_secs(5), "nothing is asked", || {
        let (_, body) = send(console, "GET", "/api/v1/approvals", &headers, b"");
        let all: Value = serde_json::from_str(&body).unwrap_or_default();
        id = all["approvals"][0]["id"].as_str().map(str::to_owned);
        id.is_some()
    });
    let path = format!("/api/v1/approvals/{}/approve", id.unwrap());
    assert_eq!(send(console, "POST", &path, &headers, b"{}").0, 200);
    let (status, body) = held.join().unwrap();
    assert!(status == 200 && body.contains("done"), "{status} {body}");
    assert_eq!(server.seen(Mark::default(), None).requests.len(), 1);
}

#[test]
fn a_policy_that_is_watched_changes_live_by_rendering_it_again() {
    let server = Upstream::start().unwrap();
    let directory = directory(PLAIN);
    let mut options = options(
        &directory,
        Host::Envoy,
        &format!("127.0.0.1:{}", server.port()),
    );
    let live = directory.join("live/toolgate.yaml");
    options.watch = Some(live.clone());
    options.past = vec!["/token".to_owned()];
    let envoy = Envoy::start(
        Config::from(rendered(&options)),
        &toolgate_rig::envoy::Options::default(),
    )
    .unwrap();
    let denied = |tool: &str| call(envoy.address(), tool).1.contains("[POLICY DENIED]");
    assert!(!denied("get_balance") && denied("list_issues"));

    std::fs::write(
        directory.join("policy.yaml"),
        PLAIN.replace("get_balance", "list_issues"),
    )
    .unwrap();
    let mut again = self::options(&directory, Host::Ecds, "127.0.0.1:1");
    again.out = Some(live);
    assert_eq!(run(&again).code, 2, "it is there already");
    again.force = true;
    assert_eq!(run(&again).code, 0);
    within(
        Duration::from_secs(10),
        "the new policy is not live",
        || denied("get_balance"),
    );
    assert!(!denied("list_issues"));

    // A form at the whole path that goes past the gate, and at no other.
    let form = [(
        "content-type".to_owned(),
        "application/x-www-form-urlencoded".to_owned(),
    )];
    let before = server.seen(Mark::default(), None).requests.len();
    send(envoy.address(), "POST", "/token", &form, b"grant_type=x");
    send(envoy.address(), "POST", "/token/", &form, b"grant_type=x");
    assert_eq!(
        server.seen(Mark::default(), None).requests.len(),
        before + 1
    );
}

/// Every listener in the resources, as Envoy's own configuration, and every connection manager's settings.
fn listeners(resources: &str) -> Vec<Value> {
    fn visit(value: &Value, found: &mut Vec<Value>) {
        if value.get("filter_chains").is_some() {
            found.push(value.clone());
            return;
        }
        match value {
            Value::Object(members) => members.values().for_each(|inner| visit(inner, found)),
            Value::Array(items) => items.iter().for_each(|inner| visit(inner, found)),
            _ => {}
        }
    }
    let documents = Document::parse_host("rendered", resources, Format::Yaml).unwrap();
    let mut found = Vec::new();
    for document in documents {
        visit(&serde_json::from_str(document.json()).unwrap(), &mut found);
    }
    found
}

#[test]
fn envoy_takes_the_consoles_of_kubernetes_hosts() {
    let wasm = toolgate_host::wasm::artifact().unwrap();
    for host in [Host::Istio, Host::EnvoyGateway] {
        let directory = directory(ASKS);
        let mut options = options(&directory, host, "mcp.tools:8080");
        options.wasm = Some(wasm.clone());
        let found = listeners(&rendered(&options));
        assert_eq!(found.len(), 1, "{host:?}");
        let bootstrap =
            json!({"node": {"id": "a", "cluster": "a"}, "static_resources": {"listeners": found}});
        for version in [DEFAULT_VERSION, OLDEST_VERSION] {
            for (text, right) in [
                (bootstrap.to_string(), true),
                (
                    bootstrap
                        .to_string()
                        .replace("\\\"approvers\\\"", "\\\"approvrs\\\""),
                    false,
                ),
            ] {
                let path = directory.join("console.json");
                std::fs::write(&path, &text).unwrap();
                let output =
                    std::process::Command::new(toolgate_rig::envoy::binary(version).unwrap())
                        .args(["--mode", "validate", "-l", "error", "-c"])
                        .arg(&path)
                        .output()
                        .unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.success(), right, "{host:?} {version}: {said}");
            }
        }
    }
}
