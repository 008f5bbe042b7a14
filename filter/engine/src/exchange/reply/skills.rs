//! Skills in replies (SEP-2640): a file, or the entry of a skill, is shown as it is or not at all, for its client checks what it gets
//! against a digest and must not use anything else.

use crate::json::{Document, Edits, Value};
use crate::mcp::{List, is_skill_file};
use crate::refusal::{Denial, Own};

/// Takes listed skills out in which something is to be changed.
///
/// # Errors
/// The message holds the file or the entry of a skill in which something is to be changed.
pub(super) fn keep_whole(
    document: &Document<'_>,
    message: Value<'_>,
    edits: &mut Edits,
) -> Result<(), Denial> {
    let Some(result) = message.get("result") else {
        return Ok(());
    };
    let changes =
        |edits: &Edits, part: Value<'_>| edits.within(document.text(), part.span()).is_some();
    let skill = result.get("skill").into_iter();
    let mut whole = skill.chain(files(result));
    if whole.any(|part| changes(edits, part)) {
        return Err(changed());
    }
    let Some(skills) = result.get(List::Skills.key()) else {
        return Ok(());
    };
    let all: Vec<Value<'_>> = skills.items().collect();
    let kept: Vec<&str> = all
        .iter()
        .filter(|skill| !changes(edits, **skill))
        .map(|skill| skill.raw())
        .collect();
    if kept.len() < all.len() {
        edits.remove(skills.span());
        edits.replace(skills.span(), format!("[{}]", kept.join(",")));
    }
    Ok(())
}

/// The refusal of a skill that could only be shown changed.
pub(super) fn changed() -> Denial {
    let reason = "A skill was withheld: what would have to be changed in it belongs to its digest.";
    Denial::own(Own::ResultsSkill, reason)
}

/// Whether a result holds the file of a skill.
pub(super) fn holds_file(result: Value<'_>) -> bool {
    files(result).next().is_some()
}

/// The files of skills among the contents of a result.
fn files<'d>(result: Value<'d>) -> impl Iterator<Item = Value<'d>> {
    let contents = result.get("contents").into_iter();
    contents
        .flat_map(|contents| contents.items())
        .filter(|item| {
            let uri = item.get("uri").and_then(|uri| uri.as_str());
            uri.is_some_and(|uri| is_skill_file(&uri))
        })
}
