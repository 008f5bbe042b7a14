//! `toolgate check` on files of hosts: every shipped one and every rendered one is without a fault, and each of twenty kinds
//! of mistakes, planted in each form, is found at its place.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;
use toolgate_cli::command::check::{self, Checked, WARNINGS};
use toolgate_cli::command::render::{Host, Options, run};
use toolgate_cli::command::{Paint, Severity};
use toolgate_document::{Document, Format, Position, Source};
use toolgate_rig::envoy::Config;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// A file of its own.
fn file(name: &str, text: &str) -> PathBuf {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("check-hosts-{}/{number}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn shown(checked: &Checked) -> String {
    checked
        .diagnostics
        .iter()
        .map(|found| found.text(Paint::PLAIN))
        .collect()
}

fn shipped() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join("envoy")];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            // Rules of Prometheus are no host's.
            if path.ends_with("dashboards") {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_shipped_files_are_without_a_fault() {
    let files = shipped();
    assert!(files.len() > 8, "{files:?}");
    for path in files {
        let checked = check::check(&path).unwrap();
        assert_eq!(shown(&checked), "", "{}", path.display());
        let found = checked.configurations.len() + checked.elsewhere.len();
        assert!(found > 0, "{}", path.display());
        assert!(
            checked
                .configurations
                .iter()
                .all(|found| found.digest.is_some())
        );
    }
}

/// A policy that has everything the mistakes need.
const JSON: &str = include_str!("check_hosts/policy.json");
const YAML: &str = include_str!("check_hosts/policy.yaml");

/// What carries a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    BareJson,
    Bootstrap,
    BootstrapAsJson,
    Ecds,
    Istio,
    IstioImage,
    EnvoyGateway,
    ConfigMap,
    BareYaml,
    Struct,
    WasmPlugin,
    TrafficExtension,
    EnvoyExtensionPolicy,
}

const FORMS: [Form; 13] = [
    Form::BareJson,
    Form::Bootstrap,
    Form::BootstrapAsJson,
    Form::Ecds,
    Form::Istio,
    Form::IstioImage,
    Form::EnvoyGateway,
    Form::ConfigMap,
    Form::BareYaml,
    Form::Struct,
    Form::WasmPlugin,
    Form::TrafficExtension,
    Form::EnvoyExtensionPolicy,
];

impl Form {
    fn is_json(self) -> bool {
        (self as usize) < (Form::BareYaml as usize)
    }

    fn host(self) -> &'static str {
        match self {
            Form::Struct => "envoy",
            Form::WasmPlugin | Form::TrafficExtension | Form::EnvoyExtensionPolicy => "kubernetes",
            _ => "none",
        }
    }

    /// The file's name and text with this policy in it.
    fn file(self, policy: &str) -> (&'static str, String) {
        let production = Config::production().unwrap();
        let bootstrap = |policy: &str| {
            production
                .clone()
                .policy_json(policy)
                .unwrap()
                .as_str()
                .to_owned()
        };
        match self {
            Form::BareJson => ("some.json", policy.to_owned()),
            Form::BareYaml => ("some.yaml", policy.to_owned()),
            Form::Bootstrap => ("envoy.yaml", bootstrap(policy)),
            Form::BootstrapAsJson => {
                let document =
                    Document::parse("envoy.yaml", bootstrap(policy), Format::Yaml).unwrap();
                let value: serde_json::Value = serde_json::from_str(document.json()).unwrap();
                ("envoy.json", format!("{value:#}"))
            }
            Form::Ecds => {
                let config = Config::ecds().unwrap().policy_json(policy).unwrap();
                ("ecds.yaml", config.filter().unwrap().to_owned())
            }
            Form::Istio => ("istio.yaml", embedded(Host::Istio, false, policy)),
            Form::IstioImage => ("istio-image.yaml", embedded(Host::Istio, true, policy)),
            Form::EnvoyGateway => ("gateway.yaml", embedded(Host::EnvoyGateway, false, policy)),
            Form::ConfigMap => {
                let text = indented(&bootstrap(policy), 4);
                let head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: proxy}\ndata:\n  envoy.yaml: |\n";
                ("configmap.yaml", format!("{head}{text}"))
            }
            Form::Struct => {
                let config = production.clone().policy_yaml(policy).unwrap();
                ("struct.yaml", config.as_str().to_owned())
            }
            Form::WasmPlugin => (
                "wasmplugin.yaml",
                format!(
                    "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: gate}}\nspec:\n  url: oci://r.example/toolgate:1\n  \
                 pluginConfig:\n{}",
                    indented(policy, 4)
                ),
            ),
            Form::TrafficExtension => (
                "trafficextension.yaml",
                format!(
                    "apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\nmetadata: {{name: gate}}\nspec:\n  wasm:\n    url: \
                 oci://r.example/toolgate:1\n    pluginConfig:\n{}",
                    indented(policy, 6)
                ),
            ),
            Form::EnvoyExtensionPolicy => (
                "extension.yaml",
                format!(
                    "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyExtensionPolicy\nmetadata: {{name: gate}}\nspec:\n  wasm:\n  - name: gate\n    \
                 code: {{type: Image, image: {{url: r.example/toolgate:1}}}}\n    config:\n{}",
                    indented(policy, 6)
                ),
            ),
        }
    }
}

