//! What both Kubernetes hosts need: names, and the filter's entry with its code from where the host has it.

use anyhow::{Context as _, Result, bail};

use super::console::{apart, local};
use super::pretty::pretty;
use super::template::{WASM, block, template};
use super::{Code, Config, Request};
use crate::text::{json, one_line};

/// Where the filter's file is mounted, unless it comes as an image.
pub(super) const MOUNT: &str = "/var/lib/toolgate";

/// The service in front of which the gate stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The service.
    pub service: String,
    /// Its namespace.
    pub namespace: String,
    /// Its port.
    pub port: u16,
}

impl Names {
    /// Takes them from an upstream.
    ///
    /// # Errors
    /// When the upstream is no service of the cluster.
    pub fn of(request: &Request) -> Result<Self> {
        let upstream = &request.upstream;
        let Some((service, namespace)) = upstream.service() else {
            bail!(
                "`{}` is no service of a cluster: expected `NAME.NAMESPACE:PORT`, such as `mcp-server.tools:8080`. In \
                 front of a server elsewhere run a gate of its own, with `toolgate render envoy`",
                upstream.authority()
            );
        };
        Ok(Self {
            service: service.to_owned(),
            namespace: namespace.to_owned(),
            port: upstream.port,
        })
    }
}

/// The `typed_config` of the filter's entry.
pub(super) fn filter(request: &Request, indent: usize) -> Result<String> {
    let code = code(request);
    let policy = pretty(&request.policy).context("the policy is not JSON")?;
    let config = Config::from(apart(template().as_str(), request)).replace(WASM, &code)?;
    let config = config.policy_json(&policy)?;
    let entry = block(
        config.as_str(),
        "- name: toolgate",
        "- name: envoy.filters.http.router",
        indent,
    )?;
    Ok(entry)
}

/// Where the proxy finds the filter.
pub(super) fn code(request: &Request) -> String {
    match &request.code {
        Code::File(path) => local(path),
        // The proxy's agent fetches it. `nil` is its word for a digest that is not given; the cluster is not used.
        Code::Image(_) => {
            let image = format!("oci://{}", request.code.image().unwrap_or_default());
            format!(
                "{{remote: {{sha256: \"nil\", http_uri: {{uri: {}, cluster: _, timeout: 30s}}}}}}",
                json(&image)
            )
        }
    }
}

/// The access log's settings, audit record included.
pub(super) fn access_log(indent: usize) -> Result<String> {
    block(template().as_str(), "access_log:", "route_config:", indent)
}

/// The fields of the access log's JSON.
pub(super) fn access_log_fields(indent: usize) -> Result<String> {
    block(template().as_str(), "json_format:", "route_config:", indent)
}

/// An item of a list as the value itself.
pub(super) fn without_dash(item: &str) -> String {
    let at = item.find("- name: ").unwrap_or(0);
    let (before, rest) = item.split_at(at);
    format!("{before}  {}", rest.strip_prefix("- ").unwrap_or(rest))
}

/// The first lines of a file.
pub(super) fn head(request: &Request, names: &Names, host: &str, command: &str) -> String {
    format!(
        "# Toolgate in {host}, in front of the service `{}` in `{}`, port {}; rendered by\n\
         # `toolgate render {command}` from {}.\n",
        names.service,
        names.namespace,
        names.port,
        one_line(&request.policy_name, 200)
    )
}

/// How the filter's file gets into a proxy: as a ConfigMap, for it has less than a mebibyte.
pub(super) fn config_map(namespace: &str) -> String {
    format!("kubectl -n {namespace} create configmap toolgate-wasm --from-file=toolgate.wasm")
}
