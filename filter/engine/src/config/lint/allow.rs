//! Allow-lists that let more through than they show.

use std::borrow::Cow;

use super::kinds::{
    ANY_SCHEME, ASCII_FOLDING, EMPTY_LIST, ENDS_ANYWHERE, Found, LintKind, OPEN_COMMAND, OPEN_HOST,
    OPEN_PATH, STARTS_ANYWHERE, URL_AS_TEXT, URL_BLOCKLIST,
};
use super::pattern::{Shape, folds_beyond_ascii};
use super::view::{Condition, Part, Scope};
use crate::json::Value;
use crate::policy::{Path, Root, Step};

const URL_WORDS: [&str; 9] = [
    "url", "urls", "uri", "uris", "href", "link", "links", "endpoint", "webhook",
];
const HOST_WORDS: [&str; 6] = ["host", "hosts", "hostname", "domain", "domains", "server"];
const MAIL_WORDS: [&str; 3] = ["email", "emails", "mail"];
const COMMAND_WORDS: [&str; 6] = ["command", "commands", "cmd", "shell", "script", "bash"];
const PATH_WORDS: [&str; 7] = [
    "path",
    "paths",
    "file",
    "filename",
    "filepath",
    "dir",
    "directory",
];

/// What a shell does not take literally.
const SHELL: [char; 9] = ['>', '<', '|', ';', '&', '$', '`', '(', '\n'];

pub(super) fn entry(scope: &Scope<'_, '_>, found: &mut Found) {
    for block in &scope.entry.blocks {
        for condition in &block.conditions {
            if has_empty_list(condition) {
                let message = format!("`{}` has no values", condition.op);
                found.add(&EMPTY_LIST, &condition.value_at, message);
            }
            let pattern = condition.text().filter(|_| condition.op == "regex");
            if pattern.as_deref().is_some_and(folds_beyond_ascii) {
                let message =
                    "`(?i)` ignores case for ASCII letters only, and this pattern has others";
                found.add(&ASCII_FOLDING, &condition.value_at, message);
            }
            if condition.op == "url" {
                url(block.part, condition, found);
            }
            if block.part == Part::Require
                && let Some((kind, message)) = leak(scope, condition)
            {
                found.add(kind, &condition.value_at, message);
            }
        }
    }
}

/// What a parsed URL still lets through.
fn url(part: Part, condition: &Condition<'_>, found: &mut Found) {
    let has = |key: &str| {
        condition
            .value
            .is_some_and(|value| value.get(key).is_some())
    };
    if part == Part::Require && has("host_in") && !has("scheme_in") {
        let host = condition.value.and_then(|value| {
            value
                .get("host_in")?
                .items()
                .next()?
                .as_str()
                .map(Cow::into_owned)
        });
        let host = host.unwrap_or_default();
        let message = format!(
            "`file://{}/etc/passwd` passes",
            host.trim_start_matches('.')
        );
        found.add(&ANY_SCHEME, &condition.value_at, message);
    }
    if part == Part::DenyIf && has("host_in") {
        let message = "the same machine under another name or address passes";
        found.add(&URL_BLOCKLIST, &condition.value_at, message);
    }
}

fn has_empty_list(condition: &Condition<'_>) -> bool {
    let empty = |list: Value<'_>| list.items().next().is_none();
    match (condition.op.as_str(), condition.value) {
        ("in" | "not_in", Some(list)) => empty(list),
        ("url", Some(value)) => ["host_in", "scheme_in"]
            .into_iter()
            .any(|key| value.get(key).is_some_and(empty)),
        _ => false,
    }
}

