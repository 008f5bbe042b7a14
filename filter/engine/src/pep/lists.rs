//! Lists show what may be called, and nothing else.
//!
//! Entries are taken out of the text of a reply; every other byte stays. What cannot be read as a list (a
//! `Tools` next to `tools`, an entry without a name) is not shown at all. Lists of tools are also where it shows that one
//! has changed since it was pinned: [`Inspection`].

use crate::counters::Store;
use crate::identity::Principal;
use crate::json::{Decimal, Document, Edits, Kind, Limits, Text, Value, quoted};
use crate::mcp::{DIRECTORY, List, within_directory};
use crate::pdp;
use crate::pins::{self, OnDrift, ServerPins};
use crate::policy::{Budget, Policy};
use crate::rpc;
use crate::time::Timestamp;

/// Longest time a client may keep a filtered list, in milliseconds: a change of policy shows within it.
const MAX_TTL_MS: &str = "60000";

/// A reply that may hold a list but could not be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unjudgeable;

/// Filters lists for one caller.
#[derive(Clone, Copy, Debug)]
pub struct ListFilter<'a> {
    /// The caller's policy; without one everything is hidden.
    pub policy: Option<&'a Policy>,
    /// Whether the policy takes entries out at all; if not, lists are only held against pins.
    pub by_policy: bool,
    /// The caller.
    pub principal: &'a Principal,
    /// Lists the request asked for. With any, every list in the reply is filtered, wherever it stands; with none
    /// (an answer to something else, a stream that may redeliver anything), the results of responses are.
    pub asked: &'a [List],
    /// What looking at it may still cost. What there is none for is not listed.
    pub work: &'a Budget,
}

/// Holds listed tools against their pins, and keeps what it finds.
pub struct Inspection<'a> {
    /// The pins.
    pub pins: ServerPins<'a>,
    /// Where it is remembered for calls.
    pub store: &'a mut dyn Store,
    /// Now.
    pub now: Timestamp,
    /// Whether the lists are the server's answer of now: only that clears a tool. A stream may redeliver what was true
    /// before.
    pub is_fresh: bool,
    /// Whether what is found is only recorded.
    pub observe: bool,
    /// Pinned tools that were listed otherwise, in the order they were found.
    pub drifted: Vec<Box<str>>,
}

/// What pins say of one listed tool.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listed {
    /// It has no pin.
    Unknown,
    /// It is as it was pinned; with the number of its pin.
    Pinned(usize),
    /// It is not.
    Drifted(usize),
}

