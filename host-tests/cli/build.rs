//! Puts the filter's module into release builds, so that an installed `toolgate` runs what its sources say wherever it is.
//!
//! Builds for development hold none, and builds of this package as a library without the feature `embed` neither: they have
//! the workspace. A module that cannot be built, for want of the target or of a network, is left out with a warning.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "wasm32-wasip1";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    println!("cargo::rerun-if-changed=build.rs");
    let wanted = env::var_os("CARGO_FEATURE_EMBED").is_some()
        && env::var_os("PROFILE").is_some_and(|profile| profile == "release");
    let module = if wanted {
        for part in [
            "filter/src",
            "filter/engine",
            "filter/Cargo.toml",
            "Cargo.lock",
        ] {
            println!("cargo::rerun-if-changed={}", root.join(part).display());
        }
        build(&root, &out)
    } else {
        Vec::new()
    };
    fs::write(out.join("toolgate.wasm"), module).expect("OUT_DIR can be written");
}

/// The module, or nothing and a warning.
fn build(root: &Path, out: &Path) -> Vec<u8> {
    // A target directory of its own: the outer cargo holds the lock of the usual one.
    let target = out.join("filter");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(root)
        .args([
            "build",
            "--quiet",
            "--release",
            "--package",
            "toolgate-filter",
            "--target",
            TARGET,
        ])
        .env("CARGO_TARGET_DIR", &target);
    // What the outer build says of flags, wrappers and profiles is about the host.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let outer = [
            "CARGO_ENCODED_",
            "CARGO_FEATURE_",
            "CARGO_CFG_",
            "CARGO_PROFILE_",
            "CARGO_BUILD_",
        ];
        if outer.iter().any(|prefix| text.starts_with(prefix))
            || [
                "RUSTFLAGS",
                "RUSTC_WRAPPER",
                "RUSTC_WORKSPACE_WRAPPER",
                "TARGET",
            ]
            .contains(&&*text)
        {
            cargo.env_remove(&name);
        }
    }
    let built = cargo.output();
    let module = target.join(TARGET).join("release/toolgate.wasm");
    let why = match &built {
        Ok(output) if output.status.success() => match fs::read(&module) {
            Ok(bytes) => return bytes,
            Err(error) => error.to_string(),
        },
        Ok(output) => first_error(&String::from_utf8_lossy(&output.stderr)),
        Err(error) => error.to_string(),
    };
    println!(
        "cargo::warning=toolgate is built without the filter's module, and needs `--wasm FILE`: {why}. \
         `rustup target add {TARGET}` may be what is missing"
    );
    Vec::new()
}

fn first_error(text: &str) -> String {
    let error = text.lines().find(|line| line.starts_with("error"));
    error
        .or(text.lines().next())
        .unwrap_or("it does not build")
        .to_owned()
}