fn indented(text: &str, by: usize) -> String {
    text.lines()
        .map(|line| format!("{}{line}\n", " ".repeat(by)))
        .collect()
}

/// What is rendered for the policy as it is, with another policy in its place.
fn embedded(host: Host, image: bool, policy: &str) -> String {
    let mut options = Options::new(host, file("base.json", JSON), "mcp.tools:8080");
    options.image = image.then(|| "r.example/toolgate:1".to_owned());
    let outcome = run(&options);
    assert_eq!(outcome.code, 0, "{}", outcome.errors);
    let line = outcome
        .output
        .lines()
        .find(|line| line.trim() == "\"version\": \"1\",")
        .unwrap();
    let by = line.len() - line.trim_start().len() - 2;
    let own = indented(JSON, by);
    assert!(outcome.output.contains(&own), "{}", outcome.output);
    outcome.output.replace(&own, &indented(policy, by))
}

/// What is replaced, and where the fault then is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    from: String,
    to: String,
    at: String,
    /// The last such text in the policy, not the first.
    #[serde(default)]
    last: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    what: String,
    json: Option<Change>,
    yaml: Option<Change>,
    says: String,
    yaml_says: Option<String>,
    envoy_says: Option<String>,
    kubernetes_says: Option<String>,
    /// In YAML that only the gate's own reader sees it is none.
    #[serde(default)]
    bare_yaml: bool,
    /// To the reader of Kubernetes it is one.
    #[serde(default = "yes")]
    kubernetes: bool,
}

fn yes() -> bool {
    true
}

fn mistakes() -> Vec<Mistake> {
    let text = include_str!("check_hosts/mistakes.yaml");
    let document = Document::parse("mistakes.yaml", text, Format::Yaml)
        .unwrap_or_else(|(_, problem)| panic!("{}", problem.sentence()));
    serde_json::from_str(document.json()).unwrap()
}

/// The place of a text in a file: the first behind where the policy begins, or the last.
fn place(file: &str, change: &Change, form: Form) -> Position {
    let shown = match form {
        Form::BootstrapAsJson => serde_json::Value::from(change.at.as_str()).to_string(),
        _ => change.at.clone(),
    };
    let shown = if form == Form::BootstrapAsJson {
        &shown[1..shown.len() - 1]
    } else {
        &shown
    };
    let offset = if change.last {
        file.rfind(shown)
    } else {
        file.find(shown)
    };
    Source::new("", file).position(offset.unwrap_or_else(|| panic!("no `{shown}` in {file}")))
}

#[test]
fn the_policy_is_right_in_every_form() {
    for form in FORMS {
        let (name, text) = form.file(if form.is_json() { JSON } else { YAML });
        let checked = check::check(&file(name, &text)).unwrap();
        let errors = checked
            .diagnostics
            .iter()
            .filter(|found| found.severity == Severity::Error);
        assert_eq!(errors.count(), 0, "{form:?}: {}", shown(&checked));
        let digests = checked
            .configurations
            .iter()
            .filter(|found| found.gate && found.digest.is_some())
            .count();
        assert_eq!(
            digests + usize::from(checked.digest.is_some()),
            1,
            "{form:?}"
        );
    }
}