impl ListFilter<'_> {
    /// The text that may be shown in place of that of a document; `None` if it may be shown as it is.
    ///
    /// # Errors
    /// [`Unjudgeable`] if it must not be shown.
    pub fn apply(
        &self,
        document: &Document<'_>,
        mut inspection: Option<&mut Inspection<'_>>,
    ) -> Result<Option<String>, Unjudgeable> {
        let mut edits = Edits::default();
        let (_, messages) = rpc::messages(document);
        for message in messages {
            if self.asked.is_empty() {
                self.response(message, &mut edits, inspection.as_deref_mut())?;
            } else {
                self.anywhere(message, 0, &mut edits, inspection.as_deref_mut())?;
            }
        }
        if edits.is_empty() {
            return Ok(None);
        }
        let shortened = edits.apply(document.text());
        shortened.map(Some).ok_or(Unjudgeable)
    }

    /// A message of a stream that may redeliver anything: lists stand in the result of a response.
    fn response(
        &self,
        message: Value<'_>,
        edits: &mut Edits,
        inspection: Option<&mut Inspection<'_>>,
    ) -> Result<(), Unjudgeable> {
        if rpc::looks_alike(message, &["result", "method"]) {
            return Err(Unjudgeable);
        }
        let Some(result) = message
            .get("result")
            .filter(|result| result.kind() == Kind::Object)
        else {
            return Ok(());
        };
        self.result(result, true, edits, inspection)
    }

    /// Filters the lists among the members of an object. What stands under the key of a list that was asked for
    /// must be one. `is_answer` tells that the object is the result of a response.
    fn result(
        &self,
        result: Value<'_>,
        is_answer: bool,
        edits: &mut Edits,
        mut inspection: Option<&mut Inspection<'_>>,
    ) -> Result<(), Unjudgeable> {
        let keys = List::ALL.map(List::key);
        if rpc::looks_alike(result, &keys) {
            return Err(Unjudgeable);
        }
        self.skill(result, edits)?;
        let mut is_own = false;
        for list in List::ALL {
            let Some(entries) = result.get(list.key()) else {
                continue;
            };
            if entries.kind() == Kind::Array {
                let inspection = inspection.as_deref_mut();
                let inspection = inspection.filter(|_| list == List::Tools);
                let removed = self.entries(list, entries, is_answer, edits, inspection)?;
                is_own |= removed || self.may_shorten(list);
            } else if self.asked.contains(&list) {
                return Err(Unjudgeable);
            }
        }
        if is_own {
            make_private(result, edits);
        }
        Ok(())
    }

    /// The one skill of a result is shown if it would be listed: not with a file of which the caller may not know.
    fn skill(&self, result: Value<'_>, edits: &mut Edits) -> Result<(), Unjudgeable> {
        let skill = result.get("skill").filter(|_| self.by_policy);
        let Some(skill) = skill.filter(|skill| skill.get("uri").is_some()) else {
            return Ok(());
        };
        let uri = skill.get("uri").filter(|uri| uri.as_text().is_some());
        let uri = uri.ok_or(Unjudgeable)?;
        let shown = self.policy.is_some_and(|policy| {
            is_shown(policy, self.principal, List::Skills, skill, uri, self.work)
        });
        if !shown {
            return Err(Unjudgeable);
        }
        if self.may_shorten(List::Skills) {
            make_private(result, edits);
        }
        Ok(())
    }

    /// Whether another caller may see another list of this kind.
    fn may_shorten(&self, list: List) -> bool {
        self.by_policy
            && self
                .policy
                .is_none_or(|policy| pdp::Target::listed_by(list).catalog(policy).may_unlist())
    }

    /// Filters every list, wherever it stands. Recursion is bounded by the reader's limit on nesting.
    fn anywhere(
        &self,
        value: Value<'_>,
        depth: usize,
        edits: &mut Edits,
        mut inspection: Option<&mut Inspection<'_>>,
    ) -> Result<(), Unjudgeable> {
        let below = depth.saturating_add(1);
        match value.kind() {
            Kind::Object => {
                self.result(value, depth == 1, edits, inspection.as_deref_mut())?;
                let is_list = |key: Text<'_>| List::ALL.iter().any(|list| key.is(list.key()));
                for (key, member) in value.members() {
                    let is_skill = key.is("skill") && member.get("uri").is_some();
                    if is_skill || (is_list(key) && member.kind() == Kind::Array) {
                        continue;
                    }
                    let below = match depth == 0 && !key.is("result") {
                        true => 2,
                        false => below,
                    };
                    self.anywhere(member, below, edits, inspection.as_deref_mut())?;
                }
                Ok(())
            }
            Kind::Array => value.items().try_for_each(|item| {
                self.anywhere(item, below.max(2), edits, inspection.as_deref_mut())
            }),
            _ => Ok(()),
        }
    }

    /// Takes entries out of one list; returns whether it did.
    fn entries(
        &self,
        list: List,
        entries: Value<'_>,
        is_answer: bool,
        edits: &mut Edits,
        inspection: Option<&mut Inspection<'_>>,
    ) -> Result<bool, Unjudgeable> {
        let names = entries.items().map(|entry| {
            let key = list.entry_key();
            if rpc::looks_alike(entry, &[key]) {
                return Err(Unjudgeable);
            }
            let name = entry.get(key).filter(|name| name.as_text().is_some());
            name.ok_or(Unjudgeable)
        });
        let names: Vec<Value<'_>> = names.collect::<Result<_, _>>()?;
        let hidden = match inspection {
            Some(inspection) => self.inspect(entries, &names, is_answer, inspection),
            None => Vec::new(),
        };
        let mut kept = Vec::new();
        for (index, (entry, name)) in entries.items().zip(&names).enumerate() {
            let shown = self.policy.is_some_and(|policy| {
                !self.by_policy || is_shown(policy, self.principal, list, entry, *name, self.work)
            });
            if shown && hidden.get(index) != Some(&true) {
                kept.push(entry.raw());
            }
        }
        let removed = kept.len() != names.len();
        if removed {
            edits.replace(entries.span(), format!("[{}]", kept.join(",")));
        }
        Ok(removed)
    }

    /// Which tools are not shown because of their pins.
    fn inspect(
        &self,
        entries: Value<'_>,
        names: &[Value<'_>],
        is_answer: bool,
        inspection: &mut Inspection<'_>,
    ) -> Vec<bool> {
        let pins = inspection.pins;
        let mut found: Vec<Listed> = entries
            .items()
            .zip(names)
            .map(|(tool, name)| {
                let name = name.as_str().unwrap_or_default();
                let Some((number, pin)) = pins.find(&name) else {
                    return Listed::Unknown;
                };
                match !pins::is_ambiguous(tool) && *pins::digest(tool) == *pin.digest {
                    true => Listed::Pinned(number),
                    false => Listed::Drifted(number),
                }
            })
            .collect();
        // A name that is listed twice stands for nothing in particular.
        let mut times = vec![0_u8; pins.len()];
        for listed in &found {
            if let Listed::Pinned(number) | Listed::Drifted(number) = listed
                && let Some(times) = times.get_mut(*number)
            {
                *times = times.saturating_add(1);
            }
        }
        let mut hidden = Vec::with_capacity(found.len());
        for (listed, name) in found.iter_mut().zip(names) {
            if let Listed::Pinned(number) = *listed
                && times.get(number).is_some_and(|times| *times > 1)
            {
                *listed = Listed::Drifted(number);
            }
            let drifted = match listed {
                Listed::Unknown => {
                    hidden.push(!pins.allows_unknown());
                    continue;
                }
                Listed::Pinned(_) => false,
                Listed::Drifted(_) => true,
            };
            let name = name.as_str().unwrap_or_default();
            let remembered = inspection.remember(&name, drifted, is_answer);
            hidden.push(match pins.on_drift() {
                OnDrift::Hide => drifted,
                // What cannot be denied later is not shown now.
                OnDrift::Deny => drifted && !remembered,
                OnDrift::Observe => false,
            });
        }
        let is_observed = |name: &Value<'_>| {
            let name = name.as_str().unwrap_or_default();
            let policy = self.policy;
            inspection.observe || policy.is_some_and(|policy| pdp::is_in_shadow(policy, &name))
        };
        for (hidden, name) in hidden.iter_mut().zip(names) {
            *hidden = *hidden && !is_observed(name);
        }
        hidden
    }
}

