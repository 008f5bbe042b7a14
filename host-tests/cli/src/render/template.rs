//! The one template, and pieces of it.

use anyhow::{Context as _, Result};

use super::Config;

/// `envoy/envoy.yaml`, as this program was built with.
pub(super) fn template() -> Config {
    Config::from(include_str!("../../../../envoy/envoy.yaml"))
}

/// The filter file in the template.
pub(super) const WASM: &str = "{local: {filename: target/wasm32-wasip1/release/toolgate.wasm}}";
/// The server in the template.
pub(super) const UPSTREAM: &str = "{address: 127.0.0.1, port_value: 3000}";
/// The listener in the template.
pub(super) const LISTENER: &str = "{address: 127.0.0.1, port_value: 10000}";
/// The admin interface in the template.
pub(super) const ADMIN: &str = "{address: 127.0.0.1, port_value: 9901}";

/// The body of a block, from the line after `first` to the line before `last`, moved to `indent`.
pub(super) fn block(text: &str, first: &str, last: &str, indent: usize) -> Result<String> {
    let missing = || format!("the template has no block from `{first}` to `{last}`");
    let mut lines = text.lines();
    lines
        .by_ref()
        .find(|line| line.trim() == first)
        .with_context(missing)?;
    let mut body = Vec::new();
    for line in lines {
        if line.trim() == last {
            return Ok(indented(&body.join("\n"), indent));
        }
        body.push(line);
    }
    Err(anyhow::anyhow!(missing()))
}

/// Text whose least indented line is at `indent`.
pub(super) fn indented(text: &str, indent: usize) -> String {
    let depth = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let filled = || text.lines().filter(|line| !line.trim().is_empty());
    let least = filled().map(depth).min().unwrap_or_default();
    let moved = text.lines().map(|line| match line.get(least..) {
        Some(rest) if !rest.trim().is_empty() => format!("{}{rest}\n", " ".repeat(indent)),
        _ => "\n".to_owned(),
    });
    moved.collect()
}

/// A value of one line, such as `stream_idle_timeout: 300s`, with its comment cut off.
pub(super) fn setting(text: &str, key: &str) -> Result<String> {
    let prefix = format!("{key}: ");
    let line = text
        .lines()
        .map(str::trim)
        .find_map(|line| line.strip_prefix(&prefix));
    let value = line.with_context(|| format!("the template has no `{key}`"))?;
    Ok(value
        .split(" #")
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned())
}
