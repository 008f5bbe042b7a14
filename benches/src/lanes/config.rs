//! Envoy's configuration: one listener per lane, alike but for the filter.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use benches::TOOL;
use benches::input::{self, REQUIRED, RULES};
use serde_json::{Value, json};

/// A listener and what stands in it.
pub struct Lane {
    pub name: String,
    pub filter: Filter,
}

/// What stands between the client and the router.
pub enum Filter {
    /// Nothing.
    None,
    /// The wasm filter that only holds requests.
    Floor(PathBuf),
    /// The gate. `log` says whether records also go to Envoy's own log, which is the default.
    Gate { wasm: PathBuf, log: bool },
    /// Envoy's own filters.
    Native,
}

impl Filter {
    pub fn gate(wasm: PathBuf) -> Self {
        Filter::Gate { wasm, log: true }
    }

    /// Whether it refuses anything.
    pub fn enforces(&self) -> bool {
        matches!(self, Filter::Gate { .. } | Filter::Native)
    }

    fn http_filters(&self, lane: &str) -> Vec<Value> {
        match self {
            Filter::None => Vec::new(),
            Filter::Floor(path) => vec![wasm(lane, path, "")],
            Filter::Gate { wasm: path, log } => {
                let mut policy: Value =
                    serde_json::from_str(&input::policy(20, 20)).unwrap_or_default();
                policy["audit"] = json!({"log": log});
                vec![wasm(lane, path, &policy.to_string())]
            }
            Filter::Native => vec![native_mcp(), native_rbac()],
        }
    }
}

/// Builds the filter that only holds requests. It is a workspace of its own: only this needs it.
pub fn floor() -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("floor/Cargo.toml");
    let target = manifest.with_file_name("target");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--target", "wasm32-wasip1"])
        .arg("--manifest-path")
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&target)
        .status()
        .context("running cargo")?;
    ensure!(status.success(), "building {} failed", manifest.display());
    Ok(target.join("wasm32-wasip1/release/floor.wasm"))
}

/// The whole configuration. JSON is YAML.
pub fn envoy(lanes: &[Lane], upstream: SocketAddr) -> String {
    let listeners: Vec<Value> = lanes.iter().map(listener).collect();
    let endpoint = json!({"endpoint": {"address": address(upstream.port())}});
    json!({
        "node": {"id": "lanes", "cluster": "lanes"},
        "admin": {"address": address(0)},
        "static_resources": {
            "listeners": listeners,
            "clusters": [{
                "name": "mcp_server",
                "type": "STATIC",
                "connect_timeout": "5s",
                "load_assignment": {
                    "cluster_name": "mcp_server",
                    "endpoints": [{"lb_endpoints": [endpoint]}],
                },
            }],
        },
    })
    .to_string()
}

fn address(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

fn listener(lane: &Lane) -> Value {
    let mut filters = lane.filter.http_filters(&lane.name);
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": typed("filters.http.router.v3.Router", json!({})),
    }));
    // Every lane has an access log; the gate's lines hold the audit record besides.
    let access_log = json!({
        "name": "envoy.access_loggers.file",
        "typed_config": typed("access_loggers.file.v3.FileAccessLog", json!({
            "path": "/dev/stdout",
            "log_format": {"json_format": {
                "time": "%START_TIME(%Y-%m-%dT%H:%M:%E3SZ)%",
                "request_id": "%REQ(X-REQUEST-ID)%",
                "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
                "method": "%REQ(:METHOD)%",
                "path": "%REQ(:PATH)%",
                "status": "%RESPONSE_CODE%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "upstream": "%UPSTREAM_HOST%",
                "duration_ms": "%DURATION%",
                "toolgate": "%FILTER_STATE(wasm.toolgate:PLAIN)%",
            }},
        })),
    });
    let route = json!({
        "match": {"prefix": "/"},
        "route": {"cluster": "mcp_server", "timeout": "0s"},
    });
    let manager = json!({
        "stat_prefix": "mcp",
        "use_remote_address": true,
        "normalize_path": true,
        "merge_slashes": true,
        "access_log": [access_log],
        "route_config": {
            "virtual_hosts": [{"name": "mcp", "domains": ["*"], "routes": [route]}],
        },
        "http_filters": filters,
    });
    json!({
        "name": lane.name,
        "address": address(0),
        "per_connection_buffer_limit_bytes": 8 << 20,
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": typed(
                "filters.network.http_connection_manager.v3.HttpConnectionManager",
                manager,
            ),
        }]}],
    })
}

