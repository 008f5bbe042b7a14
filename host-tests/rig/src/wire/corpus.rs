//! Loading the corpus: our own files, and foreign ones in the same form.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::de::DeserializeOwned;

use super::case::RequestCase;
use super::reply::ReplyCase;

/// What a file holds.
#[derive(Debug, Clone)]
pub enum Cases {
    Requests(Vec<RequestCase>),
    Replies(Vec<ReplyCase>),
}

/// Every request case of our own corpus, file by file.
pub fn requests() -> Result<Vec<RequestCase>> {
    let mut all = Vec::new();
    for path in files("requests")? {
        let cases: Vec<RequestCase> = lines(&path)?;
        let class = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default()
            .to_owned();
        for case in cases {
            ensure!(
                case.unknown.is_empty(),
                "{}: case `{}`: unknown field {:?}",
                path.display(),
                case.id,
                case.unknown.keys()
            );
            ensure!(
                case.class == class,
                "{}: case `{}` is of class `{}`",
                path.display(),
                case.id,
                case.class
            );
            case.validate()
                .with_context(|| format!("{}: case `{}`", path.display(), case.id))?;
            all.push(case);
        }
    }
    unique(all.iter().map(|case| case.id.as_str()))?;
    Ok(all)
}

/// The request cases that lose their point without a real HTTP codec, and why. All others can be replayed on any host of the
/// filter through [`RequestCase::to_exchange`].
pub fn codec_only() -> Result<Vec<(RequestCase, &'static str)>> {
    let with_reason = |case: RequestCase| case.codec_only().map(|why| (case, why));
    Ok(requests()?.into_iter().filter_map(with_reason).collect())
}

/// Every reply case of our own corpus.
pub fn replies() -> Result<Vec<ReplyCase>> {
    let mut all = Vec::new();
    for path in files("replies")? {
        let cases: Vec<ReplyCase> = lines(&path)?;
        for case in cases {
            ensure!(
                case.unknown.is_empty(),
                "{}: case `{}`: unknown field {:?}",
                path.display(),
                case.id,
                case.unknown.keys()
            );
            case.validate()
                .with_context(|| format!("{}: case `{}`", path.display(), case.id))?;
            all.push(case);
        }
    }
    unique(all.iter().map(|case| case.id.as_str()))?;
    Ok(all)
}

/// One file, ours or not. Reply cases are told by their `request` field. Annotations that we do not know are ignored in
/// foreign files, except below `http`, where they would change what is sent.
pub fn file(path: &Path) -> Result<Cases> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let first: serde_json::Value = match text.lines().find(|line| !line.trim().is_empty()) {
        Some(line) => serde_json::from_str(line)
            .with_context(|| format!("{}: the first case", path.display()))?,
        None => bail!("{} holds no case", path.display()),
    };
    if first.get("request").is_some() {
        let cases: Vec<ReplyCase> = lines(path)?;
        for case in &cases {
            case.validate()
                .with_context(|| format!("{}: case `{}`", path.display(), case.id))?;
        }
        return Ok(Cases::Replies(cases));
    }
    let cases: Vec<RequestCase> = lines(path)?;
    for case in &cases {
        case.validate()
            .with_context(|| format!("{}: case `{}`", path.display(), case.id))?;
    }
    Ok(Cases::Requests(cases))
}

/// The text of a policy that cases name.
pub fn policy(name: &str) -> Result<String> {
    let path = root().join("policies").join(format!("{name}.json"));
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// Where our corpus is.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus")
}

fn files(kind: &str) -> Result<Vec<PathBuf>> {
    let directory = root().join(kind);
    let entries =
        fs::read_dir(&directory).with_context(|| format!("reading {}", directory.display()))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .collect();
    files.sort();
    Ok(files)
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let numbered = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    numbered
        .map(|(index, line)| {
            serde_json::from_str(line).with_context(|| format!("{}:{}", path.display(), index + 1))
        })
        .collect()
}

fn unique<'a>(ids: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for id in ids {
        ensure!(seen.insert(id), "two cases are called `{id}`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{policy, replies, requests};

    #[test]
    fn the_corpus_loads_and_holds_enough_controls() {
        let cases = requests().unwrap();
        let controls = cases
            .iter()
            .filter(|case| case.expect == crate::wire::Expect::AllowSameAsCanonical)
            .count();
        assert!(
            controls * 7 >= cases.len(),
            "{controls} controls in {} cases",
            cases.len()
        );
        for name in cases.iter().filter_map(|case| case.policy.as_deref()) {
            policy(name).unwrap();
        }
        assert!(
            replies()
                .unwrap()
                .iter()
                .any(|case| case.expect == crate::wire::ReplyExpect::Pass)
        );
    }
}