/// The most precise thing to say about a condition that permits by text.
fn leak(scope: &Scope<'_, '_>, condition: &Condition<'_>) -> Option<(&'static LintKind, String)> {
    let op = condition.op.as_str();
    if !matches!(op, "regex" | "prefix" | "suffix" | "contains") {
        return None;
    }
    let text = condition.text()?;
    let words = last_words(&condition.path);
    let about = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let shape = if op == "regex" {
        Some(Shape::of(&text)?)
    } else {
        None
    };
    // A SPIFFE ID is a name that nobody opens.
    let named = text.starts_with("spiffe://");
    let url = (about(&URL_WORDS) || text.contains("://")) && !named;
    if (url || about(&HOST_WORDS) || about(&MAIL_WORDS))
        && let Some(example) = other_host(op, &text, shape.as_ref(), url)
    {
        return Some((&OPEN_HOST, format!("`{example}` passes")));
    }
    if url {
        return Some((
            &URL_AS_TEXT,
            format!("`{op}` looks at the text of a URL, not at its host"),
        ));
    }
    // What a server calls its tools is not the caller's to choose.
    if condition.root() == Some(Root::ToolName) {
        return None;
    }
    if let Some(shape) = &shape {
        if shape.starts_anywhere() {
            let message = format!("anything may stand before what `{text}` matches");
            return Some((&STARTS_ANYWHERE, message));
        }
        if shape.ends_anywhere() {
            let message = format!("anything may follow what `{text}` matches");
            return Some((&ENDS_ANYWHERE, message));
        }
    }
    let denied = |probe: &str| is_denied(scope, &condition.path, probe);
    let parent = shape.as_ref().is_none_or(Shape::admits_parent) && !denied("x/../x");
    if about(&COMMAND_WORDS) {
        let admits = |char: &char| {
            shape.as_ref().is_none_or(|shape| shape.admits(*char))
                && !denied(&format!("x {char} x"))
        };
        let example = match SHELL.iter().find(|char| admits(char)) {
            Some('\n') => "a second line",
            Some('>') => "`> file`",
            Some(_) => "what a shell takes for more than an argument",
            None if parent => "`..`",
            None => return None,
        };
        return Some((
            &OPEN_COMMAND,
            format!("`{op}` on a command lets {example} through"),
        ));
    }
    if about(&PATH_WORDS) && parent && op != "suffix" {
        return Some((
            &OPEN_PATH,
            format!("`{op}` on a file path lets `..` through"),
        ));
    }
    None
}

/// A text with another host that passes.
fn other_host(op: &str, text: &str, shape: Option<&Shape>, url: bool) -> Option<String> {
    let samples = match (op, shape) {
        ("regex", Some(shape)) => shape.samples(),
        ("prefix", _) => vec![text.to_owned()],
        ("suffix", _) => {
            // `.acme.com` and `@acme.com` end a name; `acme.com` may be the end of another.
            let whole = text.starts_with(['.', '@', '/', ':']) || !looks_like_host(text);
            return (!whole).then(|| format!("attacker{text}"));
        }
        _ => return None,
    };
    let passes = |probe: &str| match shape {
        Some(shape) => shape.finds(probe),
        None => probe.starts_with(text),
    };
    for sample in samples {
        let host = sample.split_once("://").map(|(_, rest)| rest);
        let host = host.or((!url).then_some(&*sample)).unwrap_or_default();
        if host.is_empty() || host.contains(['/', '?', '#', '@']) || !looks_like_host(host) {
            continue;
        }
        let tail = if url { "/" } else { "" };
        let probes = [
            format!("{sample}.attacker.example{tail}"),
            format!("{sample}@attacker.example{tail}"),
        ];
        if let Some(probe) = probes.into_iter().find(|probe| passes(probe)) {
            return Some(probe);
        }
    }
    None
}

fn looks_like_host(text: &str) -> bool {
    let host = text.split(':').next().unwrap_or_default();
    let last = host.rsplit('.').next().unwrap_or_default();
    host.contains('.')
        && last.len() > 1
        && last.bytes().all(|byte| byte.is_ascii_alphabetic())
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// Whether a `deny_if` on the same path refuses this text.
fn is_denied(scope: &Scope<'_, '_>, path: &str, probe: &str) -> bool {
    let single = scope
        .entries()
        .flat_map(|entry| &entry.blocks)
        .filter(|block| block.part == Part::DenyIf)
        .filter_map(|block| match block.conditions.as_slice() {
            [only] if only.path == path => Some(only),
            _ => None,
        });
    single.into_iter().any(|condition| {
        let text = condition.text().unwrap_or_default();
        match condition.op.as_str() {
            "regex" => Shape::of(&text).is_some_and(|shape| shape.finds(probe)),
            "contains" => !text.is_empty() && probe.contains(&text),
            _ => false,
        }
    })
}

/// The words of a path's last key: `args.callbackUrl` has `callback` and `url`.
fn last_words(path: &str) -> Vec<String> {
    let Ok(path) = Path::parse(path) else {
        return Vec::new();
    };
    let mut keys = path.steps.iter().filter_map(|step| match step {
        Step::Key(key) => Some(&**key),
        Step::Index(_) | Step::Each => None,
    });
    let mut words: Vec<String> = vec![String::new()];
    let mut lower = false;
    for char in keys.next_back().unwrap_or_default().chars() {
        let begins = !char.is_ascii_alphanumeric() || (lower && char.is_ascii_uppercase());
        if begins {
            words.push(String::new());
        }
        lower = char.is_ascii_lowercase();
        if let Some(word) = words.last_mut()
            && char.is_ascii_alphanumeric()
        {
            word.push(char.to_ascii_lowercase());
        }
    }
    words
}
