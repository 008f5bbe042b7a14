//! Envoy's configuration: one listener per lane, alike but for the filter.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{lua, native};

/// A listener and what stands in it.
#[derive(Clone)]
pub struct Lane {
    pub name: String,
    pub filter: Filter,
}

/// What stands between the client and the router.
#[derive(Clone)]
pub enum Filter {
    /// Nothing.
    None,
    /// The wasm filter that only holds requests, or any other that needs no configuration.
    Floor(PathBuf),
    /// The gate, with its configuration.
    Gate { wasm: PathBuf, policy: String },
    /// Envoy's own filters.
    Native,
    /// The same check in Lua.
    Lua,
    /// The engine in another process, asked once, at this port.
    ExtAuthz(u16),
    /// The engine in another process, told the headers and then the body.
    ExtProc(u16),
}

impl Filter {
    /// The port of the other process.
    pub fn port(&self) -> Option<u16> {
        match self {
            Filter::ExtAuthz(port) | Filter::ExtProc(port) => Some(*port),
            _ => None,
        }
    }

    fn http_filters(&self, lane: &str) -> Vec<Value> {
        match self {
            Filter::None => Vec::new(),
            Filter::Floor(path) => vec![wasm(lane, path, "")],
            Filter::Gate { wasm: path, policy } => vec![wasm(lane, path, policy)],
            Filter::Native => native::filters(),
            Filter::Lua => vec![lua::filter()],
            Filter::ExtAuthz(_) => vec![ext_authz(&cluster_name(lane))],
            Filter::ExtProc(_) => vec![ext_proc(&cluster_name(lane))],
        }
    }
}

fn cluster_name(lane: &str) -> String {
    // It becomes the authority of the calls.
    format!("service-{}", lane.replace(' ', "-"))
}

/// Whole bodies, as bytes, and nothing allowed that the service did not see.
fn ext_authz(cluster: &str) -> Value {
    json!({
        "name": "envoy.filters.http.ext_authz",
        "typed_config": typed("filters.http.ext_authz.v3.ExtAuthz", json!({
            "grpc_service": {"envoy_grpc": {"cluster_name": cluster}, "timeout": "5s"},
            "transport_api_version": "V3",
            "with_request_body": {
                "max_request_bytes": 2 << 20,
                "allow_partial_message": false,
                "pack_as_bytes": true,
            },
        })),
    })
}

/// The headers, and the body once it is whole; nothing of the reply.
fn ext_proc(cluster: &str) -> Value {
    json!({
        "name": "envoy.filters.http.ext_proc",
        "typed_config": typed("filters.http.ext_proc.v3.ExternalProcessor", json!({
            "grpc_service": {"envoy_grpc": {"cluster_name": cluster}, "timeout": "5s"},
            "message_timeout": "5s",
            "processing_mode": {
                "request_header_mode": "SEND",
                "response_header_mode": "SKIP",
                "request_body_mode": "BUFFERED",
                "response_body_mode": "NONE",
                "request_trailer_mode": "SKIP",
                "response_trailer_mode": "SKIP",
            },
        })),
    })
}

/// A cluster of one address on this machine.
fn cluster(name: &str, port: u16, is_http2: bool) -> Value {
    let endpoint = json!({"endpoint": {"address": address(port)}});
    let mut cluster = json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    });
    if is_http2 {
        cluster["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions":
                typed("upstreams.http.v3.HttpProtocolOptions", json!({
                    "explicit_http_config": {"http2_protocol_options": {}},
                })),
        });
    }
    cluster
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
    let services = lanes.iter().filter_map(|lane| {
        let port = lane.filter.port()?;
        Some(cluster(&cluster_name(&lane.name), port, true))
    });
    let clusters: Vec<Value> = std::iter::once(cluster("mcp_server", upstream.port(), false))
        .chain(services)
        .collect();
    json!({
        "node": {"id": "lanes", "cluster": "lanes"},
        "admin": {"address": address(0)},
        "static_resources": {"listeners": listeners, "clusters": clusters},
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

/// A configuration of an extension with its type.
pub fn typed(name: &str, mut config: Value) -> Value {
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
