//! Envoy Gateway: a Gateway with a route to the server, the filter in its listener.

use anyhow::{Context as _, Result, ensure};

use super::kubernetes::{
    MOUNT, Names, access_log_fields, code, config_map, filter, head, without_dash,
};
use super::pretty::pretty;
use super::template::{indented, setting, template};
use super::{Code, Console, Request};
use crate::text::json;

const NEEDS: &str = "\
#
# Needs Envoy Gateway with a proxy of Envoy 1.35 or later, and EnvoyPatchPolicy switched on in Envoy Gateway's own
# configuration: `extensionApis: {enableEnvoyPatchPolicy: true}`.
#
# Before you rely on it:
#   - Ask for a tool that is denied. Where a patch is not applied, or an older proxy refuses it, a running proxy goes on with
#     what it had.
#   - A NetworkPolicy that lets only the Gateway's proxies reach the server keeps callers from going around them.
# Is it there?  kubectl get envoypatchpolicy toolgate -o yaml    `Programmed` must be \"True\"
";

/// The resources as YAML.
///
/// # Errors
/// When the upstream is no service of the cluster, or the policy is not JSON.
pub fn envoy_gateway(request: &Request) -> Result<String> {
    let names = Names::of(request)?;
    let mut out = head(request, &names, "Envoy Gateway", "envoy-gateway");
    out.push_str(NEEDS);
    if matches!(request.code, Code::File(_)) {
        out.push_str(&format!(
            "#\n# The filter comes as a file. Once, where Envoy Gateway runs its proxies:\n#   {}\n",
            config_map("envoy-gateway-system")
        ));
    }
    out.push_str(&gateway(request, &names)?);
    out.push_str(&proxy(request, &names)?);
    out.push_str(&traffic(&names)?);
    match &request.code {
        Code::File(_) => out.push_str(&inserted(request, &names)?),
        Code::Image(_) => out.push_str(&extended(request, &names)?),
    }
    if let Some(console) = &request.console {
        out.push_str(&with_console(console, request, &names)?);
    }
    Ok(out)
}

fn gateway(request: &Request, names: &Names) -> Result<String> {
    let Names {
        service,
        namespace,
        port,
    } = names;
    Ok(format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: toolgate
  namespace: {namespace}
spec:
  gatewayClassName: eg      # The GatewayClass of your Envoy Gateway.
  infrastructure:
    parametersRef: {{group: gateway.envoyproxy.io, kind: EnvoyProxy, name: toolgate}}
  listeners:
  # Beyond the cluster make it HTTPS: bearer tokens travel here. The listener's name is part of a patch below.
  - {{name: http, protocol: HTTP, port: {}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {service}
  namespace: {namespace}
spec:
  parentRefs:
  - {{name: toolgate}}
  rules:
  - backendRefs:
    - {{name: {service}, port: {port}}}
    # The default would cut SSE streams. And no retries: a call that is sent twice may run twice.
    timeouts: {{request: 0s}}
",
        request.listen.port()
    ))
}

fn proxy(request: &Request, names: &Names) -> Result<String> {
    let namespace = &names.namespace;
    let mut out = format!(
        "---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata:
  name: toolgate
  namespace: {namespace}
spec:
"
    );
    if let Code::File(path) = &request.code {
        let directory = std::path::Path::new(path).parent();
        let directory = directory.map_or(MOUNT.to_owned(), |path| path.display().to_string());
        out.push_str(&format!(
            "  provider:
    type: Kubernetes
    kubernetes:
      envoyDeployment:
        pod:
          volumes:
          - {{name: toolgate, configMap: {{name: toolgate-wasm}}}}
        container:
          volumeMounts:
          - {{name: toolgate, mountPath: {}, readOnly: true}}
",
            json(&directory)
        ));
    }
    out.push_str(&format!(
        "  telemetry:
    accessLog:
      settings:
      - format:
          type: JSON
          json:
{}        sinks:
        - type: File
          file: {{path: /dev/stdout}}
",
        access_log_fields(12)?
    ));
    Ok(out)
}

fn traffic(names: &Names) -> Result<String> {
    let template = template();
    let template = template.as_str();
    Ok(format!(
        "---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: ClientTrafficPolicy
metadata:
  name: toolgate
  namespace: {}
spec:
  targetRefs:
  - {{group: gateway.networking.k8s.io, kind: Gateway, name: toolgate}}
  # What the gate may hold: more than `http.max_body_bytes` and `results.max_json_bytes`.
  connection: {{bufferLimit: 8Mi}}
  http2: {{initialStreamWindowSize: 8Mi, initialConnectionWindowSize: 16Mi, maxConcurrentStreams: {}}}
  # Servers that turn headers into variables read `x_user` as `x-user`.
  headers: {{withUnderscoresAction: RejectRequest}}
  # One spelling of each path.
  path: {{escapedSlashesAction: RejectRequest, disableMergeSlashes: false}}
  # A client that stops half way through its request does not keep the gate's buffer.
  timeout: {{http: {{requestReceivedTimeout: {}}}}}
",
        names.namespace,
        setting(template, "max_concurrent_streams")?,
        setting(template, "request_timeout")?
    ))
}

/// The filter as a file: the whole entry goes in by a patch.
fn inserted(request: &Request, names: &Names) -> Result<String> {
    let namespace = &names.namespace;
    Ok(format!(
        "---
# The filter. EnvoyExtensionPolicy has no field for `allow_on_headers_stop_iteration`, which holds a request's headers until
# its body is judged, and fetches images only. So the entry goes into the listener as it is.
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyPatchPolicy
metadata:
  name: toolgate
  namespace: {namespace}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: Gateway, name: toolgate}}
  type: JSONPatch
  jsonPatches:
  - type: type.googleapis.com/envoy.config.listener.v3.Listener
    name: {namespace}/toolgate/http      # namespace, Gateway, listener
    operation:
      op: add
      # The first filter of the listener. With HTTPS: /filter_chains/0/filters/0/…
      path: /default_filter_chain/filters/0/typed_config/http_filters/0
      value:
        name: toolgate
{}",
        filter(request, 8)?
    ))
}

