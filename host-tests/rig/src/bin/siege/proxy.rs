//! The proxy under siege, and what it uses up.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use toolgate_rig::envoy::Envoy;

/// VMs that were made so far.
pub fn created(envoy: &Envoy) -> Result<u64> {
    let stats = envoy.stats("wasm.")?;
    Ok(stats
        .iter()
        .filter(|(name, _)| name.ends_with(".created"))
        .map(|(_, count)| count)
        .sum())
}

/// Resident memory in MiB, where the system tells.
pub fn resident(envoy: &Envoy) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", envoy.pid())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

/// Processor time so far of all threads, where the system tells: to the nanosecond on Linux.
pub fn processor_seconds(envoy: &Envoy) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", envoy.pid()));
    let nanos = tasks.into_iter().flatten().flatten().filter_map(|task| {
        let spent = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        spent.split_whitespace().next()?.parse::<u64>().ok()
    });
    nanos.sum::<u64>() as f64 / 1e9
}

/// A listener of the proxy: its name, the policy of its gate, and the port of its server.
pub struct Listener {
    pub name: String,
    pub policy: String,
    pub upstream: u16,
}

/// A configuration with these listeners, whose gates share a VM.
pub fn bootstrap(wasm: &Path, listeners: &[Listener]) -> Result<Value> {
    let wasm = wasm.to_str().context("the filter's path is not UTF-8")?;
    let mut clusters: Vec<u16> = listeners.iter().map(|listener| listener.upstream).collect();
    clusters.sort_unstable();
    clusters.dedup();
    let clusters: Vec<Value> = clusters.into_iter().map(cluster).collect();
    let listeners: Vec<Value> = listeners
        .iter()
        .map(|listener| gated(wasm, listener))
        .collect();
    Ok(json!({
        "admin": {"address": any_port(0)},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }))
}

fn any_port(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

fn gated(wasm: &str, listener: &Listener) -> Value {
    let gate = json!({
        "name": "toolgate",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": listener.name,
                "failure_policy": "FAIL_RELOAD",
                "allow_on_headers_stop_iteration": true,
                "vm_config": {
                    "vm_id": "toolgate-siege",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": wasm}},
                },
                "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": listener.policy},
            },
        },
    });
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    });
    let cluster = listener.upstream.to_string();
    json!({
        "name": listener.name,
        "address": any_port(0),
        "per_connection_buffer_limit_bytes": 8 * 1024 * 1024,
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "gate",
                "codec_type": "AUTO",
                "http_protocol_options": {"enable_trailers": true},
                "http_filters": [gate, router],
                "route_config": {"virtual_hosts": [{
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": ""}, "route": {"cluster": cluster, "timeout": "0s"}}],
                }]},
            },
        }]}],
    })
}

fn cluster(port: u16) -> Value {
    let name = port.to_string();
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "per_connection_buffer_limit_bytes": 8 * 1024 * 1024,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": any_port(port)}}]}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "common_http_protocol_options": {"max_requests_per_connection": 1},
            "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
        }},
    })
}