impl Inspection<'_> {
    /// Most names kept: a record is bounded.
    const MOST: usize = 32;

    /// Keeps what was found of a tool; returns whether it will be known when the tool is called.
    fn remember(&mut self, name: &str, drifted: bool, is_answer: bool) -> bool {
        let Some((_, pin)) = self.pins.find(name) else {
            return true;
        };
        // What looks like a list elsewhere may be of anybody's making, such as what a caller had a tool repeat.
        if !is_answer {
            return false;
        }
        let is_new = drifted && !self.drifted.iter().any(|known| **known == *name);
        if is_new && self.drifted.len() < Self::MOST {
            self.drifted.push(name.into());
        }
        if !drifted && !self.is_fresh {
            return true;
        }
        let when = (self.now, self.pins.settle());
        pins::drift::save(self.store, self.pins.server(), pin, drifted, when).is_ok()
    }
}

/// Whether an entry of a list is shown. A skill is with all its files, for a client must not use a part of one; a directory
/// among resources is judged by what is in it.
fn is_shown(
    policy: &Policy,
    principal: &Principal,
    list: List,
    entry: Value<'_>,
    name: Value<'_>,
    work: &Budget,
) -> bool {
    let listed = |uri: Value<'_>| pdp::listed(policy, principal, list, uri, work);
    match list {
        List::Skills => {
            let files = entry.get("resources");
            // Text says that the files are made when they are read.
            let is_manifest =
                |files: Value<'_>| files.kind() == Kind::Array || files.as_text().is_some();
            if !files.is_some_and(is_manifest) {
                return false;
            }
            let mut files = files.iter().flat_map(|files| files.items());
            let is_readable = |file: Value<'_>| {
                !rpc::looks_alike(file, &["uri"]) && file.get("uri").is_some_and(listed)
            };
            !rpc::looks_alike(entry, &["resources"]) && listed(name) && files.all(is_readable)
        }
        List::Resources if is_directory(entry) => {
            let quoted = quoted(&within_directory(&name.as_str().unwrap_or_default()));
            Document::parse(quoted.as_bytes(), &Limits::REPLY)
                .is_ok_and(|document| listed(document.root()))
        }
        _ => listed(name),
    }
}

fn is_directory(entry: Value<'_>) -> bool {
    entry
        .get("mimeType")
        .and_then(|kind| kind.as_text())
        .is_some_and(|kind| kind.is(DIRECTORY))
}

/// A filtered list is this caller's alone, on every page, and not for long.
fn make_private(result: Value<'_>, edits: &mut Edits) {
    if let Some(scope) = result.get("cacheScope")
        && !scope.as_text().is_some_and(|scope| scope.is("private"))
    {
        edits.replace(scope.span(), r#""private""#);
    }
    if let Some(ttl) = result.get("ttlMs") {
        let most = Decimal::parse(MAX_TTL_MS);
        let within = match (ttl.as_decimal(), most) {
            (Some(ttl), Some(most)) => ttl.compare(&most).is_le(),
            _ => false,
        };
        if !within {
            edits.replace(ttl.span(), MAX_TTL_MS);
        }
    }
}