/// The console as a listener of its own, at the loopback of each proxy.
fn with_console(console: &Console, request: &Request, names: &Names) -> Result<String> {
    let namespace = &names.namespace;
    ensure!(
        matches!(request.code, Code::File(_)),
        "the policy needs a person, and the console is a listener of its own, for which Envoy Gateway fetches no image: give the \
         filter as a file, with --wasm"
    );
    Ok(format!(
        "---
# The console, in the same process: what people decide lives in its memory, so each proxy has its own.
# Reach it with:  kubectl -n envoy-gateway-system port-forward POD {}
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyPatchPolicy
metadata:
  name: toolgate-console
  namespace: {namespace}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: Gateway, name: toolgate}}
  type: JSONPatch
  jsonPatches:
  - type: type.googleapis.com/envoy.config.listener.v3.Listener
    name: console
    operation:
      op: add
      path: \"\"
      value:
{}",
        console.listen.port(),
        without_dash(&console.listener(&code(request), 6)?),
    ))
}

/// The filter as an image: Envoy Gateway fetches it, and a patch sets what its resource has no field for.
fn extended(request: &Request, names: &Names) -> Result<String> {
    let Names {
        service, namespace, ..
    } = names;
    let policy = pretty(&request.policy).context("the policy is not JSON")?;
    let text = format!(
        "\n        \"@type\": type.googleapis.com/google.protobuf.StringValue\n        value: |\n{}",
        indented(&policy, 10).trim_end()
    );
    let at = format!(
        "..http_filters[?(@.name=='envoy.filters.http.wasm/envoyextensionpolicy/{namespace}/toolgate/wasm/0')].typed_config.config"
    );
    let patch = |key: &str, value: &str| {
        format!(
            "  - type: type.googleapis.com/envoy.config.listener.v3.Listener
    name: {namespace}/toolgate/http      # namespace, Gateway, listener
    operation:
      op: add
      jsonPath: {}
      path: {key}
      value: {value}
",
            json(&at)
        )
    };
    Ok(format!(
        "---
# The filter, with a policy that refuses everything. The real one comes by the patch below, as text: values here would go through
# Kubernetes' YAML reader, which takes `NO` for false and numbers for doubles.
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata:
  name: toolgate
  namespace: {namespace}
spec:
  targetRefs:
  - {{group: gateway.networking.k8s.io, kind: HTTPRoute, name: {service}}}
  wasm:
  - name: toolgate
    failOpen: false
    code:
      type: Image
      image:
        url: {}
    config: {{version: \"1\", default: deny, stopped: true}}
---
# What EnvoyExtensionPolicy has no field for, and the policy. Until this is applied each call hangs and is answered with an
# error: nothing passes unjudged.
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyPatchPolicy
metadata:
  name: toolgate
  namespace: {namespace}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: Gateway, name: toolgate}}
  type: JSONPatch
  jsonPatches:
  # Holds a request's headers until its body is judged.
{}  # After a fault the worker has a new VM about a second later, in place of answering 503 for good.
{}  # JSON text keeps the policy exactly as written.
{}",
        json(request.code.image().unwrap_or_default()),
        patch("allow_on_headers_stop_iteration", "true"),
        patch("failure_policy", "FAIL_RELOAD"),
        patch("configuration", &text),
    ))
}
