//! Lists show what may be called, and nothing else.
//!
//! Entries are taken out of the text of a reply; every other byte stays. What cannot be read as a list (a
//! `Tools` next to `tools`, an entry without a name) is not shown at all.

use crate::identity::Principal;
use crate::json::{Decimal, Document, Edits, Kind, Text, Value};
use crate::mcp::List;
use crate::pdp;
use crate::policy::Policy;
use crate::rpc;

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
    /// The caller.
    pub principal: &'a Principal,
    /// Lists the request asked for. With any, every list in the reply is filtered, wherever it stands; with none
    /// (an answer to something else, a stream that may redeliver anything), the results of responses are.
    pub asked: &'a [List],
}

impl ListFilter<'_> {
    /// The text that may be shown in place of that of a document; `None` if it may be shown as it is.
    ///
    /// # Errors
    /// [`Unjudgeable`] if it must not be shown.
    pub fn apply(&self, document: &Document<'_>) -> Result<Option<String>, Unjudgeable> {
        let mut edits = Edits::default();
        let (_, messages) = rpc::messages(document);
        for message in messages {
            if self.asked.is_empty() {
                self.response(message, &mut edits)?;
            } else {
                self.anywhere(message, &mut edits)?;
            }
        }
        if edits.is_empty() {
            return Ok(None);
        }
        let shortened = edits.apply(document.text());
        shortened.map(Some).ok_or(Unjudgeable)
    }

    /// A message of a stream that may redeliver anything: lists stand in the result of a response.
    fn response(&self, message: Value<'_>, edits: &mut Edits) -> Result<(), Unjudgeable> {
        if rpc::looks_alike(message, &["result", "method"]) {
            return Err(Unjudgeable);
        }
        let Some(result) = message
            .get("result")
            .filter(|result| result.kind() == Kind::Object)
        else {
            return Ok(());
        };
        self.result(result, edits)
    }

    /// Filters the lists among the members of an object. What stands under the key of a list that was asked for
    /// must be one.
    fn result(&self, result: Value<'_>, edits: &mut Edits) -> Result<(), Unjudgeable> {
        let keys = List::ALL.map(List::key);
        if rpc::looks_alike(result, &keys) {
            return Err(Unjudgeable);
        }
        let mut found = false;
        for list in List::ALL {
            let Some(entries) = result.get(list.key()) else {
                continue;
            };
            if entries.kind() == Kind::Array {
                found = true;
                self.entries(list, entries, edits)?;
            } else if self.asked.contains(&list) {
                return Err(Unjudgeable);
            }
        }
        if found {
            make_private(result, edits);
        }
        Ok(())
    }

    /// Filters every list, wherever it stands. Recursion is bounded by the reader's limit on nesting.
    fn anywhere(&self, value: Value<'_>, edits: &mut Edits) -> Result<(), Unjudgeable> {
        match value.kind() {
            Kind::Object => {
                self.result(value, edits)?;
                let is_list = |key: Text<'_>| List::ALL.iter().any(|list| key.is(list.key()));
                let mut others = value
                    .members()
                    .filter(|(key, member)| !is_list(*key) || member.kind() != Kind::Array);
                others.try_for_each(|(_, member)| self.anywhere(member, edits))
            }
            Kind::Array => value
                .items()
                .try_for_each(|item| self.anywhere(item, edits)),
            _ => Ok(()),
        }
    }

    fn entries(
        &self,
        list: List,
        entries: Value<'_>,
        edits: &mut Edits,
    ) -> Result<(), Unjudgeable> {
        let mut kept = Vec::new();
        let mut removed = false;
        for entry in entries.items() {
            let key = list.entry_key();
            if rpc::looks_alike(entry, &[key]) {
                return Err(Unjudgeable);
            }
            let name = entry
                .get(key)
                .filter(|name| name.as_text().is_some())
                .ok_or(Unjudgeable)?;
            if self
                .policy
                .is_some_and(|policy| pdp::listed(policy, self.principal, list, name))
            {
                kept.push(entry.raw());
            } else {
                removed = true;
            }
        }
        if removed {
            edits.replace(entries.span(), format!("[{}]", kept.join(",")));
        }
        Ok(())
    }
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
