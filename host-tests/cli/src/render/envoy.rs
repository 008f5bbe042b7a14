//! A whole Envoy.

use anyhow::{Context as _, Result, bail};

use super::Config;
use super::pretty::pretty;
use super::template::{ADMIN, LISTENER, UPSTREAM, WASM, template};
use super::upstream::socket;
use super::{Code, Request};
use crate::text::{json, one_line};

/// A configuration that Envoy starts with: the template with these values.
///
/// # Errors
/// When the policy is not JSON, or the filter is in an image, which Envoy itself cannot fetch.
pub fn envoy(request: &Request) -> Result<Config> {
    let Code::File(wasm) = &request.code else {
        bail!("Envoy itself cannot fetch an image: give it the file, with --wasm");
    };
    let policy = pretty(&request.policy).context("the policy is not JSON")?;
    // The policy last: its text must not be searched for what stands in the template.
    let mut config = template()
        .replace(WASM, &format!("{{local: {{filename: {}}}}}", json(wasm)))?
        .replace(UPSTREAM, &request.upstream.socket())?
        .replace(
            LISTENER,
            &socket(&request.listen.ip().to_string(), request.listen.port()),
        )?
        .replace(
            ADMIN,
            &socket(&request.admin.ip().to_string(), request.admin.port()),
        )?;
    if request.upstream.ip().is_none() {
        config = config.replace(
            "connect_timeout: 5s",
            "dns_lookup_family: V4_PREFERRED       # `localhost` is ::1 as well, where few servers listen.\n    connect_timeout: 5s",
        )?;
    }
    if request.upstream.tls {
        config = with_tls(config, request)?;
    }
    let config = config.policy_json(&policy)?;
    let (_, body) = config
        .as_str()
        .split_once("\nnode:")
        .context("the template has no `node:`")?;
    Ok(format!("{}\nnode:{body}", head(request, wasm)).into())
}

fn with_tls(config: Config, request: &Request) -> Result<Config> {
    let upstream = &request.upstream;
    let host = json(&upstream.host);
    let (sni, kind) = match upstream.ip() {
        Some(_) => (String::new(), "IP_ADDRESS"),
        None => (format!("\n        sni: {host}"), "DNS"),
    };
    let tls = format!(
        "connect_timeout: 5s
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext{sni}
        common_tls_context:
          # Without both of these Envoy would talk to anybody.
          validation_context:
            trusted_ca: {{filename: {}}}
            match_typed_subject_alt_names:
            - {{san_type: {kind}, matcher: {{exact: {host}}}}}",
        json(&request.ca)
    );
    let route = format!(
        "cluster: mcp_server\n                  # A server on the internet is found by its own name, not by the gate's.\n                  \
         host_rewrite_literal: {}",
        json(&upstream.authority())
    );
    config
        .replace("connect_timeout: 5s", &tls)?
        .replace("cluster: mcp_server", &route)
}

fn head(request: &Request, wasm: &str) -> String {
    let upstream = &request.upstream;
    let scheme = if upstream.tls { "https" } else { "http" };
    format!(
        "# Toolgate in front of one MCP server, rendered by `toolgate render envoy`.\n\
         #\n\
         #   clients connect to      {}\n\
         #   the MCP server          {scheme}://{}\n\
         #   the filter              {}\n\
         #   the policy              {}, as JSON text under `configuration`\n\
         #   the audit trail         /dev/stdout\n\
         #\n\
         # Run it:  envoy -c THIS_FILE\n\
         # Render it again after each change of the policy. What each option prevents: envoy/README.md in Toolgate's sources.\n",
        request.listen,
        upstream.authority(),
        one_line(wasm, 200),
        one_line(&request.policy_name, 200),
    )
}
