//! The filter's module: which one a command runs, and where it is.
//!
//! In this order: the file that is named (`--wasm`), the file in [`VARIABLE`], the module this program was built with
//! (`build.rs`: a release build holds the module of its own sources), and the workspace this program was built in, where
//! the module is built if need be.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use toolgate_host::Module;

/// The environment variable that names a module.
pub const VARIABLE: &str = "TOOLGATE_WASM";

/// The module this program was built with; empty in builds for development.
static EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/toolgate.wasm"));

/// What to do without one.
const HELP: &str = "there is no module of the filter to run: name one with `--wasm FILE` or in `TOOLGATE_WASM` \
                    (`cargo wasm` builds it in a clone of the repository), or do without by `--native`";

/// The module to run: compiled, ready to start.
///
/// # Errors
/// When the file that is named is none, or when none is named and none can be had.
pub fn load(named: Option<&Path>) -> Result<Module> {
    if let Some(path) = chosen(named) {
        let by = if named.is_some() { "--wasm" } else { VARIABLE };
        return Module::from_file(path).with_context(|| format!("the module that `{by}` names"));
    }
    if !EMBEDDED.is_empty() {
        return Module::from_bytes(EMBEDDED);
    }
    Module::from_file(toolgate_host::wasm::artifact().context(HELP)?)
}

/// The module's file, for a proxy to load. One that is only in this program is none.
///
/// # Errors
/// When there is none.
pub fn file(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = chosen(named) {
        return Ok(path.canonicalize().unwrap_or(path));
    }
    let root = toolgate_host::wasm::workspace_root()
        .context("where is the filter? name its file with `--wasm` or in `TOOLGATE_WASM`")?;
    let built = root.join("target/wasm32-wasip1/release/toolgate.wasm");
    if built.is_file() {
        return Ok(built);
    }
    let _progress = crate::terminal::Progress::begin("building the filter");
    toolgate_host::wasm::artifact()
}

/// The module's bytes, as they stand in its file or in this program.
///
/// # Errors
/// When there is none, or its file cannot be read.
pub fn bytes(named: Option<&Path>) -> Result<Vec<u8>> {
    if chosen(named).is_none() && !EMBEDDED.is_empty() {
        return Ok(EMBEDDED.to_vec());
    }
    let path = file(named)?;
    std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))
}

fn chosen(named: Option<&Path>) -> Option<PathBuf> {
    let from_variable = || std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    named
        .map(Path::to_owned)
        .or_else(|| from_variable().map(PathBuf::from))
}
