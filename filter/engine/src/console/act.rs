//! What people do: decide, stop and resume, revoke and reinstate. Each act leaves a record, and so does each refusal.

use super::context::{Answer, Context};
use super::record::record;
use super::refusal::{Checked, Refusal, lost, refuse, unknown};
use super::reply;
use super::settings::Approver;
use crate::approvals::{self, DecideError};
use crate::audit::{Outcome, Record};
use crate::control;
use crate::json::{Document, Kind, Limits, ObjectWriter};
use crate::text::clip;

/// Longest reason, in characters.
const MAX_REASON: usize = 500;
/// Longest id of a grant, in bytes.
const MAX_ID: usize = 1024;
/// A body is a flat object.
const LIMITS: Limits = Limits {
    depth: 4,
    values: 64,
    ..Limits::WIRE
};

/// What the body of an act says.
#[derive(Default)]
struct Wish {
    reason: String,
    confirmed: bool,
    grant: String,
}

/// Reads a body: an object with `keys` and no others.
fn read(body: &[u8], keys: &[&str]) -> Checked<Wish> {
    let malformed = |message| {
        refuse(
            400,
            "json",
            message,
            "send one JSON object (RFC 8259), in UTF-8",
        )
    };
    let Ok(document) = Document::parse(body, &LIMITS) else {
        return malformed("the body is not exactly one JSON value");
    };
    let root = document.root();
    if root.kind() != Kind::Object {
        return malformed("the body is not an object");
    }
    let mut wish = Wish::default();
    for (key, value) in root.members() {
        let key = key.decode();
        if !keys.contains(&&*key) {
            return malformed("the body has a key that means nothing here");
        }
        match (&*key, value.as_str(), value.as_bool()) {
            ("reason", Some(text), _) => wish.reason = text.trim().to_owned(),
            ("grant", Some(text), _) => wish.grant = text.into_owned(),
            ("confirm", _, Some(flag)) => wish.confirmed = flag,
            _ => return malformed("a value in the body is of the wrong type"),
        }
    }
    if wish.reason.chars().count() > MAX_REASON {
        return refuse(
            400,
            "reason",
            "the reason is too long",
            "use at most 500 characters",
        );
    }
    Ok(wish)
}

fn unconfirmed<T>() -> Checked<T> {
    refuse(
        400,
        "confirm",
        "this has to be confirmed",
        "send `\"confirm\": true` in the body",
    )
}

/// An act that was done.
fn done(record: Record, object: &str) -> Answer {
    Answer {
        reply: reply::json(200, object),
        records: vec![record],
    }
}

/// Approves or rejects a question.
pub(super) fn decide(
    cx: &mut Context<'_>,
    who: &Approver,
    id: &str,
    approve: bool,
    body: &[u8],
) -> Checked<Answer> {
    let wish = read(body, &["reason"])?;
    if !approve && wish.reason.is_empty() {
        return refuse(
            400,
            "reason",
            "a rejection needs a reason",
            "send `reason`: the agent reads it",
        );
    }
    let decided = approvals::decide(cx.store, cx.now, id, approve, &who.decides(), &wish.reason);
    let question = match decided {
        Ok(question) => question,
        Err(DecideError::Unknown) => return unknown(),
        Err(error) => {
            let (status, word, hint) = match error {
                DecideError::NotApprover => (403, "group", "ask somebody in one of `approvers`"),
                DecideError::OwnCall => (403, "own-call", "ask another approver"),
                DecideError::Lost => (503, "store", "try again; look at the proxy's log"),
                _ => (409, "closed", "list what waits"),
            };
            return refuse(status, word, error.message(), hint);
        }
    };
    let action = if approve { "approve" } else { "reject" };
    let mut record = record(cx, &who.id, action, Outcome::Allow);
    record.approval = Some(Box::new(question.notice(cx.now)));
    record.target = Some(clip(&question.target));
    record.rule = Some(clip(&question.rule));
    record.server = question.server.as_deref().map(clip);
    record.policy = question.policy.as_deref().map(clip);
    record.reason = Some(clip(&wish.reason)).filter(|reason| !reason.is_empty());
    Ok(done(record, &question.to_json()))
}

/// Stops everything, or ends that.
pub(super) fn stop(
    cx: &mut Context<'_>,
    who: &Approver,
    stop: bool,
    body: &[u8],
) -> Checked<Answer> {
    let wish = read(body, &["reason", "confirm"])?;
    if !wish.confirmed {
        return unconfirmed();
    }
    let stopped = if stop {
        control::stop(cx.store, cx.now, &who.id, &wish.reason).map(|_| true)
    } else {
        control::resume(cx.store).map(|was| was.is_some())
    };
    if !stopped.map_err(lost)? {
        return refuse(
            409,
            "running",
            "nothing is stopped",
            "there is nothing to resume",
        );
    }
    let action = if stop { "stop" } else { "resume" };
    let mut record = record(cx, &who.id, action, Outcome::Allow);
    record.reason = Some(clip(&wish.reason)).filter(|reason| !reason.is_empty());
    let mut object = ObjectWriter::default();
    object.flag("stopped", stop);
    object.text(
        "lasts",
        if stop {
            "until resume or a restart of the proxy; `stopped: true` in the gate's configuration lasts"
        } else {
            "as the configuration has it"
        },
    );
    Ok(done(record, &object.finish()))
}

/// Revokes a grant, or gives it back.
pub(super) fn grant(
    cx: &mut Context<'_>,
    who: &Approver,
    revoke: bool,
    body: &[u8],
) -> Checked<Answer> {
    let wish = read(body, &["grant", "reason", "confirm"])?;
    if wish.grant.is_empty() || wish.grant.len() > MAX_ID {
        return refuse(400, "grant", "no grant is named", "send `grant`: its id");
    }
    if !wish.confirmed {
        return unconfirmed();
    }
    if !revoke && who.owns(&wish.grant) {
        return refuse(
            403,
            "own-grant",
            "the grant is your own",
            "ask another approver to reinstate it",
        );
    }
    let changed = if revoke {
        control::revoke(cx.store, cx.now, &wish.grant, &who.id, &wish.reason)
    } else {
        control::reinstate(cx.store, &wish.grant)
    };
    if !changed.map_err(lost)? {
        let refusal = if revoke {
            (
                507,
                "full",
                "too many grants are revoked here",
                "revoke it in the gate's configuration",
            )
        } else {
            (
                409,
                "not-revoked",
                "the grant was not revoked here",
                "one revoked in the configuration is reinstated there",
            )
        };
        let (status, word, message, hint) = refusal;
        return Err(Refusal {
            status,
            word,
            message,
            hint,
        });
    }
    let action = if revoke { "revoke" } else { "reinstate" };
    let mut record = record(cx, &who.id, action, Outcome::Allow);
    record.target = Some(clip(&wish.grant));
    record.reason = Some(clip(&wish.reason)).filter(|reason| !reason.is_empty());
    let mut object = ObjectWriter::default();
    object.text("grant", &wish.grant);
    object.flag("revoked", revoke);
    Ok(done(record, &object.finish()))
}
