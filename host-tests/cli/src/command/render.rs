//! `toolgate render`: a complete configuration for a host.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::output::Files;
use super::{Outcome, check, failure};
use crate::module;
use crate::render::{Code, DEFAULT_CA, Request, Upstream, envoy, envoy_gateway, istio};
use crate::terminal::Paint;
use toolgate_document::Document;

/// The host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// An Envoy of its own.
    Envoy,
    /// Istio.
    Istio,
    /// Envoy Gateway.
    EnvoyGateway,
}

/// What to render.
#[derive(Clone, Debug)]
pub struct Options {
    /// For which host.
    pub host: Host,
    /// The policy's file.
    pub policy: PathBuf,
    /// Where allowed calls go.
    pub upstream: String,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where Envoy's own interface listens.
    pub admin: SocketAddr,
    /// The filter's file, as the proxy sees it.
    pub wasm: Option<PathBuf>,
    /// The filter's image.
    pub image: Option<String>,
    /// The certificates to hold a TLS upstream's against.
    pub ca: String,
    /// Where to write; without it, to stdout.
    pub out: Option<PathBuf>,
    /// Overwrite.
    pub force: bool,
    /// Colours.
    pub paint: Paint,
}

impl Options {
    /// With everything else as it is by default.
    pub fn new(host: Host, policy: impl Into<PathBuf>, upstream: impl Into<String>) -> Self {
        Self {
            host,
            policy: policy.into(),
            upstream: upstream.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 10000)),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 9901)),
            wasm: None,
            image: None,
            ca: DEFAULT_CA.to_owned(),
            out: None,
            force: false,
            paint: Paint::PLAIN,
        }
    }
}

/// Renders.
pub fn run(options: &Options) -> Outcome {
    let mut files = Files::default();
    if let Some(out) = &options.out {
        files.add(out, "");
    }
    if let Some(message) = files.in_the_way(options.force) {
        return failure(message);
    }
    let policy = match policy(&options.policy, options.paint) {
        Ok(policy) => policy,
        Err(outcome) => return outcome,
    };
    let text = match text(options, policy) {
        Ok(text) => text,
        Err(error) => return failure(format!("error: {error:#}\n")),
    };
    let Some(out) = &options.out else {
        return Outcome {
            output: text,
            ..Outcome::default()
        };
    };
    let mut files = Files::default();
    files.add(out, text);
    if let Err(message) = files.write() {
        return failure(message);
    }
    let next = match options.host {
        Host::Envoy => format!("envoy -c {}", out.display()),
        Host::Istio | Host::EnvoyGateway => format!("kubectl apply -f {}", out.display()),
    };
    Outcome {
        output: format!("written:\n{}\nnext:\n  {next}\n", files.list()),
        ..Outcome::default()
    }
}

/// A policy as JSON text. What is wrong with it is the outcome.
fn policy(path: &Path, paint: Paint) -> Result<String, Outcome> {
    let checked = check::check(path).map_err(|error| failure(error.line()))?;
    if checked.digest.is_none() {
        let errors = checked.diagnostics.iter().map(|found| found.text(paint));
        return Err(Outcome {
            errors: errors.collect(),
            code: 1,
            ..Outcome::default()
        });
    }
    match Document::read(path) {
        Ok(document) => Ok(document.json().to_owned()),
        Err(_) => Err(failure(format!(
            "error: cannot read `{}`\n",
            path.display()
        ))),
    }
}

fn text(options: &Options, policy: String) -> anyhow::Result<String> {
    let code = match (&options.image, &options.wasm, options.host) {
        (Some(image), _, _) => Code::Image(image.clone()),
        (None, Some(path), Host::Envoy) => Code::File(absolute(path).display().to_string()),
        (None, Some(path), _) => Code::File(path.display().to_string()),
        (None, None, Host::Envoy) => Code::File(module::file(None)?.display().to_string()),
        (None, None, _) => Code::File("/var/lib/toolgate/toolgate.wasm".to_owned()),
    };
    let request = Request {
        policy,
        policy_name: options.policy.display().to_string(),
        upstream: Upstream::parse(&options.upstream)?,
        listen: options.listen,
        admin: options.admin,
        code,
        ca: options.ca.clone(),
    };
    match options.host {
        Host::Envoy => Ok(envoy(&request)?.as_str().to_owned()),
        Host::Istio => istio(&request),
        Host::EnvoyGateway => envoy_gateway(&request),
    }
}

/// The path from the root if the file is there: Envoy may be started elsewhere.
fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
