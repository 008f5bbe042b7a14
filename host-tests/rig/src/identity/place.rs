//! The files a configuration of `envoy/identity/` names under `target/identity`, in a directory of this run's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};

use crate::envoy::Config;
use toolgate_host::wasm;

/// Where the shipped configurations look for keys and secrets.
const SHIPPED: &str = "target/identity";

/// A directory that goes with this value.
#[derive(Debug)]
pub struct Place {
    directory: PathBuf,
}

impl Place {
    /// An empty one.
    pub fn new() -> Result<Self> {
        static PLACES: AtomicU32 = AtomicU32::new(0);
        let number = PLACES.fetch_add(1, Ordering::Relaxed);
        let name = format!("target/identity-runs/{}-{number}", std::process::id());
        let directory = wasm::workspace_root()?.join(name);
        fs::create_dir_all(&directory)
            .with_context(|| format!("creating {}", directory.display()))?;
        Ok(Self { directory })
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Puts a file in place by a rename, which is what Envoy watches for.
    pub fn put(&self, name: &str, text: &str) -> Result<()> {
        let path = self.directory.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let draft = self.directory.join("draft");
        fs::write(&draft, text)?;
        fs::rename(&draft, &path).with_context(|| format!("writing {}", path.display()))
    }

    /// Puts the secret in place that `credential-injector.yaml` adds for its upstream.
    pub fn put_upstream_secret(&self, secret: &str) -> Result<()> {
        let text = format!(
            "resources:\n- \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n  \
             name: upstream\n  generic_secret: {{secret: {{inline_string: \"{secret}\"}}}}\n"
        );
        self.put("secrets/upstream.yaml", &text)
    }

    /// A configuration of `envoy/identity/`, with the filter as it is built and its files here.
    pub fn shipped(&self, name: &str) -> Result<Config> {
        let path = wasm::workspace_root()?.join("envoy/identity").join(name);
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let here = self.directory.to_str().context("a path is not UTF-8")?;
        Config::from(text.replace(SHIPPED, here)).wasm(&wasm::artifact()?)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}
