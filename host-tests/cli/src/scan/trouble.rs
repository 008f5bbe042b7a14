//! Why a server could not be asked, in words that say what to do.

use std::time::Duration;

use anyhow::anyhow;
use reqwest::Url;

use super::Era;
use crate::text::one_line;

/// Why no connection comes about at all. The SDK drops the cause, and with it whether it was a name, a port or a
/// certificate.
pub(super) async fn unreachable(http: &reqwest::Client, url: &Url) -> Option<String> {
    let request = http.get(url.clone()).timeout(Duration::from_secs(5));
    let error = request.send().await.err()?;
    if !error.is_connect() {
        return None;
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause.to_string())
}

/// An error of connecting.
pub(super) fn explain(
    address: &str,
    era: Era,
    error: &anyhow::Error,
    unreachable: Option<String>,
) -> anyhow::Error {
    let connects = unreachable.is_none();
    let text = unreachable.unwrap_or_else(|| format!("{error:#}"));
    // What the SDK says about its own types tells a user nothing.
    let text = text.rsplit("] error: ").next().unwrap_or_default();
    let text = text.split(", when ").next().unwrap_or_default();
    let text = one_line(text, 400);
    let lower = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let advice = if has(&["certificate"]) {
        "its certificate is not one that this machine trusts (SSL_CERT_FILE names others)"
    } else if !connects {
        "nothing answers there: is the server running, and is this its address?"
    } else if has(&[
        "auth required",
        "401 unauthorized",
        "403 forbidden",
        "insufficient scope",
    ]) {
        "the server wants credentials: pass them with --header 'Authorization: Bearer …'"
    } else if era != Era::Auto && has(&["json-rpc error"]) {
        "the server may not speak this protocol version: --protocol auto finds one that it does"
    } else if has(&["404 not found", "405 method"]) {
        "the address may lack the path of the MCP endpoint, often /mcp"
    } else {
        "is this the address of an MCP server that speaks Streamable HTTP?"
    };
    anyhow!("{text}").context(format!("cannot connect to {address}: {advice}"))
}
