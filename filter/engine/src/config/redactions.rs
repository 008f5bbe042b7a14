//! The entries of `redact`: what is taken out of results, what stands there instead, and for which tools it stays.

use std::sync::Arc;

use super::conditions::{HOSTS, read_words};
use super::error::nearest;
use super::reader::{Field, Object, Reader, alternatives};
use crate::json::Kind as JsonKind;
use crate::policy::detectors::{DETECTORS, Detector, Rule as DetectorRule};
use crate::policy::{
    Budget, KeyRule, Path, PathRule, Pattern, Redacted, Redaction, StandIn, Step, UrlTest,
};

/// Most keys in one entry of `redact`: each is compared with every key of a result.
const MAX_KEYS: usize = 64;
/// Most letters and digits of what was taken out that may stay.
const MAX_KEPT: usize = 8;

const FORMS: &str = "a detector such as `email`, `{email: {with}}`, `{url: {allow_hosts, with}}`, `{regex, with}`, `{path, with}` or `{keys, with}`";

/// One thing to redact.
pub(super) fn read_redaction(
    reader: &mut Reader,
    field: Field<'_>,
    excepted: Option<&mut Vec<(String, String)>>,
) -> Option<Redaction> {
    let everywhere = |what| Redaction {
        what,
        except: Arc::default(),
    };
    if let Some(name) = field.value.as_str() {
        return match Detector::named(&name) {
            Some(detector) => {
                let rule = DetectorRule::named(detector, Vec::new(), None);
                Some(everywhere(Redacted::Text(rule)))
            }
            None => {
                unknown_detector(reader, &field, &name);
                None
            }
        };
    }
    let whole = field.clone();
    if field.value.kind() != JsonKind::Object {
        reader.expected(&field, FORMS);
        return None;
    }
    let mut object = reader.object(field)?;
    let except = object.take("except");
    let except = except.map(|field| read_except(reader, &field, excepted));
    let (pattern, path, keys) = (
        object.take("regex"),
        object.take("path"),
        object.take("keys"),
    );
    let has_own = object.has("with") || object.has("keep_last");
    let stand_in = read_stand_in(reader, &mut object, None);
    let mut named: Vec<(&'static Detector, Field<'_>)> = Vec::new();
    for detector in &DETECTORS {
        if let Some(field) = object.take(detector.name) {
            named.push((detector, field));
        }
    }
    object.finish(reader);
    let what = match (pattern, path, keys, named.as_slice()) {
        (Some(field), None, None, []) => {
            let pattern = read_pattern(reader, &field)?;
            Redacted::Text(DetectorRule {
                with: stand_in,
                ..DetectorRule::own(pattern, None)
            })
        }
        (None, Some(field), None, []) => Redacted::Path(PathRule {
            steps: read_result_path(reader, &field)?.into(),
            with: stand_in,
        }),
        (None, None, Some(field), []) => Redacted::Keys(KeyRule {
            keys: read_keys(reader, &field)?,
            with: stand_in,
        }),
        (None, None, None, [(detector, field)]) if !has_own => {
            Redacted::Text(read_named(reader, detector, field.clone())?)
        }
        _ => {
            reader.expected(&whole, FORMS);
            return None;
        }
    };
    Some(Redaction {
        what,
        except: except.unwrap_or_default(),
    })
}

/// `with` and `keep_last`.
fn read_stand_in(reader: &mut Reader, object: &mut Object<'_>, name: Option<&str>) -> StandIn {
    let with = object.take("with");
    let with = with.and_then(|field| read_replacement(reader, &field));
    let kept = object.take("keep_last");
    let kept = kept.and_then(|field| reader.integer(&field, 1, MAX_KEPT));
    let stand_in = with.map_or_else(|| StandIn::marked(name), |with| StandIn::own(&with));
    stand_in.keeping(kept.unwrap_or_default())
}

/// The tools that something is not taken out for.
fn read_except(
    reader: &mut Reader,
    field: &Field<'_>,
    excepted: Option<&mut Vec<(String, String)>>,
) -> Arc<[Box<str>]> {
    let Some(excepted) = excepted else {
        let message = "`except` belongs to `results`, which is for every tool; this is for one";
        reader.error(&field.at, message);
        return Arc::default();
    };
    let mut names: Vec<Box<str>> = Vec::new();
    for item in reader.list(field) {
        if let Some(name) = reader.name(&item) {
            excepted.push((item.at.clone(), name.clone()));
            names.push(name.into());
        }
    }
    names.into()
}

/// Keys at any depth.
fn read_keys(reader: &mut Reader, field: &Field<'_>) -> Option<Arc<[Box<str>]>> {
    let items = reader.list(field);
    if items.is_empty() || items.len() > MAX_KEYS {
        reader.expected(field, "a list of 1 to 64 keys");
        return None;
    }
    let keys = items.into_iter().filter_map(|item| reader.name(&item));
    Some(keys.map(Into::into).collect())
}

/// `{with, keep_last}`, and of `url` `{allow_hosts, with, keep_last}`.
fn read_named(
    reader: &mut Reader,
    detector: &'static Detector,
    field: Field<'_>,
) -> Option<DetectorRule> {
    let mut object = reader.object(field)?;
    let with = read_stand_in(reader, &mut object, Some(detector.name));
    let hosts = detector.takes_hosts.then(|| object.take("allow_hosts"));
    let allow_hosts = hosts
        .flatten()
        .map(|field| read_words(reader, &field, HOSTS, UrlTest::host));
    object.finish(reader);
    Some(DetectorRule {
        with,
        ..DetectorRule::named(detector, allow_hosts.unwrap_or_default(), None)
    })
}

/// A path from the result.
fn read_result_path(reader: &mut Reader, field: &Field<'_>) -> Option<Vec<Step>> {
    let text = reader.text(field)?;
    match Path::steps_of(&text) {
        Ok(steps) => Some(steps),
        Err(error) => {
            reader.error(&field.at, format!("invalid path `{text}`: {error}"));
            None
        }
    }
}

fn unknown_detector(reader: &mut Reader, field: &Field<'_>, name: &str) {
    let names = DETECTORS.each_ref().map(|detector| detector.name);
    let suggestion = nearest(name, names).map(str::to_owned);
    reader.expected_with(field, &alternatives(&names), suggestion);
}

/// What stands in the place of what was found. Line ends would break events apart.
fn read_replacement(reader: &mut Reader, field: &Field<'_>) -> Option<String> {
    let text = reader.text(field)?;
    if text.chars().any(char::is_control) {
        reader.expected(field, "text without control characters");
        return None;
    }
    Some(text)
}

pub(super) fn read_pattern(reader: &mut Reader, field: &Field<'_>) -> Option<Pattern> {
    let text = reader.text(field)?;
    match Pattern::new(&text) {
        Ok(pattern) if pattern.is_match("", &Budget::new(Budget::FLOOR)) != Ok(false) => {
            reader.expected(field, "a pattern that does not match everything");
            None
        }
        Ok(pattern) => Some(pattern),
        Err(error) => {
            reader.error(&field.at, format!("invalid regex `{text}`: {error}"));
            None
        }
    }
}
