//! The definition one tool must have.

use super::schema::Schema;
use crate::text::escape;

/// One pinned tool.
#[derive(Debug)]
pub struct Pin {
    /// Its name.
    pub name: Box<str>,
    /// As [`digest`] makes it.
    pub digest: Box<str>,
    /// What arguments are held to.
    pub schema: Option<Schema>,
}

impl Pin {
    /// `/pins/<tool>`
    pub(super) fn pointer(&self) -> String {
        let mut pointer = String::from("/pins/");
        pointer.push_str(&escape(&self.name));
        pointer
    }
}