fn typed(name: &str, mut config: Value) -> Value {
    config["@type"] = format!("type.googleapis.com/envoy.extensions.{name}").into();
    config
}

fn wasm(lane: &str, path: &Path, configuration: &str) -> Value {
    let config = json!({
        "name": lane,
        "failure_policy": "FAIL_RELOAD",
        "allow_on_headers_stop_iteration": true,
        "vm_config": {
            // A VM of its own for each lane.
            "vm_id": lane,
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": path}},
        },
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": configuration,
        },
    });
    json!({
        "name": lane,
        "typed_config": typed("filters.http.wasm.v3.Wasm", json!({"config": config})),
    })
}

/// The strictest that the filter offers: it reads what the rules need, and refuses what is not MCP.
fn native_mcp() -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|(key, ..)| format!("params.arguments.{key}"))
        .chain(["params.name".to_owned()])
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .map(|path| json!({"path": path}))
        .collect();
    json!({
        "name": "envoy.filters.http.mcp",
        "typed_config": typed("filters.http.mcp.v3.Mcp", json!({
            "traffic_mode": "REJECT_NO_MCP",
            "max_request_body_size": 1 << 20,
            "reject_duplicate_keys": true,
            "parser_config": {
                "methods": [{"method": "tools/call", "extraction_rules": rules}],
            },
        })),
    })
}

/// The same twenty rules, as policies that deny.
fn native_rbac() -> Value {
    let at = |path: &[&str], value: Value| {
        let path: Vec<Value> = path.iter().map(|key| json!({"key": key})).collect();
        json!({"metadata": {"filter": "envoy.filters.http.mcp", "path": path, "value": value}})
    };
    let tool = at(
        &["params", "name"],
        json!({"string_match": {"exact": TOOL}}),
    );
    let policies: serde_json::Map<String, Value> = RULES
        .iter()
        .enumerate()
        .map(|(index, (key, op, value))| {
            let holds = at(&["params", "arguments", key], value_matcher(op, value));
            let denies = if index < REQUIRED {
                json!({"not_rule": holds})
            } else {
                holds
            };
            let policy = json!({
                "permissions": [{"and_rules": {"rules": [tool, denies]}}],
                "principals": [{"any": true}],
            });
            (format!("{key}-{op}-{index}"), policy)
        })
        .collect();
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": typed("filters.http.rbac.v3.RBAC", json!({
            "rules": {"action": "DENY", "policies": policies},
        })),
    })
}

fn value_matcher(op: &str, value: &str) -> Value {
    const FAR: f64 = 1e15;
    let value: Value = serde_json::from_str(value).unwrap_or_default();
    let number = value.as_f64().unwrap_or_default();
    let range =
        |start: f64, end: f64| json!({"double_match": {"range": {"start": start, "end": end}}});
    let exact = |value: &Value| match value {
        Value::String(text) => json!({"string_match": {"exact": text}}),
        Value::Bool(expected) => json!({"bool_match": expected}),
        other => json!({"double_match": {"exact": other}}),
    };
    match op {
        "in" => {
            let all: Vec<Value> = value.as_array().into_iter().flatten().map(exact).collect();
            json!({"or_match": {"value_matchers": all}})
        }
        "exists" => json!({"present_match": true}),
        // The upper end of a range is not part of it.
        "gte" => range(number, FAR),
        "lte" => range(-FAR, number + 0.5),
        "gt" => range(number + 0.5, FAR),
        "eq" => exact(&value),
        _ => json!({"string_match": {op: value}}),
    }
}