#[test]
fn every_mistake_is_found_at_its_place_in_every_form() {
    let (mut planted, mut missed) = (0, Vec::new());
    for mistake in mistakes() {
        for form in FORMS {
            let change = if form.is_json() {
                &mistake.json
            } else {
                &mistake.yaml
            };
            let skipped = (form == Form::BareYaml && mistake.bare_yaml)
                || (form.host() == "kubernetes" && !mistake.kubernetes);
            let Some(change) = change.as_ref().filter(|_| !skipped) else {
                continue;
            };
            let policy = if form.is_json() { JSON } else { YAML };
            assert!(
                policy.contains(&change.from),
                "{}: {}",
                mistake.what,
                change.from
            );
            let (name, text) = form.file(&policy.replacen(&change.from, &change.to, 1));
            let checked = check::check(&file(name, &text)).unwrap();
            let at = place(&text, change, form);
            let says = match form.host() {
                "envoy" => mistake.envoy_says.as_ref(),
                "kubernetes" => mistake.kubernetes_says.as_ref(),
                _ => None,
            };
            let yaml = mistake.yaml_says.as_ref().filter(|_| !form.is_json());
            let says = says.or(yaml).unwrap_or(&mistake.says);
            let found = checked.diagnostics.iter().any(|found| {
                found.severity == Severity::Error
                    && found.position == at
                    && found.message.contains(says.as_str())
            });
            if !found {
                missed.push(format!(
                    "{}, {form:?}: `{says}` at {at} was expected:\n{}",
                    mistake.what,
                    shown(&checked)
                ));
            }
            planted += 1;
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    assert!(planted > 200, "{planted}");
}

/// What stands around a policy.
#[test]
fn mistakes_of_the_file_itself_are_found() {
    let production = Config::production().unwrap().as_str().to_owned();
    let istio = embedded(Host::Istio, false, JSON);
    for (name, text, at, says) in [
        (
            "tab.yaml",
            production.replacen("    address:", "\taddress:", 1),
            "address: {socket_address: {address: 127.0.0.1, port_value: 10000}}",
            "tab",
        ),
        (
            "twice.yaml",
            production.replacen(
                "          stat_prefix: mcp\n",
                "          stat_prefix: mcp\n          stat_prefix: mcp2\n",
                1,
            ),
            "stat_prefix: mcp2",
            "the key `stat_prefix` is there already",
        ),
        (
            "stray.yaml",
            format!("{production}---\nversion: \"1\"\ndefault: allow\n"),
            "version: \"1\"\ndefault",
            "a second document",
        ),
        (
            "stray-istio.yaml",
            format!("{istio}---\nversion: \"1\"\ndefault: allow\n"),
            "version: \"1\"\ndefault",
            "is no resource",
        ),
        (
            "yaml-text.yaml",
            Config::production()
                .unwrap()
                .policy_json("version: \"1\"\ndefault: deny")
                .unwrap()
                .as_str()
                .to_owned(),
            "version: \"1\"\n                    default",
            "no JSON text",
        ),
        (
            "none.yaml",
            production.replacen(
                "configuration:\n                  # JSON",
                "config:\n                  # JSON",
                1,
            ),
            "name: toolgate\n                # A fault",
            "has no configuration",
        ),
        (
            "other.yaml",
            production
                .replace("toolgate", "other")
                .replacen("\"version\": \"1\",", "", 1)
                .replacen("\"default\": \"deny\",", "", 1)
                .replacen("\"hide\"", "\"hidden\"", 1),
            "#",
            "no configuration of the gate",
        ),
    ] {
        let checked = check::check(&file(name, &text)).unwrap();
        let at = Source::new("", text.as_str()).position(text.find(at).unwrap());
        let found = checked.diagnostics.iter().any(|found| {
            found.severity == Severity::Error
                && found.position == at
                && found.message.contains(says)
        });
        assert!(
            found,
            "{name}: `{says}` at {at} was expected:\n{}",
            shown(&checked)
        );
    }
}

/// One change of the shipped configuration for each warning.
#[test]
fn every_warning_has_its_place() {
    let other = std::fs::read_to_string(root().join("envoy/other-traffic.yaml")).unwrap();
    let production = Config::production().unwrap().as_str().to_owned();
    let structured = Config::production()
        .unwrap()
        .policy_yaml("version: \"1\"\ndefault: deny\ntools: {a: {}}")
        .unwrap()
        .as_str()
        .to_owned();
    let cases = [
        (
            "TH01",
            production.replace(
                "initial_stream_window_size: 8388608",
                "initial_stream_window_size: 65536",
            ),
            "65536",
        ),
        (
            "TH02",
            production.replace("limit_bytes: 8388608", "limit_bytes: 1048576"),
            "1048576",
        ),
        (
            "TH02",
            production.replace("    per_connection_buffer_limit_bytes: 8388608\n", ""),
            "name: mcp\n    # Beyond",
        ),
        (
            "TH03",
            structured,
            "version: \"1\"\n                    default",
        ),
        (
            "TH04",
            other.replacen("{path: /token}", "{prefix: /token}", 1),
            "match: {prefix: /token}",
        ),
        (
            "TH05",
            production.replacen(
                "          - name: toolgate\n",
                "          - name: toolgate\n            disabled: true\n",
                1,
            ),
            "- name: toolgate",
        ),
        (
            "TH06",
            production.replacen(
                "cluster: mcp_server\n",
                "cluster: mcp_server\n                  retry_policy: {retry_on: 5xx}\n",
                1,
            ),
            "cluster: mcp_server",
        ),
        (
            "TH07",
            production.replacen("                  timeout: 0s", "                 ", 1),
            "cluster: mcp_server",
        ),
        (
            "TH08",
            production.replacen("merge_slashes: true", "merge_slashes: false", 1),
            "\"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager",
        ),
        (
            "TH09",
            production.replacen("REJECT_REQUEST}", "ALLOW}", 1),
            "\"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager",
        ),
        (
            "TH10",
            production.replacen(
                "allow_on_headers_stop_iteration: true",
                "allow_on_headers_stop_iteration: false",
                1,
            ),
            "name: toolgate\n                # A fault",
        ),
        (
            "TH11",
            production.replacen(
                "failure_policy: FAIL_RELOAD",
                "failure_policy: FAIL_OPEN",
                1,
            ),
            "name: toolgate\n                # A fault",
        ),
    ];
    for (code, text, at) in &cases {
        let checked = check::check(&file(&format!("{code}.yaml"), text)).unwrap();
        let at = Source::new("", text.as_str())
            .position(text.find(at).unwrap_or_else(|| panic!("{code}: {at}")));
        let codes: Vec<_> = checked
            .diagnostics
            .iter()
            .map(|found| {
                (
                    found.code.as_deref().unwrap_or("error"),
                    found.position.line,
                )
            })
            .collect();
        assert_eq!(codes, [(*code, at.line)], "{}", shown(&checked));
    }
    let documented = std::fs::read_to_string(root().join("envoy/README.md")).unwrap();
    for warning in WARNINGS {
        assert!(
            cases.iter().any(|(code, ..)| *code == warning.code),
            "{}",
            warning.code
        );
        assert!(
            documented.contains(&format!("| `{}` |", warning.code)),
            "{}",
            warning.code
        );
    }
}

#[test]
fn routes_are_told_apart() {
    let checked = check::check(&root().join("envoy/other-traffic.yaml")).unwrap();
    let judged: Vec<_> = checked
        .routes
        .iter()
        .filter(|route| route.judged)
        .map(|route| route.pattern.as_str())
        .collect();
    assert_eq!(judged, ["path separated prefix `/mcp`"]);
    assert_eq!(checked.routes.len(), 9);
    assert!(checked.routes.iter().all(
        |route| route.to == "`mcp_server`" || (!route.judged && route.pattern == "prefix `/`")
    ));
}

#[test]
fn a_directory_is_searched_for_policies_in_any_file() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("check-directory-{}", std::process::id()));
    std::fs::create_dir_all(directory.join("deep")).unwrap();
    let put = |name: &str, text: &str| std::fs::write(directory.join(name), text).unwrap();
    put("policy.yaml", "version: \"1\"\ndefault: deny\n");
    put(
        "deep/payments.yaml",
        "version: \"1\"\ndefualt: deny\ntools: {}\n",
    );
    put(
        "deep/envoy.yaml",
        &Config::production()
            .unwrap()
            .as_str()
            .replace("\"hide\"", "\"hyde\""),
    );
    put(
        "deep/broken.yaml",
        "apiVersion: v1\nkind: ConfigMap\n\tname: toolgate\n",
    );
    put("tests.yaml", "config: policy.yaml\ncases: []\n");
    put("values.yaml", "image: {tag: 012}\n");
    put(
        "other.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n",
    );
    let outcome = check::run(&check::Options {
        paths: vec![directory.clone()],
        deny_warnings: false,
        json: true,
        paint: Paint::PLAIN,
    });
    let report: serde_json::Value = serde_json::from_str(&outcome.output).unwrap();
    let files: Vec<_> = report["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            Path::new(file["file"].as_str().unwrap())
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        files,
        ["broken.yaml", "envoy.yaml", "payments.yaml", "policy.yaml"]
    );
    assert_eq!((outcome.code, &report["errors"]), (1, &3.into()));
}
