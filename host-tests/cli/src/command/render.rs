//! `toolgate render`: a complete configuration for a host.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use toolgate_engine::config::Gate;

use super::output::Files;
use super::{Outcome, check, failure};
use crate::module;
use crate::render::{
    Code, Console, DEFAULT_CA, Request, Upstream, ecds, envoy, envoy_gateway, istio,
};
use crate::terminal::Paint;
use toolgate_document::Document;

/// The host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// An Envoy of its own.
    Envoy,
    /// The file that an Envoy watches for the filter and its policy.
    Ecds,
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
    /// Where people decide, if the policy needs one.
    pub console: SocketAddr,
    /// The SHA-256 of the approver's token.
    pub approver: Option<String>,
    /// Leave the console out.
    pub no_console: bool,
    /// Paths of the server that go past the gate.
    pub past: Vec<String>,
    /// The file that Envoy is to watch for the filter and its policy.
    pub watch: Option<PathBuf>,
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
            console: SocketAddr::from((Ipv4Addr::LOCALHOST, 10001)),
            approver: None,
            no_console: false,
            past: Vec::new(),
            watch: None,
            out: None,
            force: false,
            paint: Paint::PLAIN,
        }
    }
}

/// Renders.
pub fn run(options: &Options) -> Outcome {
    let watched = options.watch.as_deref().map(from_root);
    let paths = options.out.iter().chain(watched.iter());
    let mut taken = Files::default();
    paths.for_each(|path| taken.add(path, ""));
    if let Some(message) = taken.in_the_way(options.force) {
        return failure(message);
    }
    let policy = match policy(&options.policy, options.paint) {
        Ok(policy) => policy,
        Err(outcome) => return outcome,
    };
    let rendered = request(options, policy, watched.as_deref()).and_then(|request| {
        let filter = watched.is_some().then(|| ecds(&request)).transpose()?;
        Ok((text(options.host, &request)?, filter))
    });
    let (text, filter) = match rendered {
        Ok(rendered) => rendered,
        Err(error) => return failure(format!("error: {error:#}\n")),
    };
    let mut files = Files::default();
    // What is watched first: Envoy may be started as soon as the other is there.
    if let (Some(path), Some(filter)) = (&watched, filter) {
        files.add(path, filter);
    }
    let output = match &options.out {
        Some(out) => {
            files.add(out, text);
            String::new()
        }
        None => text,
    };
    if let Err(message) = files.write() {
        return failure(message);
    }
    let Some(out) = &options.out else {
        return Outcome {
            output,
            ..Outcome::default()
        };
    };
    let next = match options.host {
        Host::Envoy => format!("next:\n  envoy -c {}\n", out.display()),
        Host::Ecds => "an Envoy that watches it has it now\n".to_owned(),
        Host::Istio | Host::EnvoyGateway => {
            format!("next:\n  kubectl apply -f {}\n", out.display())
        }
    };
    Outcome {
        output: format!("written:\n{}\n{next}", files.list()),
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

fn request(options: &Options, policy: String, watch: Option<&Path>) -> anyhow::Result<Request> {
    anyhow::ensure!(
        options.host == Host::Envoy || (options.past.is_empty() && watch.is_none()),
        "--past and --watch are for an Envoy of its own"
    );
    let own = matches!(options.host, Host::Envoy | Host::Ecds);
    let code = match (&options.image, &options.wasm) {
        (Some(image), _) => Code::Image(image.clone()),
        (None, Some(path)) if own => Code::File(absolute(path).display().to_string()),
        (None, Some(path)) => Code::File(path.display().to_string()),
        (None, None) if own => Code::File(module::file(None)?.display().to_string()),
        (None, None) => Code::File("/var/lib/toolgate/toolgate.wasm".to_owned()),
    };
    let console = Console {
        listen: options.console,
        token_sha256: options.approver.clone(),
    };
    let asks = needs_a_person(&policy) && !options.no_console;
    Ok(Request {
        policy,
        policy_name: options.policy.display().to_string(),
        upstream: Upstream::parse(&options.upstream)?,
        listen: options.listen,
        admin: options.admin,
        code,
        ca: options.ca.clone(),
        console: asks.then_some(console),
        past: options.past.clone(),
        watch: watch.map(|path| path.display().to_string()),
    })
}

fn text(host: Host, request: &Request) -> anyhow::Result<String> {
    match host {
        Host::Envoy => Ok(envoy(request)?.as_str().to_owned()),
        Host::Ecds => ecds(request),
        Host::Istio => istio(request),
        Host::EnvoyGateway => envoy_gateway(request),
    }
}

/// Whether a rule of the policy waits for a person.
pub(super) fn needs_a_person(policy: &str) -> bool {
    Gate::from_json(policy.as_bytes(), false).is_ok_and(|gate| gate.approvals.used)
}

/// A path from the root: Envoy may be started elsewhere.
fn from_root(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The path from the root if the file is there: Envoy may be started elsewhere.
fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
