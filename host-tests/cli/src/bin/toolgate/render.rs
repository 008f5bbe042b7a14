//! `toolgate render`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use toolgate_cli::command::render::{self, Host, Options};
use toolgate_cli::command::{Outcome, Paint};

/// Write a complete configuration of a host for a policy and a server
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// For which host
    #[arg(value_enum)]
    host: HostName,

    /// The policy, JSON or YAML
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,

    /// The MCP server: HOST:PORT, or a URL (https: TLS to it). In Kubernetes NAME.NAMESPACE:PORT of its service
    #[arg(
        long,
        value_name = "HOST:PORT|URL",
        required_if_eq_any([("host", "envoy"), ("host", "istio"), ("host", "envoy-gateway")])
    )]
    upstream: Option<String>,

    /// Where clients connect; for Envoy Gateway only the port counts, Istio keeps the server's own
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:10000")]
    listen: SocketAddr,

    /// Where Envoy's own interface listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9901")]
    admin: SocketAddr,

    /// The filter's file as the proxy sees it; by default TOOLGATE_WASM, else the one that `cargo wasm` builds, in Kubernetes
    /// /var/lib/toolgate/toolgate.wasm
    #[arg(long, value_name = "PATH", conflicts_with = "image")]
    wasm: Option<PathBuf>,

    /// The filter's image, for Istio and Envoy Gateway
    #[arg(long, value_name = "oci://…")]
    image: Option<String>,

    /// The certificates that a server with https is held against
    #[arg(long, value_name = "PATH", default_value = toolgate_cli::render::DEFAULT_CA)]
    ca: String,

    /// Where people decide, if the policy needs a person: a console beside the gate
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:10001")]
    console: SocketAddr,

    /// The SHA-256 of the token that `toolgate console token` printed; without it the console is nobody's
    #[arg(long, value_name = "HEX", value_parser = sha256)]
    approver: Option<String>,

    /// Leave the console out: people decide elsewhere
    #[arg(long)]
    no_console: bool,

    /// A whole path that goes to the server past the gate, such as /token of a server that issues its own tokens; may be repeated.
    /// Only for a server that answers MCP at another path
    #[arg(long, value_name = "PATH")]
    past: Vec<String>,

    /// Have Envoy watch this file for the filter and its policy, and write it, too: a new policy then needs no restart
    #[arg(long, value_name = "FILE")]
    watch: Option<PathBuf>,

    /// Where to write; by default to stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Overwrite what is there
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HostName {
    /// An Envoy of its own, 1.35 or later
    Envoy,
    /// Only the file that such an Envoy watches, with a new policy
    Ecds,
    /// The sidecar of the server in an Istio mesh
    Istio,
    /// A Gateway of Envoy Gateway in front of the server
    EnvoyGateway,
}

const HELP: &str = "\
The policy is checked first and goes in as JSON text, so that its numbers stay as they are written.

Exit codes: 0 rendered, 1 the policy has errors, 2 it cannot be read or there is no such upstream.

Examples:
  toolgate render envoy --policy policy.yaml --upstream 127.0.0.1:3000 --out envoy.yaml
  toolgate render envoy --policy policy.yaml --upstream 127.0.0.1:3000 --out envoy.yaml --watch live/toolgate.yaml
  toolgate render ecds --policy new.yaml --out live/toolgate.yaml --force      a new policy, live within a second
  toolgate render envoy --policy policy.yaml --upstream https://mcp.example.com/mcp --listen 0.0.0.0:10000
  toolgate render istio --policy policy.yaml --upstream mcp-server.tools:8080 --image oci://registry.example/toolgate:1
  toolgate render envoy-gateway --policy policy.yaml --upstream mcp-server.tools:8080 | kubectl apply -f -";

fn sha256(text: &str) -> Result<String, String> {
    let hex = text.len() == 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if hex {
        Ok(text.to_owned())
    } else {
        Err("expected 64 hex digits in lower case".to_owned())
    }
}

pub fn run(arguments: Arguments) -> Outcome {
    render::run(&Options {
        host: match arguments.host {
            HostName::Envoy => Host::Envoy,
            HostName::Ecds => Host::Ecds,
            HostName::Istio => Host::Istio,
            HostName::EnvoyGateway => Host::EnvoyGateway,
        },
        policy: arguments.policy,
        // The file alone does not say where calls go.
        upstream: arguments
            .upstream
            .unwrap_or_else(|| "127.0.0.1:1".to_owned()),
        listen: arguments.listen,
        admin: arguments.admin,
        wasm: arguments.wasm,
        image: arguments.image,
        ca: arguments.ca,
        console: arguments.console,
        approver: arguments.approver,
        no_console: arguments.no_console,
        past: arguments.past,
        watch: arguments.watch,
        out: arguments.out,
        force: arguments.force,
        paint: Paint::detect(),
    })
}
