//! What is asked of a policy.

use crate::identity::Principal;
use crate::json::Value;
use crate::mcp::List;
use crate::pins::Pinned;
use crate::policy::{Catalog, Policy};

/// Kinds of things a policy speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A tool, by name.
    Tool,
    /// A prompt, by name.
    Prompt,
    /// A resource, by URI.
    Resource,
}

impl Target {
    /// Its word in texts.
    pub fn word(self) -> &'static str {
        match self {
            Target::Tool => "Tool",
            Target::Prompt => "Prompt",
            Target::Resource => "Resource",
        }
    }

    /// Its word in questions.
    pub fn key(self) -> &'static str {
        match self {
            Target::Tool => "tool",
            Target::Prompt => "prompt",
            Target::Resource => "resource",
        }
    }

    /// Where rules on it stand in a policy.
    pub(super) fn base(self) -> &'static str {
        match self {
            Target::Tool => "",
            Target::Prompt => "/prompts",
            Target::Resource => "/resources",
        }
    }

    /// What the entries of a list are.
    pub fn listed_by(list: List) -> Self {
        match list {
            List::Tools => Target::Tool,
            List::Prompts => Target::Prompt,
            List::Resources | List::Templates | List::Skills => Target::Resource,
        }
    }

    /// The rules on targets of this kind.
    pub fn catalog(self, policy: &Policy) -> &Catalog {
        match self {
            Target::Tool => &policy.tools,
            Target::Prompt => &policy.prompts,
            Target::Resource => &policy.resources,
        }
    }
}

/// What is asked of the policy.
#[derive(Clone, Copy, Debug)]
pub struct AccessRequest<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// What kind of thing for.
    pub target: Target,
    /// Its name or URI, a string.
    pub name: Value<'a>,
    /// The arguments, if there are any.
    pub arguments: Option<Value<'a>>,
    /// What the counters hold that the rules on this target read: see [`read_counters`](super::read_counters).
    pub counters: Option<Value<'a>>,
    /// The session, if the gate saw a server issue it to this principal.
    pub session: Option<&'a str>,
    /// What pins say of it; absent for what is no tool, and where nothing is pinned.
    pub pinned: Option<Pinned<'a>>,
}
