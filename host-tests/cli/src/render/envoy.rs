//! A whole Envoy, and the file that it watches for the filter and its policy.

use anyhow::{Context as _, Result, bail, ensure};

use super::console::{self, local};
use super::pretty::pretty;
use super::template::{ADMIN, LISTENER, UPSTREAM, WASM, template};
use super::upstream::socket;
use super::{Code, Config, Request};
use crate::text::{json, one_line};

/// `envoy/ecds/`, as this program was built with.
const WATCHING: &str = include_str!("../../../../envoy/ecds/envoy.yaml");
const WATCHED: &str = include_str!("../../../../envoy/ecds/toolgate.yaml");
/// The route of everything.
const ROUTE: &str = "              - match: {prefix: \"/\"}\n";

/// A configuration that Envoy starts with: the template with these values.
///
/// # Errors
/// When the policy is not JSON, or the filter is in an image, which Envoy itself cannot fetch.
pub fn envoy(request: &Request) -> Result<Config> {
    let wasm = file(request)?;
    let template = match &request.watch {
        Some(path) => watching(path)?,
        None => Config::from(console::apart(template().as_str(), request))
            .replace(WASM, &local(wasm))?,
    };
    // The policy last: its text must not be searched for what stands in the template.
    let mut config = template
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
    if !request.past.is_empty() {
        config = config.replace(ROUTE, &format!("{}{ROUTE}", past(request)?))?;
    }
    if let Some(console) = &request.console {
        let listener = console.listener(&local(wasm), 2)?;
        config = config.replace("\n  clusters:\n", &format!("\n{listener}\n  clusters:\n"))?;
    }
    if request.watch.is_none() {
        config = config.policy_json(&policy(request)?)?;
    }
    let (_, body) = config
        .as_str()
        .split_once("\nnode:")
        .context("the template has no `node:`")?;
    Ok(format!("{}\nnode:{body}", head(request, wasm)).into())
}

/// The file that an Envoy with [`Request::watch`] reads the filter and its policy from.
///
/// # Errors
/// As [`envoy`].
pub fn ecds(request: &Request) -> Result<String> {
    let wasm = file(request)?;
    let config = Config::from(console::apart(WATCHED, request)).replace(WASM, &local(wasm))?;
    let config = config.policy_json(&policy(request)?)?;
    let (_, body) = config
        .as_str()
        .split_once("\nresources:")
        .context("the template has no `resources:`")?;
    Ok(format!(
        "# The filter and its policy, from {}; rendered by `toolgate render ecds`.\n#\n# Publish a change by renaming a new \
         file over this one: Envoy reacts to the rename, and `--out` does so.\nresources:{body}",
        one_line(&request.policy_name, 200)
    ))
}

fn file(request: &Request) -> Result<&str> {
    match &request.code {
        Code::File(wasm) => Ok(wasm),
        Code::Image(_) => {
            bail!("Envoy itself cannot fetch an image: give it the file, with --wasm")
        }
    }
}

fn policy(request: &Request) -> Result<String> {
    pretty(&request.policy).context("the policy is not JSON")
}

fn watching(path: &str) -> Result<Config> {
    let directory = std::path::Path::new(path).parent();
    let directory = directory
        .map(|path| path.display().to_string())
        .filter(|path| !path.is_empty());
    Config::from(WATCHING)
        .replace(
            "path: envoy/ecds/toolgate.yaml",
            &format!("path: {}", json(path)),
        )?
        .replace(
            "{path: envoy/ecds}",
            &format!("{{path: {}}}", json(directory.as_deref().unwrap_or("."))),
        )
}

/// Routes by whole paths, with the gate off.
fn past(request: &Request) -> Result<String> {
    let mut routes =
        "              # Past the gate: whole paths of a server that answers MCP at another one.\n"
            .to_owned();
    for path in &request.past {
        let plain = |char: char| char.is_ascii_alphanumeric() || "/._-~".contains(char);
        let normal = path.starts_with('/')
            && path.chars().all(plain)
            && !path.contains("//")
            && !path.contains("/.");
        // RFC 8615 begins with a dot.
        let known = path
            .strip_prefix("/.well-known")
            .is_some_and(|rest| !rest.contains("/.") && !rest.contains("//"));
        ensure!(
            (normal || known && path.chars().all(plain)) && path.len() > 1,
            "`{}` is not a whole path such as `/token`, and only those may go past the gate",
            one_line(path, 80)
        );
        routes.push_str(&format!(
            "              - match: {{path: {}}}\n                route: {{cluster: mcp_server}}\n                typed_per_filter_config:\n                  \
             toolgate: {{\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}\n",
            json(path)
        ));
    }
    Ok(routes)
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
    let place = match &request.watch {
        Some(path) => format!(
            "in {}, which Envoy watches: a new one needs no restart",
            one_line(path, 200)
        ),
        None => "as JSON text under `configuration`".to_owned(),
    };
    format!(
        "# Toolgate in front of one MCP server, rendered by `toolgate render envoy`.\n\
         #\n\
         #   clients connect to      {}\n\
         #   the MCP server          {scheme}://{}\n\
         #   the filter              {}\n\
         #   the policy              {}, {place}\n\
         #   the audit trail         /dev/stdout\n\
         {}\
         #\n\
         # Run it:  envoy -c THIS_FILE\n\
         # Render it again after each change of the policy. What each option prevents: envoy/README.md in Toolgate's sources.\n",
        request.listen,
        upstream.authority(),
        one_line(wasm, 200),
        one_line(&request.policy_name, 200),
        console::line(request),
    )
}
