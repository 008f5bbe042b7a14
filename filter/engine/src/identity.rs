//! Who is calling.

use crate::json::Document;

/// A caller, as established by the configured sources. Without sources all callers are one principal.
#[derive(Clone, Debug, Default)]
pub struct Principal {
    /// Unique among principals; counters with scope grant are kept by it.
    pub id: Box<str>,
    /// Flat claims, as an object; what `identity.*` paths read.
    pub claims: Option<Document<'static>>,
}

impl Principal {
    /// The one principal of a gate without identity sources.
    pub fn anonymous() -> Self {
        Principal {
            id: "anonymous".into(),
            claims: None,
        }
    }
}
