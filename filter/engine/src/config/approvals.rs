//! `approvals: {mode, key, max_pending, max_held, notify}`: how people are asked, whatever the rule.

use super::approval::read_duration;
use super::reader::{Field, Reader};
use super::{Approvals, AskMode, Notify};
use crate::approvals::MAX_SLOTS;

const MODES: [(&str, AskMode); 2] = [("hold", AskMode::Hold), ("mrtr", AskMode::Mrtr)];

/// Shortest `key`, in bytes: as long as what HMAC-SHA256 makes of it.
const MIN_KEY: usize = 32;

/// Shortest `hmac_secret`, in bytes.
const MIN_SECRET: usize = 16;

/// Reads the section. `holds` is `http.hold_request_headers`.
pub(super) fn read(reader: &mut Reader, field: Field<'_>, holds: bool) -> Approvals {
    let mut approvals = Approvals::default();
    let at = field.at.clone();
    let Some(mut object) = reader.object(field) else {
        return approvals;
    };
    if let Some(field) = object.take("mode") {
        approvals.mode = reader.choice(&field, &MODES).unwrap_or_default();
    }
    if let Some(field) = object.take("key") {
        approvals.key = secret(reader, &field, MIN_KEY);
    } else if approvals.mode == AskMode::Mrtr {
        reader.error(
            &at,
            "`mode: mrtr` needs a `key` to sign with, at least 32 bytes of text",
        );
    }
    if approvals.mode == AskMode::Mrtr && !holds {
        let message = "`mode: mrtr` edits requests, which needs `http.hold_request_headers: true`";
        reader.error(&at, message);
    }
    if let Some(field) = object.take("max_pending") {
        approvals.max_pending = reader
            .integer(&field, 1, MAX_SLOTS)
            .unwrap_or(approvals.max_pending);
    }
    if let Some(field) = object.take("max_held") {
        approvals.max_held = reader
            .integer(&field, 0, 65_536)
            .unwrap_or(approvals.max_held);
    }
    if let Some(field) = object.take("notify") {
        approvals.notify = read_notify(reader, field);
    }
    object.finish(reader);
    approvals
}

fn read_notify(reader: &mut Reader, field: Field<'_>) -> Option<Notify> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let cluster = object.take("cluster");
    let path = object.take("path");
    let authority = object.take("authority");
    let hmac_secret = object.take("hmac_secret");
    let timeout = object.take("timeout");
    object.finish(reader);
    let needed = [
        ("cluster", &cluster),
        ("path", &path),
        ("hmac_secret", &hmac_secret),
    ];
    for (key, field) in needed {
        if field.is_none() {
            reader.error(&at, format!("`notify` needs `{key}`"));
        }
    }
    let cluster = reader.name(&cluster?)?;
    let path = path?;
    let found = reader.text(&path)?;
    if !found.starts_with('/') || !is_plain(&found) {
        reader.expected(&path, "a path such as `/hooks/approvals`");
    }
    let authority = match authority {
        Some(field) => {
            let authority = reader.name(&field)?;
            if !is_plain(&authority) {
                reader.expected(&field, "a host name");
            }
            authority
        }
        None => cluster.clone(),
    };
    let seconds = timeout.map(|field| {
        let seconds = read_duration(reader, &field);
        if seconds.is_some_and(|seconds| !(1..=60).contains(&seconds)) {
            reader.expected(&field, "a duration from 1s to 60s");
        }
        seconds.unwrap_or_default()
    });
    Some(Notify {
        cluster: cluster.into(),
        path: found.into(),
        authority: authority.into(),
        hmac_secret: secret(reader, &hmac_secret?, MIN_SECRET)?,
        timeout: seconds.unwrap_or(5),
    })
}

/// What goes into a header as it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A secret of at least so many bytes.
fn secret(reader: &mut Reader, field: &Field<'_>, least: usize) -> Option<Box<str>> {
    let text = field.value.as_str().filter(|text| text.len() >= least);
    if text.is_none() {
        let expected = format!("at least {least} bytes of text that nobody can guess");
        reader.expected_secret(field, &expected);
    }
    text.map(|text| (*text).into())
}
