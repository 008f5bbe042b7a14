//! What `toolgate render` writes: the Envoy configuration in real Envoys, in front of a real server, with TLS to it and
//! without; the Kubernetes resources by their structure.
//!
//! The schemas of Istio's and Envoy Gateway's resources come as npm packages: `host-tests/clients/schemas` holds the output
//! against those. Here it is our own idea of their structure that is checked, and, in a real Envoy, the part that is Envoy's
//! own configuration: the filter's entry and the connection manager's settings. No cluster takes part.

use std::path::{Path, PathBuf};

use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use serde_json::{Value, json};
use toolgate_cli::command::render::{Host, Options, run};
use toolgate_document::{Document, Format};
use toolgate_rig::demo::client;
use toolgate_rig::envoy::{Config, DEFAULT_VERSION, Envoy, OLDEST_VERSION};
use toolgate_rig::upstream::Upstream;

const POLICY: &str = r#"
version: "1"
default: deny
tools:
  get_balance: {}
  create_refund:
    require:
      - conditions: [{path: args.amount, op: lte, value: 9007199254740993}]
"#;

/// A policy in a directory of its own.
fn policy(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("render-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("policy.yaml");
    std::fs::write(&path, POLICY).unwrap();
    path
}

fn options(name: &str, host: Host, upstream: &str) -> Options {
    let mut options = Options::new(host, policy(name), upstream);
    if host == Host::Envoy {
        options.wasm = Some(toolgate_host::wasm::artifact().unwrap());
    }
    options
}

fn render(options: &Options) -> String {
    let outcome = run(options);
    assert_eq!(outcome.code, 0, "{}", outcome.errors);
    outcome.output
}

/// Ports that the kernel picks: [`Envoy::start`] sets them where the template's own stand.
fn start(text: &str, version: &str) -> Envoy {
    let options = toolgate_rig::envoy::Options {
        version: version.to_owned(),
        ..toolgate_rig::envoy::Options::default()
    };
    Envoy::start(text, &options).unwrap_or_else(|error| panic!("{version}: {error:#}"))
}

/// An allowed call arrives, a denied one leaves no trace.
async fn assert_enforced(envoy: &Envoy, upstream: &Upstream) {
    for version in [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28] {
        let client = client::connect(&envoy.url("/mcp"), version).await.unwrap();
        let allowed = client
            .call_tool(CallToolRequestParams::new("get_balance"))
            .await;
        assert_eq!(allowed.unwrap().is_error, Some(false));
        let mark = upstream.mark();
        let denied = client
            .call_tool(CallToolRequestParams::new("close_account"))
            .await;
        assert_eq!(denied.unwrap().is_error, Some(true));
        assert_eq!(upstream.posts_since(mark).len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_starts_and_enforces_in_both_releases() {
    let upstream = Upstream::start().await.unwrap();
    let text = render(&options(
        "envoy",
        Host::Envoy,
        &upstream.address().to_string(),
    ));
    assert!(
        text.contains("9007199254740993"),
        "numbers stay as they are written"
    );
    assert!(text.starts_with("# Toolgate in front of one MCP server"));
    for version in [DEFAULT_VERSION, OLDEST_VERSION] {
        assert_enforced(&start(&text, version), &upstream).await;
    }
}

/// A TLS server for `localhost` in front of the upstream, with a certificate made for this test alone.
fn with_tls(upstream: &Upstream) -> Envoy {
    let pem = |name| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/render")
            .join(name)
    };
    let config = Config::production().unwrap();
    let text = config.as_str();
    let (before, rest) = text.split_once("          - name: toolgate\n").unwrap();
    let (_, after) = rest
        .split_once("          - name: envoy.filters.http.router\n")
        .unwrap();
    let socket = format!(
        r#"    filter_chains:
    - transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates:
            - {{certificate_chain: {{filename: {}}}, private_key: {{filename: {}}}}}
      filters:
"#,
        pem("localhost.pem").display(),
        pem("localhost-key.pem").display()
    );
    let text = format!("{before}          - name: envoy.filters.http.router\n{after}")
        .replace("    filter_chains:\n    - filters:\n", &socket);
    let config = Config::from(text).upstream(upstream.address()).unwrap();
    Envoy::start(config, &toolgate_rig::envoy::Options::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_to_the_server_is_verified() {
    let upstream = Upstream::start().await.unwrap();
    let server = with_tls(&upstream);
    let url = format!("https://localhost:{}/mcp", server.address().port());
    let mut options = options("tls", Host::Envoy, &url);
    options.ca = format!("{}/tests/render/localhost.pem", env!("CARGO_MANIFEST_DIR"));
    for version in [DEFAULT_VERSION, OLDEST_VERSION] {
        let envoy = start(&render(&options), version);
        assert_enforced(&envoy, &upstream).await;
        let host = upstream
            .records()
            .last()
            .unwrap()
            .header("host")
            .map(str::to_owned);
        assert_eq!(host, Some(format!("localhost:{}", server.address().port())));
    }

    // The same server under a name that its certificate does not have.
    let wrong = render(&options).replace("exact: \"localhost\"", "exact: \"other.example\"");
    let envoy = start(&wrong, DEFAULT_VERSION);
    let mark = upstream.mark();
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_balance","arguments":{}}}"#;
    let reply = client::post(&envoy.url("/mcp"), body).await.unwrap();
    assert_eq!((reply.status, upstream.mark()), (503, mark));
}

#[test]
fn what_cannot_be_rendered_is_said() {
    let mut wrong = options("wrong", Host::Envoy, "127.0.0.1:1");
    std::fs::write(&wrong.policy, "version: \"1\"\ndefualt: deny\n").unwrap();
    let outcome = run(&wrong);
    assert_eq!(outcome.code, 1);
    assert!(outcome.errors.contains("defualt"), "{}", outcome.errors);

    std::fs::write(&wrong.policy, POLICY).unwrap();
    wrong.image = Some("oci://x/y:1".into());
    assert_eq!(run(&wrong).code, 2);
    let outside = run(&options("outside", Host::Istio, "https://mcp.example.com"));
    assert_eq!(outside.code, 2);
    assert!(
        outside.errors.contains("NAME.NAMESPACE:PORT"),
        "{}",
        outside.errors
    );

    let mut kept = options("kept", Host::Envoy, "127.0.0.1:1");
    kept.out = Some(kept.policy.with_file_name("envoy.yaml"));
    assert_eq!(run(&kept).code, 0);
    assert_eq!(run(&kept).code, 2);
    kept.force = true;
    assert_eq!(run(&kept).code, 0);
}

/// The documents of a YAML file.
fn resources(yaml: &str) -> Vec<Value> {
    let documents = yaml
        .split("\n---\n")
        .filter(|text| text.contains("apiVersion:"));
    let documents = documents.map(|text| {
        let document = Document::parse("rendered", text, Format::Yaml)
            .unwrap_or_else(|(_, problem)| panic!("{problem:?}\n{text}"));
        serde_json::from_str::<Value>(document.json()).unwrap()
    });
    documents.collect()
}

fn one<'r>(resources: &'r [Value], kind: &str) -> &'r Value {
    let found: Vec<_> = resources
        .iter()
        .filter(|resource| resource["kind"] == kind)
        .collect();
    let [only] = found.as_slice() else {
        panic!("{} of {kind}", found.len());
    };
    for key in ["apiVersion", "metadata", "spec"] {
        assert!(!only[key].is_null(), "{kind} has no {key}");
    }
    assert_eq!(only["metadata"]["namespace"], "tools");
    only
}

fn policy_of(typed_config: &Value) -> Value {
    let text = typed_config["config"]["configuration"]["value"]
        .as_str()
        .unwrap();
    assert!(text.contains("9007199254740993"));
    serde_json::from_str(text).unwrap()
}

fn assert_is_the_filter(typed_config: &Value) {
    let config = &typed_config["config"];
    assert_eq!(config["allow_on_headers_stop_iteration"], true);
    assert_eq!(config["failure_policy"], "FAIL_RELOAD");
    assert_eq!(policy_of(typed_config)["default"], "deny");
}

/// Whether a real Envoy takes the filter's entry, and the connection manager's settings if there are any.
async fn assert_works(typed_config: &Value, manager: Option<&Value>) {
    let upstream = Upstream::start().await.unwrap();
    let mut filter = typed_config.clone();
    let wasm = toolgate_host::wasm::artifact().unwrap();
    filter["config"]["vm_config"]["code"] = json!({"local": {"filename": wasm}});
    let config = Config::production()
        .unwrap()
        .upstream(upstream.address())
        .unwrap();
    let (before, rest) = config
        .as_str()
        .split_once("          - name: toolgate\n")
        .unwrap();
    let (_, after) = rest
        .split_once("          - name: envoy.filters.http.router\n")
        .unwrap();
    let entry = json!({"name": "toolgate", "typed_config": filter});
    let mut text = format!(
        "{before}          - {entry}\n          - name: envoy.filters.http.router\n{after}"
    );
    if let Some(manager) = manager {
        let (before, rest) = text.split_once("          use_remote_address").unwrap();
        let (_, after) = rest
            .split_once("          http_protocol_options:\n")
            .unwrap();
        let (_, after) = after.split_once("          route_config:\n").unwrap();
        let mut settings = String::new();
        for (key, value) in manager.as_object().unwrap() {
            if key != "@type" {
                settings.push_str(&format!("          {key}: {value}\n"));
            }
        }
        text = format!("{before}{settings}          route_config:\n{after}");
    }
    let envoy = start(&text, DEFAULT_VERSION);
    assert_enforced(&envoy, &upstream).await;
    let records = envoy.access_records(1, std::time::Duration::from_secs(5));
    assert!(records[0]["toolgate"].is_string(), "{records:?}");
}

fn patches(resource: &Value) -> &[Value] {
    resource["spec"]["configPatches"].as_array().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn istio_gets_the_filter_in_the_servers_sidecar() {
    let mut options = options("istio", Host::Istio, "mcp-server.tools:8080");
    let all = resources(&render(&options));
    let filter = one(&all, "EnvoyFilter");
    assert_eq!(filter["apiVersion"], "networking.istio.io/v1alpha3");
    assert_eq!(
        filter["spec"]["workloadSelector"]["labels"]["app"],
        "mcp-server"
    );
    let applied: Vec<_> = patches(filter)
        .iter()
        .map(|patch| patch["applyTo"].as_str().unwrap())
        .collect();
    assert_eq!(applied, ["HTTP_FILTER", "NETWORK_FILTER", "LISTENER"]);
    for patch in patches(filter) {
        assert_eq!(patch["match"]["context"], "SIDECAR_INBOUND");
        assert!(patch["patch"]["operation"].is_string() && patch["patch"]["value"].is_object());
    }
    let inserted = &patches(filter)[0];
    assert_eq!(inserted["patch"]["operation"], "INSERT_BEFORE");
    assert_eq!(inserted["match"]["listener"]["portNumber"], 8080);
    let typed = &inserted["patch"]["value"]["typed_config"];
    assert_is_the_filter(typed);
    let code = &typed["config"]["vm_config"]["code"];
    assert_eq!(
        *code,
        json!({"local": {"filename": "/var/lib/toolgate/toolgate.wasm"}})
    );
    assert_works(
        typed,
        Some(&patches(filter)[1]["patch"]["value"]["typed_config"]),
    )
    .await;

    options.image = Some("registry.example/toolgate:1".into());
    let all = resources(&render(&options));
    let filter = one(&all, "EnvoyFilter");
    let discovery = &patches(filter)[0]["patch"]["value"];
    assert_eq!(
        discovery["config_discovery"]["config_source"]["initial_fetch_timeout"],
        "0s"
    );
    let extension = &patches(filter)[1];
    assert_eq!(
        (&extension["applyTo"], &extension["patch"]["operation"]),
        (&json!("EXTENSION_CONFIG"), &json!("ADD"))
    );
    assert_eq!(extension["patch"]["value"]["name"], discovery["name"]);
    let typed = &extension["patch"]["value"]["typed_config"];
    assert_is_the_filter(typed);
    let uri = &typed["config"]["vm_config"]["code"]["remote"]["http_uri"]["uri"];
    assert_eq!(uri, "oci://registry.example/toolgate:1");
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_gateway_gets_a_gateway_with_the_filter() {
    let mut options = options(
        "gateway",
        Host::EnvoyGateway,
        "mcp-server.tools.svc.cluster.local:8080",
    );
    let all = resources(&render(&options));
    let route = one(&all, "HTTPRoute");
    let rule = &route["spec"]["rules"][0];
    assert_eq!(
        rule["backendRefs"],
        json!([{"name": "mcp-server", "port": 8080}])
    );
    assert_eq!(rule["timeouts"]["request"], "0s");
    let gateway = one(&all, "Gateway");
    assert_eq!(gateway["spec"]["listeners"][0]["port"], 10000);
    let proxy = one(&all, "EnvoyProxy");
    let log = &proxy["spec"]["telemetry"]["accessLog"]["settings"][0];
    assert_eq!(
        log["format"]["json"]["toolgate"],
        "%FILTER_STATE(wasm.toolgate:PLAIN)%"
    );
    assert_eq!(
        one(&all, "ClientTrafficPolicy")["spec"]["connection"]["bufferLimit"],
        "8Mi"
    );
    let patch = &one(&all, "EnvoyPatchPolicy")["spec"]["jsonPatches"][0];
    assert_eq!(patch["name"], "tools/toolgate/http");
    assert_eq!(
        patch["operation"]["path"],
        "/default_filter_chain/filters/0/typed_config/http_filters/0"
    );
    let typed = &patch["operation"]["value"]["typed_config"];
    assert_is_the_filter(typed);
    assert_works(typed, None).await;

    options.image = Some("oci://registry.example/toolgate:1".into());
    let all = resources(&render(&options));
    let extension = &one(&all, "EnvoyExtensionPolicy")["spec"];
    assert_eq!(
        extension["targetRefs"][0]["name"],
        route["metadata"]["name"]
    );
    let wasm = &extension["wasm"][0];
    assert_eq!(wasm["code"]["image"]["url"], "registry.example/toolgate:1");
    assert_eq!(
        (&wasm["failOpen"], &wasm["config"]["default"]),
        (&json!(false), &json!("deny"))
    );
    let patches = &one(&all, "EnvoyPatchPolicy")["spec"]["jsonPatches"];
    let set: Vec<_> = patches
        .as_array()
        .unwrap()
        .iter()
        .map(|patch| &patch["operation"]["path"])
        .collect();
    assert_eq!(
        set,
        [
            "allow_on_headers_stop_iteration",
            "failure_policy",
            "configuration"
        ]
    );
    let carried = &patches[2]["operation"]["value"];
    let text = carried["value"].as_str().unwrap();
    assert!(text.contains("9007199254740993"));
    assert_eq!(wasm["config"]["stopped"], true);
}
