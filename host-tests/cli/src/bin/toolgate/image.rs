//! `toolgate image`

use std::path::PathBuf;

use clap::Args;
use toolgate_cli::command::Outcome;
use toolgate_cli::command::image::{self, Options};

/// Write the filter as an image for Istio and Envoy Gateway, or as a ConfigMap
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// The filter's file; by default the one that `cargo wasm` builds
    #[arg(long, value_name = "FILE")]
    wasm: Option<PathBuf>,

    /// The directory of the OCI layout; by default toolgate-image
    #[arg(long, value_name = "DIR", conflicts_with = "config_map")]
    out: Option<PathBuf>,

    /// Print a ConfigMap for this namespace instead, for proxies that mount the filter as a file; it holds 1 MiB at most
    #[arg(long, value_name = "NAMESPACE")]
    config_map: Option<String>,

    /// Replace the layout that is there
    #[arg(long)]
    force: bool,
}

const HELP: &str = "\
The layout holds two images of the same module: `compat`, a container image with plugin.wasm in its one layer, and `artifact`, of
two layers, one of which is the module as it is. The same module gives the same bytes and digests.

Exit codes: 0 written, 2 it cannot be read, does not fit, or is in the way.

Examples:
  toolgate image --out toolgate-image
  skopeo copy oci:toolgate-image:compat docker://registry.example/toolgate:1
  toolgate image --config-map envoy-gateway-system | kubectl apply -f -";

pub fn run(arguments: Arguments) -> Outcome {
    image::run(&Options {
        wasm: arguments.wasm,
        out: arguments.out,
        config_map: arguments.config_map,
        force: arguments.force,
    })
}
