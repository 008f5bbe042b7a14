//! `console`: who may look, decide and stop.

use super::reader::{Field, Object, Reader};
use crate::console::Approver;
use crate::identity::TokenHash;

/// The approver that `console.token_sha256` makes.
const ANYBODY: &str = "console";

/// Reads `console`: `{token_sha256, approvers: [{id, token_sha256, groups, grants}]}`.
pub(super) fn read(reader: &mut Reader, field: Field<'_>) -> Vec<Approver> {
    let at = field.at.clone();
    let mut approvers: Vec<Approver> = Vec::new();
    let Some(mut object) = reader.object(field) else {
        return approvers;
    };
    let shared = object.take("token_sha256");
    let listed = object.take("approvers");
    let shares = shared.is_some();
    if let Some(token) = shared.and_then(|field| read_token(reader, &field)) {
        approvers.push(Approver {
            id: ANYBODY.into(),
            token,
            groups: Vec::new(),
            own: vec![ANYBODY.into()],
        });
    }
    let items = listed.map(|field| reader.list(&field)).unwrap_or_default();
    let none = items.is_empty() && !shares;
    for item in items {
        let at = item.at.clone();
        let Some(approver) = read_approver(reader, item) else {
            continue;
        };
        for other in &approvers {
            if other.id == approver.id {
                reader.error(&at, format!("two approvers have the id `{}`", approver.id));
            }
            if other.token == approver.token {
                reader.error(&at, "two approvers have the same token");
            }
        }
        approvers.push(approver);
    }
    object.finish(reader);
    if none {
        let message =
            "a console needs `approvers`, or `token_sha256` for one token that everybody shares";
        reader.error(&at, message);
    }
    approvers
}

fn read_approver(reader: &mut Reader, field: Field<'_>) -> Option<Approver> {
    let at = field.at.clone();
    let mut object = reader.object(field)?;
    let id = object.take("id").and_then(|field| reader.name(&field));
    let token = object
        .take("token_sha256")
        .and_then(|field| read_token(reader, &field));
    let groups = read_names(reader, &mut object, "groups");
    let mut own = read_names(reader, &mut object, "grants");
    for key in ["id", "token_sha256"] {
        if !object.has(key) {
            reader.error(&at, format!("an approver needs `{key}`"));
        }
    }
    object.finish(reader);
    let id: Box<str> = id?.into();
    own.push(id.clone());
    Some(Approver {
        id,
        token: token?,
        groups,
        own,
    })
}

fn read_names(reader: &mut Reader, object: &mut Object<'_>, key: &'static str) -> Vec<Box<str>> {
    let items = object.take(key).map(|field| reader.list(&field));
    let items = items.unwrap_or_default();
    let names = items.iter().filter_map(|item| reader.name(item));
    names.map(Into::into).collect()
}

/// Reads `token_sha256`.
pub(super) fn read_token(reader: &mut Reader, field: &Field<'_>) -> Option<TokenHash> {
    let hash = field.value.as_str().and_then(|hex| TokenHash::parse(&hex));
    if hash.is_none() {
        reader.expected_secret(field, "the SHA-256 of the token: 64 hexadecimal digits");
    }
    hash
}
