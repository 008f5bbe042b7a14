//! Builds the artifact, `toolgate.wasm`, for whoever needs it: tests, the demo, the command.
//!
//! It runs the same `cargo build` a person would run. Parallel test binaries wait for each other on a file lock, and a
//! process asks at most once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, anyhow, bail};

/// The target the filter is built for.
pub const TARGET: &str = "wasm32-wasip1";

/// Where cargo's own progress goes while it builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nowhere; a failure quotes it.
    Quiet,
    /// To this process's stderr.
    Shown,
}

/// The filter as a wasm module, freshly built. The first call in a process builds (quick when nothing changed), later
/// ones return what it found.
pub fn artifact() -> anyhow::Result<PathBuf> {
    static ARTIFACT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    ARTIFACT
        .get_or_init(|| build(Progress::Quiet).map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(|error| anyhow!(error))
}

/// A test build that panics on every request with a header `x-toolgate-trap`, in a gate's VM and in a console's.
pub fn trapping() -> anyhow::Result<PathBuf> {
    static ARTIFACT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let options = ["--profile", "dev", "--features", "trap"];
    let build = || build_with(&options, "debug", Progress::Quiet);
    let built = ARTIFACT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(|error| anyhow!(error))
}

/// The artifact's code with the names of its functions, for profiles.
pub fn with_names() -> anyhow::Result<PathBuf> {
    static ARTIFACT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || build_with(&["--profile", "named"], "named", Progress::Quiet);
    let built = ARTIFACT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(|error| anyhow!(error))
}

/// Builds the filter now and returns its path.
pub fn build(progress: Progress) -> anyhow::Result<PathBuf> {
    build_with(&["--release"], "release", progress)
}

/// Builds the filter with these options; cargo puts it into the directory with this name.
fn build_with(options: &[&str], directory: &str, progress: Progress) -> anyhow::Result<PathBuf> {
    let root = workspace_root()?;
    let target_dir = target_dir(&root);
    fs::create_dir_all(&target_dir)
        .with_context(|| format!("creating `{}`", target_dir.display()))?;
    let lock = target_dir.join(".toolgate-wasm.lock");
    let lock = File::create(&lock).with_context(|| format!("creating `{}`", lock.display()))?;
    lock.lock()
        .context("waiting for another build of the filter")?;

    ensure_target(&root, progress)?;
    let mut cargo = Command::new(tool("CARGO", "cargo"));
    cargo
        .current_dir(&root)
        .args(["build", "--package", "toolgate-filter"])
        .args(options)
        .args(["--target", TARGET])
        // An absolute path, for a relative CARGO_TARGET_DIR means something else in another directory.
        .env("CARGO_TARGET_DIR", &target_dir);
    run(&mut cargo, progress).context("building the filter")?;

    let wasm = target_dir
        .join(TARGET)
        .join(directory)
        .join("toolgate.wasm");
    if !wasm.is_file() {
        bail!("cargo succeeded but `{}` is not there", wasm.display());
    }
    Ok(wasm)
}

/// The workspace this crate was built in.
pub fn workspace_root() -> anyhow::Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here
        .ancestors()
        .nth(2)
        .context("the crate has no parent directory")?;
    if !root.join("filter").join("Cargo.toml").is_file() {
        bail!(
            "the sources are no longer in `{}`; run this from a clone of the repository, built there",
            root.display()
        );
    }
    Ok(root.to_owned())
}

fn target_dir(root: &Path) -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => root.join(dir),
        _ => root.join("target"),
    }
}

/// Adds the wasm target when the compiler lacks it.
fn ensure_target(root: &Path, progress: Progress) -> anyhow::Result<()> {
    if has_target(root)? {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.current_dir(root).args(["target", "add", TARGET]);
    run(&mut rustup, progress).with_context(|| {
        format!(
            "the Rust compiler has no `{TARGET}` target. With a network and rustup, `rustup target add {TARGET}` \
             adds it; without rustup, install the standard library for it from where Rust was installed"
        )
    })?;
    if has_target(root)? {
        return Ok(());
    }
    bail!("rustup added `{TARGET}`, but the compiler in use does not find it: is it rustup's?")
}

/// Asks the compiler itself, which works with and without rustup.
fn has_target(root: &Path) -> anyhow::Result<bool> {
    let output = Command::new(tool("RUSTC", "rustc"))
        .current_dir(root)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("running `rustc`; Toolgate is built with Rust, see https://rustup.rs")?;
    let dir = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(dir.trim()).is_dir())
}

/// The tool cargo names in the environment, so that `cargo +toolchain` is kept, or the one on the path.
fn tool(variable: &str, name: &str) -> std::ffi::OsString {
    std::env::var_os(variable).unwrap_or_else(|| name.into())
}

fn run(command: &mut Command, progress: Progress) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let (status, said) = match progress {
        Progress::Shown => (command.status(), String::new()),
        Progress::Quiet => match command.stderr(Stdio::piped()).output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                (Ok(output.status), said)
            }
            Err(error) => (Err(error), String::new()),
        },
    };
    let status = status.with_context(|| format!("running `{name}`"))?;
    if status.success() {
        return Ok(());
    }
    bail!("`{name}` failed ({status})\n{said}")
}

#[cfg(test)]
mod tests {
    use super::artifact;

    #[test]
    fn the_artifact_is_built_from_within_a_test() -> anyhow::Result<()> {
        let first = artifact()?;
        assert!(first.is_file() && first.is_absolute());
        assert_eq!(first, artifact()?);
        Ok(())
    }
}
