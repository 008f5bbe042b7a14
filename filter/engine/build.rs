//! Puts the console's page together: one document without comments and indentation, gzipped, with a content security
//! policy that names its style and its script by their hashes.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};

const PAGE: &str = "src/console/page";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PAGE}");
    println!("cargo::rerun-if-changed=build.rs");
    let read =
        |name: &str| fs::read_to_string(Path::new(PAGE).join(name)).map(|text| shrink(&text));
    let (html, style, script) = (read("page.html")?, read("page.css")?, read("page.js")?);
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let policy = [
        "default-src 'none'; connect-src 'self'; img-src data:; style-src 'sha256-",
        &hash(&style),
        "'; script-src 'sha256-",
        &hash(&script),
        "'; require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ]
    .concat();
    let page = fill(&fill(&html, "style", &style)?, "script", &script)?;
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
    gzip.write_all(page.as_bytes())?;
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("page.html.gz"), gzip.finish()?)?;
    fs::write(Path::new(&out).join("page.policy"), policy)?;
    Ok(())
}

/// Without indentation, empty lines and comments on lines of their own.
fn shrink(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let kept: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .collect();
    kept.join("\n")
}

/// Puts `content` into the empty element of this name.
fn fill(html: &str, name: &str, content: &str) -> Result<String, Box<dyn Error>> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let (before, after) = html
        .split_once(&[open.as_str(), close.as_str()].concat())
        .ok_or_else(|| format!("page.html has no empty <{name}>"))?;
    if content.contains(&close) {
        return Err(format!("the {name} of the page would end early").into());
    }
    Ok([before, &open, content, &close, after].concat())
}
