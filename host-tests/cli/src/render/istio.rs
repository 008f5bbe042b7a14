//! Istio: the filter in the sidecar of the server itself, where nobody gets past it.

use anyhow::Result;

use super::kubernetes::{MOUNT, Names, access_log, code, config_map, filter, head, without_dash};
use super::template::{setting, template};
use super::{Code, Request};

const WHY: &str = "\
#
# An EnvoyFilter, not a WasmPlugin: the gate needs `allow_on_headers_stop_iteration`, which holds a request's headers until
# its body is judged, and WasmPlugin has no field for it. Without it every call would hang. The proxy must be built on
# Envoy 1.35 or later: an older one does not know the option, refuses this configuration and goes on without the gate.
#
# Before you rely on it:
#   - The Service's port must be declared HTTP (`appProtocol: http`, or a name that begins with `http`). To a port that Istio
#     takes for TCP no HTTP filter applies, and calls would pass unjudged.
#   - A PeerAuthentication with `mtls: {mode: STRICT}` keeps callers from going around the sidecar.
#   - A VirtualService for this host needs `retries: {attempts: 0}`: a call that is sent twice may run twice.
# Is it there?  istioctl proxy-config listener POD --port PORT -o json | grep toolgate
";

/// The resources as YAML.
///
/// # Errors
/// When the upstream is no service of the cluster, or the policy is not JSON.
pub fn istio(request: &Request) -> Result<String> {
    let names = Names::of(request)?;
    let Names {
        service,
        namespace,
        port,
    } = &names;
    let template = template();
    let template = template.as_str();
    let mut out = head(request, &names, "Istio", "istio");
    out.push_str(WHY);
    if let Code::File(path) = &request.code {
        let directory = std::path::Path::new(path).parent();
        let directory = directory.map_or(MOUNT.to_owned(), |path| path.display().to_string());
        out.push_str(&format!(
            "#\n# The filter comes as a file. Once:\n#   {}\n# and in the server's pod template:\n#   annotations:\n\
             #     sidecar.istio.io/userVolume: '[{{\"name\":\"toolgate\",\"configMap\":{{\"name\":\"toolgate-wasm\"}}}}]'\n\
             #     sidecar.istio.io/userVolumeMount: '[{{\"name\":\"toolgate\",\"mountPath\":\"{directory}\",\"readOnly\":true}}]'\n",
            config_map(namespace)
        ));
    }
    out.push_str(&format!(
        "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata:
  name: toolgate-{service}
  namespace: {namespace}
spec:
  # The pods of the server.
  workloadSelector:
    labels:
      app: {service}
  configPatches:
  # The filter, in front of everything that would reach the server.
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      listener:
        portNumber: {port}
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
            subFilter:
              name: envoy.filters.http.router
    patch:
      operation: INSERT_BEFORE
      value:
        name: toolgate
"
    ));
    match &request.code {
        Code::File(_) => out.push_str(&filter(request, 8)?),
        // Only what comes by ECDS is fetched by the proxy's agent.
        Code::Image(_) => out.push_str(&format!(
            "        # Its configuration comes by ECDS, for the agent beside the proxy fetches images only for that. Until it is
        # there, the listener waits: nothing passes unjudged.
        config_discovery:
          config_source:
            ads: {{}}
            initial_fetch_timeout: 0s
            resource_api_version: V3
          type_urls: [type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm]
  - applyTo: EXTENSION_CONFIG
    match:
      context: SIDECAR_INBOUND
    patch:
      operation: ADD
      value:
        name: toolgate
{}",
            filter(request, 8)?
        )),
    }
    out.push_str(&format!(
        "  # One spelling of each path, limits for slow clients, and the audit trail.
  - applyTo: NETWORK_FILTER
    match:
      context: SIDECAR_INBOUND
      listener:
        portNumber: {port}
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
    patch:
      operation: MERGE
      value:
        name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          normalize_path: {}
          merge_slashes: {}
          path_with_escaped_slashes_action: {}
          common_http_protocol_options: {}
          http2_protocol_options:
            initial_stream_window_size: {}
            initial_connection_window_size: {}
          request_headers_timeout: {}
          request_timeout: {}
          stream_idle_timeout: {}
          access_log:
{}",
        setting(template, "normalize_path")?,
        setting(template, "merge_slashes")?,
        setting(template, "path_with_escaped_slashes_action")?,
        setting(template, "common_http_protocol_options")?,
        setting(template, "initial_stream_window_size")?,
        setting(template, "initial_connection_window_size")?,
        setting(template, "request_headers_timeout")?,
        setting(template, "request_timeout")?,
        setting(template, "stream_idle_timeout")?,
        access_log(10)?,
    ));
    out.push_str(&format!(
        "  # What the gate may hold: more than `http.max_body_bytes` and `results.max_json_bytes`.
  - applyTo: LISTENER
    match:
      context: SIDECAR_INBOUND
      listener:
        name: virtualInbound
    patch:
      operation: MERGE
      value:
        per_connection_buffer_limit_bytes: {}
",
        setting(template, "per_connection_buffer_limit_bytes")?,
    ));
    if let Some(console) = &request.console {
        out.push_str(&format!(
            "  # The console, in the same process: what people decide lives in its memory, so each pod has its own.
  # Reach it with:  kubectl -n {namespace} port-forward POD {}
  - applyTo: LISTENER
    match:
      context: SIDECAR_INBOUND
    patch:
      operation: ADD
      value:
{}",
            console.listen.port(),
            without_dash(&console.listener(&code(request), 6)?),
        ));
    }
    Ok(out)
}
