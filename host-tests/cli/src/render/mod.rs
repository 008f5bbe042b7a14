//! Complete configurations of real hosts for a policy and an upstream.
//!
//! There is one template, `envoy/envoy.yaml`, the file that people run and that the tests start. What goes to Istio and to
//! Envoy Gateway is cut out of it: the filter's entry, the access log, the limits.

mod config;
mod console;
mod envoy;
mod envoy_gateway;
mod istio;
mod kubernetes;
mod pretty;
mod template;
mod upstream;

pub use config::{Config, publish};
pub use console::Console;
pub use envoy::{ecds, envoy};
pub use envoy_gateway::envoy_gateway;
pub use istio::istio;
pub use kubernetes::Names;
pub use pretty::{layout, pretty};
pub use upstream::Upstream;

use std::net::SocketAddr;

/// What to render.
#[derive(Clone, Debug)]
pub struct Request {
    /// The policy, as JSON text.
    pub policy: String,
    /// How the policy is called: the path of its file.
    pub policy_name: String,
    /// Where allowed calls go.
    pub upstream: Upstream,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where Envoy's own interface listens.
    pub admin: SocketAddr,
    /// The filter.
    pub code: Code,
    /// The certificates to hold a TLS upstream's against.
    pub ca: String,
    /// The console, where the policy needs a person.
    pub console: Option<Console>,
    /// Whole paths of the server that go past the gate, such as `/token`.
    pub past: Vec<String>,
    /// For an Envoy of its own: the file that it watches for the filter and its policy.
    pub watch: Option<String>,
}

/// Where the proxy finds the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// In a file, as the proxy sees it.
    File(String),
    /// In an image: `oci://registry/name:tag`.
    Image(String),
}

impl Code {
    /// The image without its scheme.
    pub fn image(&self) -> Option<&str> {
        match self {
            Code::File(_) => None,
            Code::Image(image) => Some(image.strip_prefix("oci://").unwrap_or(image)),
        }
    }
}

/// Certificates of public authorities, where Debian, Ubuntu, Alpine and Envoy's own images have them.
pub const DEFAULT_CA: &str = "/etc/ssl/certs/ca-certificates.crt";
